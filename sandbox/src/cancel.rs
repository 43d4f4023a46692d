//! Ending runs from another thread, whether they wait for their turn or are under way.
//!
//! Knows nothing of what runs: whoever waits asks, or waits for the descriptor as well.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::error::SandboxError;

/// One that cannot be cancelled, for whoever needs it lent.
pub(crate) static NEVER: Cancel = Cancel::never();

/// Ends the runs that it was given to, those under way and those to come; clones end the same ones.
///
/// A run that was ended so is [`SandboxError::Cancelled`], and nothing of it is left once its call has returned.
/// The default is one that cannot be cancelled.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Reads as ended once there is no writer: the kernel wakes everybody who waits for it.
    reader: OwnedFd,
}

#[derive(Debug)]
struct State {
    writer: Option<OwnedFd>,
    sleepers: Vec<Weak<dyn Sleeper>>,
}

/// Somebody who waits where no descriptor wakes him.
pub(crate) trait Sleeper: std::fmt::Debug + Send + Sync {
    /// Called once, when it is cancelled.
    fn wake(&self);
}

/// Cancels when it is dropped, unless told that all went well: for callers that may be dropped themselves, such as
/// a future.
#[derive(Debug)]
#[must_use = "dropping it cancels"]
pub struct CancelOnDrop(Cancel);

impl Cancel {
    /// Nothing is cancelled yet. Fails where the process has no descriptors left.
    pub fn new() -> Result<Self, SandboxError> {
        let (reader, writer) =
            pipe2(OFlag::O_CLOEXEC).map_err(|errno| SandboxError::MakeStream {
                what: "means to cancel",
                source: errno.into(),
            })?;
        Ok(Self(Some(Arc::new(Shared {
            state: Mutex::new(State {
                writer: Some(writer),
                sleepers: Vec::new(),
            }),
            reader,
        }))))
    }

    /// What cannot be cancelled.
    pub const fn never() -> Self {
        Self(None)
    }

    /// Ends everything that this was given to. May be called more than once.
    pub fn cancel(&self) {
        let Some(shared) = &self.0 else { return };
        let mut state = shared.lock();
        let sleepers = std::mem::take(&mut state.sleepers);
        state.writer = None;
        drop(state);
        for sleeper in sleepers.iter().filter_map(Weak::upgrade) {
            sleeper.wake();
        }
    }

    /// Whether it was.
    pub fn is_cancelled(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|shared| shared.lock().writer.is_none())
    }

    /// Cancels when the guard is dropped.
    pub fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// An error if it was cancelled.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        if self.is_cancelled() {
            return Err(SandboxError::Cancelled);
        }
        Ok(())
    }

    /// Becomes readable when it is cancelled.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(|shared| shared.reader.as_fd())
    }

    /// Has the sleeper woken when it is cancelled, at once if it was already.
    pub(crate) fn wakes<S: Sleeper + 'static>(&self, sleeper: &Arc<S>) {
        let Some(shared) = &self.0 else { return };
        let mut state = shared.lock();
        if state.writer.is_none() {
            drop(state);
            return sleeper.wake();
        }
        // Those who have left are forgotten here, or a long life would collect them.
        state.sleepers.retain(|sleeper| sleeper.strong_count() > 0);
        let sleeper: Weak<S> = Arc::downgrade(sleeper);
        state.sleepers.push(sleeper);
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A descriptor is there or not: a poisoned state is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CancelOnDrop {
    /// Lets go without cancelling.
    pub fn disarm(mut self) {
        self.0 = Cancel::never();
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_readable(cancel: &Cancel) -> bool {
        let mut watched = [PollFd::new(cancel.descriptor().unwrap(), PollFlags::POLLIN)];
        poll(&mut watched, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn cancelling_reaches_every_clone_and_whoever_polls() {
        let cancel = Cancel::new().unwrap();
        let other = cancel.clone();
        assert!(!other.is_cancelled() && !is_readable(&other) && other.check().is_ok());
        cancel.cancel();
        cancel.cancel();
        assert!(other.is_cancelled() && is_readable(&other));
        assert!(matches!(other.check(), Err(SandboxError::Cancelled)));
    }

    #[test]
    fn a_guard_cancels_unless_it_is_disarmed() {
        let cancel = Cancel::new().unwrap();
        cancel.on_drop().disarm();
        assert!(!cancel.is_cancelled());
        drop(cancel.on_drop());
        assert!(cancel.is_cancelled());
        let never = Cancel::never();
        never.cancel();
        assert!(!never.is_cancelled() && never.descriptor().is_none());
    }

    #[derive(Debug, Default)]
    struct Counter(std::sync::atomic::AtomicUsize);

    impl Sleeper for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }

    #[test]
    fn sleepers_are_woken_once_and_forgotten_when_they_leave() {
        let cancel = Cancel::new().unwrap();
        for _ in 0..100 {
            cancel.wakes(&Arc::new(Counter::default()));
        }
        let early = Arc::new(Counter::default());
        cancel.wakes(&early);
        assert_eq!(cancel.0.as_ref().unwrap().lock().sleepers.len(), 1);
        cancel.cancel();
        let late = Arc::new(Counter::default());
        cancel.wakes(&late);
        for sleeper in [early, late] {
            assert_eq!(sleeper.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        }
    }
}
