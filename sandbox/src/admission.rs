//! Who may run next: at most so many at once, first come first served. Knows nothing of what runs.

use std::sync::{Condvar, Mutex, PoisonError};

/// A fair counting semaphore.
#[derive(Debug)]
pub(crate) struct Admission {
    queue: Mutex<Queue>,
    turn: Condvar,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    next_ticket: u64,
    now_serving: u64,
}

/// Leave to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a Admission);

impl Admission {
    pub(crate) fn new(permits: usize) -> Self {
        Self {
            queue: Mutex::new(Queue {
                free: permits,
                next_ticket: 0,
                now_serving: 0,
            }),
            turn: Condvar::new(),
        }
    }

    /// Waits until a permit is free and everybody who came earlier has one.
    pub(crate) fn enter(&self) -> Permit<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        while queue.free == 0 || queue.now_serving != ticket {
            queue = self
                .turn
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        queue.free -= 1;
        queue.now_serving += 1;
        let another_may_enter = queue.free > 0 && queue.now_serving < queue.next_ticket;
        drop(queue);
        if another_may_enter {
            self.turn.notify_all();
        }
        Permit(self)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .free += 1;
        self.0.turn.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn never_more_than_the_permits_run_at_once() {
        let admission = Admission::new(2);
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let permit = admission.enter();
                        most.fetch_max(
                            running.fetch_add(1, Ordering::SeqCst) + 1,
                            Ordering::SeqCst,
                        );
                        thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn first_come_first_served() {
        let admission = Admission::new(1);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            let first = admission.enter();
            for number in 0..5 {
                let (admission, sender) = (&admission, sender.clone());
                scope.spawn(move || {
                    let permit = admission.enter();
                    sender.send(number).unwrap();
                    drop(permit);
                });
                while admission.queue.lock().unwrap().next_ticket < number + 2 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            drop(first);
        });
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
