//! Warm jails of one kind: taken, given back, and made anew in the background when one is lost.
//!
//! Knows nothing of programs or of who may run.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::blueprint::Blueprint;
use super::worker::Worker;
use crate::error::SandboxError;

/// Warm jails. Dropping it ends those that are idle, and waits for those that are being made.
#[derive(Debug)]
pub(crate) struct JailPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    blueprint: Blueprint,
    /// Jails kept at most, and made anew when fewer are left.
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    /// In somebody's hands.
    taken: usize,
    /// Being made in the background.
    coming: usize,
    makers: Vec<JoinHandle<()>>,
    closed: bool,
}

/// A jail in somebody's hands. Dropped it is lost, and another is made; see [`Taken::give_back`].
#[derive(Debug)]
pub(crate) struct Taken {
    // Dropped first, so that never more jails live than are meant to.
    worker: Worker,
    seat: Seat,
}

/// The place of a taken jail in the pool.
#[derive(Debug)]
struct Seat {
    shared: Arc<Shared>,
    lost: bool,
}

impl JailPool {
    /// A pool that keeps at most `most` jails, of which these are warm.
    pub(crate) fn new(blueprint: Blueprint, most: usize, idle: Vec<Worker>) -> Self {
        Self(Arc::new(Shared {
            blueprint,
            most,
            state: Mutex::new(State {
                idle,
                ..State::default()
            }),
            changed: Condvar::new(),
        }))
    }

    /// A warm jail; where there is none, the next that is made in the background, else one made now.
    pub(crate) fn take(&self) -> Result<Taken, SandboxError> {
        // Dropping a dead one takes a while: not under the lock.
        let mut dead = Vec::new();
        let mut state = self.0.lock();
        let warm = loop {
            match state.idle.pop() {
                Some(worker) if worker.is_alive() => break Some(worker),
                Some(worker) => dead.push(worker),
                None if state.coming > 0 => {
                    state = self
                        .0
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                None => break None,
            }
        };
        state.taken += 1;
        drop(state);
        let seat = Seat {
            shared: self.0.clone(),
            lost: true,
        };
        if !dead.is_empty() {
            drop(dead);
            self.0.refill();
        }
        let worker = match warm {
            Some(worker) => worker,
            None => Worker::spawn(&self.0.blueprint)?,
        };
        Ok(Taken { worker, seat })
    }
}

impl Drop for JailPool {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let makers = mem::take(&mut state.makers);
        drop(state);
        for maker in makers {
            // It has no way to panic that is not told elsewhere.
            let _ = maker.join();
        }
        let idle = mem::take(&mut self.0.lock().idle);
        drop(idle);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts are changed whole: a poisoned state is still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a jail made in the background if fewer are left than are to be kept.
    fn refill(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.closed || state.idle.len() + state.taken + state.coming >= self.most {
            return;
        }
        state.makers.retain(|maker| !maker.is_finished());
        let shared = self.clone();
        let maker = thread::Builder::new()
            .name("warm-jail".to_owned())
            .spawn(move || {
                // Whoever needs one meets the same failure, and can tell somebody.
                let made = Worker::spawn(&shared.blueprint).ok();
                let mut state = shared.lock();
                state.coming -= 1;
                let surplus = match made {
                    Some(worker) if !state.closed => {
                        state.idle.push(worker);
                        None
                    }
                    other => other,
                };
                drop(state);
                shared.changed.notify_all();
                drop(surplus);
            });
        // Without a thread the next who needs a jail makes it.
        if let Ok(maker) = maker {
            state.coming += 1;
            state.makers.push(maker);
        }
    }
}

impl Taken {
    /// Keeps the jail for the next run, unless it cannot be cleaned or there are enough.
    pub(crate) fn give_back(self) {
        let Self {
            mut worker,
            mut seat,
        } = self;
        if worker.broken || worker.program.is_some() && worker.end_program().is_err() {
            // Ended before its place is given up.
            drop(worker);
            return;
        }
        seat.lost = false;
        let mut state = seat.shared.lock();
        // A pair needs two.
        let surplus = if state.closed || state.idle.len() >= seat.shared.most.max(2) {
            Some(worker)
        } else {
            state.idle.push(worker);
            None
        };
        drop(state);
        drop(surplus);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.lock().taken -= 1;
        if self.lost {
            self.shared.refill();
        }
    }
}

impl Deref for Taken {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Worker {
        &mut self.worker
    }
}
