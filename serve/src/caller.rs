//! Whoever waits for something that runs: once nobody wants it any more, it is ended.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rlef_sandbox::Cancel;

/// Somebody who waits. What runs for him is known here, so that his leaving ends it.
#[derive(Debug, Default)]
pub(crate) struct Caller(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    gone: bool,
    /// Ends what runs for him now.
    running: Option<Cancel>,
}

impl Caller {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each field is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this ends what runs for him now; `false` where he has left.
    pub(crate) fn start(&self, cancel: &Cancel) -> bool {
        let mut state = self.lock();
        if !state.gone {
            state.running = Some(cancel.clone());
        }
        !state.gone
    }

    /// Notes that nothing runs for him any more.
    pub(crate) fn end(&self) {
        self.lock().running = None;
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    /// He has left.
    pub(crate) fn leave(&self) {
        let running = {
            let mut state = self.lock();
            state.gone = true;
            state.running.take()
        };
        if let Some(cancel) = running {
            cancel.cancel();
        }
    }
}

/// Leaves when it is dropped, as the answer to a request is once its connection is closed.
#[derive(Debug)]
pub(crate) struct LeavesOnDrop(pub(crate) Arc<Caller>);

impl Drop for LeavesOnDrop {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_ends_what_runs_and_keeps_more_from_starting() {
        let caller = Caller::new();
        let [first, second, third] = [(); 3].map(|()| Cancel::new().unwrap());
        assert!(caller.start(&first));
        caller.end();
        assert!(caller.start(&second));
        drop(LeavesOnDrop(Arc::clone(&caller)));
        assert!(!first.is_cancelled() && second.is_cancelled());
        assert!(caller.is_gone() && !caller.start(&third) && !third.is_cancelled());
    }
}
