//! Who may run next: at most so many at once, first come first served, and whoever had a turn of some length lets
//! others have theirs. Knows nothing of what runs.
//!
//! Waiting is all the back-pressure there is: nothing is copied or queued but the callers themselves.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::{Cancel, Sleeper};
use crate::error::SandboxError;

/// How long a turn is while others wait. Beside it, ending a program and starting it again costs little.
const TURN: Duration = Duration::from_millis(100);

/// A fair counting semaphore.
#[derive(Debug)]
pub(crate) struct Admission {
    queue: Mutex<Queue>,
    turn: Duration,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    waiting: VecDeque<Arc<Waiter>>,
}

/// Somebody in the queue. He is woken alone: of a crowd all but one would have to sleep again.
#[derive(Debug)]
struct Waiter {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Still,
    Admitted,
    Cancelled,
}

/// Leave to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    admission: &'a Admission,
    since: Instant,
}

impl Admission {
    pub(crate) fn new(permits: usize) -> Self {
        Self::with_turn(permits, TURN)
    }

    fn with_turn(permits: usize, turn: Duration) -> Self {
        let (free, waiting) = (permits, VecDeque::new());
        Self {
            queue: Mutex::new(Queue { free, waiting }),
            turn,
        }
    }

    /// Waits until a permit is free and everybody who came earlier has had one.
    pub(crate) fn enter(&self, cancel: &Cancel) -> Result<Permit<'_>, SandboxError> {
        cancel.check()?;
        let mut queue = self.queue();
        if queue.free > 0 {
            // Whoever gives a permit back hands it to the first who waits, so nobody does.
            queue.free -= 1;
            return Ok(self.permit());
        }
        let waiter = Arc::new(Waiter {
            state: Mutex::new(Waiting::Still),
            changed: Condvar::new(),
        });
        queue.waiting.push_back(waiter.clone());
        drop(queue);
        cancel.wakes(&waiter);
        if waiter.wait() == Waiting::Admitted {
            return Ok(self.permit());
        }
        self.queue()
            .waiting
            .retain(|other| !Arc::ptr_eq(other, &waiter));
        Err(SandboxError::Cancelled)
    }

    fn permit(&self) -> Permit<'_> {
        Permit {
            admission: self,
            since: Instant::now(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a permit to the first who waits and was not cancelled.
    fn hand_on(&self) {
        let mut queue = self.queue();
        while let Some(waiter) = queue.waiting.pop_front() {
            if waiter.become_if_still(Waiting::Admitted) {
                return;
            }
        }
        queue.free += 1;
    }
}

impl Permit<'_> {
    /// Whether this turn has been long enough, and somebody waits for his.
    pub(crate) fn is_spent(&self) -> bool {
        self.since.elapsed() >= self.admission.turn && !self.admission.queue().waiting.is_empty()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.admission.hand_on();
    }
}

impl Waiter {
    fn wait(&self) -> Waiting {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while *state == Waiting::Still {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *state
    }

    /// The first to decide what becomes of him wins: a permit is never handed to somebody who left.
    fn become_if_still(&self, new: Waiting) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != Waiting::Still {
            return false;
        }
        *state = new;
        self.changed.notify_one();
        true
    }
}

impl Sleeper for Waiter {
    fn wake(&self) {
        self.become_if_still(Waiting::Cancelled);
    }
}

#[cfg(test)]
mod tests;
