//! What has come by a connection of messages and is no whole message yet: counted with all that is held, so that nobody fills
//! the memory with messages that never end.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::places::{Held, Purse};

/// Counts nothing until it is started.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Option<Started>>);

#[derive(Debug)]
struct Started {
    purse: Purse,
    held: Held,
    /// When the first byte of a message had come that is not whole yet.
    since: Option<Instant>,
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Option<Started>> {
        // Each field is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from now on.
    pub(crate) fn start(&self, purse: Purse) {
        *self.lock() = Some(Started {
            purse,
            held: Held::default(),
            since: None,
        });
    }

    /// Notes that so many bytes have come; an error where there is no room for them.
    pub(crate) fn came(&self, bytes: usize) -> io::Result<()> {
        let mut started = self.lock();
        let Some(Started { purse, held, since }) = started.as_mut() else {
            return Ok(());
        };
        purse
            .take_now(held, bytes)
            .map_err(|failure| io::Error::new(io::ErrorKind::OutOfMemory, failure.message))?;
        since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Notes that a message is whole, and hands over what it holds.
    pub(crate) fn whole(&self) -> Held {
        let mut started = self.lock();
        let Some(Started { held, since, .. }) = started.as_mut() else {
            return Held::default();
        };
        *since = None;
        std::mem::take(held)
    }

    /// Notes that so many of them were no part of a message.
    pub(crate) fn apart(&self, bytes: usize) {
        let mut started = self.lock();
        let Some(Started { held, since, .. }) = started.as_mut() else {
            return;
        };
        held.less(bytes);
        if held.is_empty() {
            *since = None;
        }
    }

    /// Since when a message is coming.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.lock().as_ref().and_then(|started| started.since)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::places::Bytes;

    #[test]
    fn what_is_no_whole_message_is_counted_and_bounded() {
        let bytes = Bytes::new(16 << 10);
        let meter = Arc::new(Meter::default());
        meter.came(1 << 30).unwrap();
        meter.start(bytes.of(&"a".into()));
        assert!(meter.since().is_none());
        meter.came(5 << 10).unwrap();
        assert!(meter.since().is_some() && bytes.taken() == 5 << 10);
        let message = meter.whole();
        assert!(meter.since().is_none() && bytes.taken() == 5 << 10);
        meter.came(7 << 10).unwrap();
        assert!(meter.came(1 << 10).is_err(), "three quarters are held");
        drop(message);
        meter.came(1 << 10).unwrap();
        meter.apart(1 << 10);
        assert!(meter.since().is_some() && bytes.taken() == 7 << 10);
        meter.apart(7 << 10);
        assert!(meter.since().is_none());
        drop(meter);
        assert_eq!(bytes.taken(), 0);
    }
}
