//! The two pipes between the guests of a pair: whole writes in, at most one write out of each read.
//!
//! Nothing a guest sees here depends on which of the two was faster: a read never joins two writes, a write succeeds
//! whether or not the other has ended, and where both wait for one another the one with less time left is ended. An
//! interactor is told that the program's words are over only if the program ended well.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What one guest is doing.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says something else of one guest, in any combination"
)]
struct Side {
    /// What was written to it and not yet read.
    unread: VecDeque<VecDeque<u8>>,
    /// Nanoseconds of its virtual time that are left, while it waits for something to read.
    waits: Option<u64>,
    /// Both waited, and it was the one to be ended.
    given_up: bool,
    reads_no_more: bool,
    writes_no_more: bool,
    /// It ended otherwise than well.
    failed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    sides: Mutex<[Side; 2]>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, [Side; 2]> {
        // Every change is one push, pop or flag, so the state is sound even after a panic elsewhere.
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is nothing to read and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The other side waits as well.
    Deadlock,
    /// The other side did not come in time.
    Overdue,
    /// The program has failed, and this is its interactor.
    Failed,
}

/// Where one guest reads.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    side: usize,
    deadline: Instant,
    /// Set where this is an interactor, once it waits for a program that has failed.
    waited: Option<Waited>,
}

/// Whether an interactor waited for a program that had failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Waited(Arc<AtomicBool>);

impl Waited {
    /// Whether it did.
    pub(super) fn is_true(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where one guest writes.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    side: usize,
}

/// The ends of the left and of the right guest. Neither waits longer than `patience` from now in all.
pub(super) fn pipes(patience: Duration) -> [(Reader, Writer); 2] {
    let shared = Arc::new(Shared::default());
    let deadline = Instant::now() + patience;
    [0, 1].map(|side| {
        let reader = Reader {
            shared: Arc::clone(&shared),
            side,
            deadline,
            waited: None,
        };
        let writer = Writer {
            shared: Arc::clone(&shared),
            side,
        };
        (reader, writer)
    })
}

/// The ends of an interactor, which reads `preface` first, and of a program; and whether the first had to be ended
/// because it waited for the second.
pub(super) fn interaction(patience: Duration, preface: &[u8]) -> ([(Reader, Writer); 2], Waited) {
    let mut pipes = pipes(patience);
    let waited = Waited::default();
    let interactor = &mut pipes[0].0;
    interactor.waited = Some(waited.clone());
    if !preface.is_empty() {
        let preface = preface.iter().copied().collect();
        interactor.shared.lock()[0].unread.push_back(preface);
    }
    (pipes, waited)
}

impl Reader {
    /// Reads at most one write; 0 at the end. `left` is the nanoseconds of virtual time this guest may still wait.
    pub(super) fn read(&self, buffer: &mut [u8], left: u64) -> Result<usize, Silence> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let (own, other) = (self.side, 1 - self.side);
        let mut sides = self.shared.lock();
        loop {
            if let Some(write) = sides[own].unread.front_mut() {
                let length = write.len().min(buffer.len());
                for (slot, byte) in buffer.iter_mut().zip(write.drain(..length)) {
                    *slot = byte;
                }
                if write.is_empty() {
                    sides[own].unread.pop_front();
                }
                sides[own].waits = None;
                return Ok(length);
            }
            if sides[other].writes_no_more {
                sides[own].waits = None;
                if let (true, Some(waited)) = (sides[other].failed, &self.waited) {
                    waited.0.store(true, Ordering::Relaxed);
                    return Err(Silence::Failed);
                }
                return Ok(0);
            }
            if sides[own].given_up {
                return Err(Silence::Deadlock);
            }
            sides[own].waits = Some(left);
            let both_wait = sides[other].unread.is_empty() && !sides[other].given_up;
            if let (Some(rest), true) = (sides[other].waits, both_wait) {
                // The left one where they have the same left.
                let loser = if (left, own) < (rest, other) {
                    own
                } else {
                    other
                };
                sides[loser].given_up = true;
                self.shared.changed.notify_all();
                continue;
            }
            let wait = self
                .deadline
                .checked_duration_since(Instant::now())
                .ok_or(Silence::Overdue)?;
            sides = self
                .shared
                .changed
                .wait_timeout(sides, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut sides = self.shared.lock();
        sides[self.side].reads_no_more = true;
        sides[self.side].unread.clear();
    }
}

impl Writer {
    /// Passes the bytes on, or drops them where nobody reads any more.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut sides = self.shared.lock();
        let other = &mut sides[1 - self.side];
        if !bytes.is_empty() && !other.reads_no_more {
            other.unread.push_back(bytes.iter().copied().collect());
            self.shared.changed.notify_all();
        }
    }

    /// Says, before this is dropped, that its guest ended otherwise than well.
    pub(super) fn fail(&self) {
        self.shared.lock()[self.side].failed = true;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock()[self.side].writes_no_more = true;
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_gives_at_most_one_write_and_the_end_is_seen() {
        let [(_, writer), (reader, _)] = pipes(Duration::from_secs(10));
        writer.write(b"abc");
        writer.write(b"");
        writer.write(b"d");
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer[..2], 9), Ok(2));
        assert_eq!(reader.read(&mut buffer, 9), Ok(1));
        assert_eq!((reader.read(&mut buffer, 9), buffer[0]), (Ok(1), b'd'));
        drop(writer);
        assert_eq!(reader.read(&mut buffer, 9), Ok(0));
    }

    #[test]
    fn an_interactor_reads_its_preface_first_and_no_end_of_a_program_that_failed() {
        for (fails, end) in [(false, Ok(0)), (true, Err(Silence::Failed))] {
            let ([(reader, _), (_, writer)], waited) =
                interaction(Duration::from_secs(10), b"preface");
            writer.write(b"x");
            let mut buffer = [0; 8];
            assert_eq!(reader.read(&mut buffer, 9), Ok(7));
            assert_eq!(reader.read(&mut buffer, 9), Ok(1));
            if fails {
                writer.fail();
            }
            drop(writer);
            assert_eq!(reader.read(&mut buffer, 9), end);
            assert_eq!(waited.is_true(), fails);
        }
    }

    #[test]
    fn nobody_waits_for_ever_and_what_is_written_to_the_dead_is_dropped() {
        let [(reader, _writer), (other, writer)] = pipes(Duration::ZERO);
        assert_eq!(reader.read(&mut [0; 8], 9), Err(Silence::Overdue));
        drop(reader);
        writer.write(b"x");
        assert!(other.shared.lock()[0].unread.is_empty());
    }

    #[test]
    fn of_two_that_wait_the_one_with_less_time_is_ended() {
        for (left, right) in [(5, 9), (9, 5), (5, 5)] {
            let [(first, first_out), (second, second_out)] = pipes(Duration::from_mins(1));
            let (ended, stayed) = std::thread::scope(|scope| {
                let side = |reader: Reader, writer: Writer, time| {
                    let outcome = reader.read(&mut [0; 8], time);
                    drop(writer);
                    outcome
                };
                let second = scope.spawn(move || side(second, second_out, right));
                let first = side(first, first_out, left);
                let second = second.join().unwrap();
                if left <= right {
                    (first, second)
                } else {
                    (second, first)
                }
            });
            assert_eq!((ended, stayed), (Err(Silence::Deadlock), Ok(0)));
        }
    }
}
