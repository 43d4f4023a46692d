//! A pipe between the two guests of a pair: whole writes in, at most one write out of each read.
//!
//! A read never joins two writes, so what a guest sees does not depend on which of the two was faster.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct State {
    writes: VecDeque<VecDeque<u8>>,
    writer_gone: bool,
    reader_gone: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one push, pop or flag, so the state is sound even after a panic elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that is read.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    deadline: Instant,
}

/// The end that is written.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

/// A new pipe whose reader waits no longer than `patience` from now in all.
pub(super) fn pipe(patience: Duration) -> (Reader, Writer) {
    let shared = Arc::new(Shared::default());
    let reader = Reader {
        shared: Arc::clone(&shared),
        deadline: Instant::now() + patience,
    };
    (reader, Writer { shared })
}

impl Reader {
    /// Reads at most one write; 0 at the end, nothing where the other side did not come in time.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Option<usize> {
        if buffer.is_empty() {
            return Some(0);
        }
        let mut state = self.shared.lock();
        loop {
            if let Some(write) = state.writes.front_mut() {
                let length = write.len().min(buffer.len());
                for (slot, byte) in buffer.iter_mut().zip(write.drain(..length)) {
                    *slot = byte;
                }
                if write.is_empty() {
                    state.writes.pop_front();
                }
                return Some(length);
            }
            if state.writer_gone {
                return Some(0);
            }
            let left = self.deadline.checked_duration_since(Instant::now())?;
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().reader_gone = true;
    }
}

impl Writer {
    /// Passes the bytes on; false where nobody reads any more.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let mut state = self.shared.lock();
        if state.reader_gone {
            return false;
        }
        if !bytes.is_empty() {
            state.writes.push_back(bytes.iter().copied().collect());
            self.shared.changed.notify_one();
        }
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().writer_gone = true;
        self.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_gives_at_most_one_write_and_the_end_is_seen() {
        let (reader, writer) = pipe(Duration::from_secs(10));
        assert!(writer.write(b"abc") && writer.write(b"") && writer.write(b"d"));
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer[..2]), Some(2));
        assert_eq!(reader.read(&mut buffer), Some(1));
        assert_eq!((reader.read(&mut buffer), buffer[0]), (Some(1), b'd'));
        drop(writer);
        assert_eq!(reader.read(&mut buffer), Some(0));
    }

    #[test]
    fn nobody_waits_for_ever_and_nobody_writes_to_the_dead() {
        let (reader, writer) = pipe(Duration::ZERO);
        assert_eq!(reader.read(&mut [0; 8]), None);
        drop(reader);
        assert!(!writer.write(b"x"));
    }
}
