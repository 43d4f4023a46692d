//! Room for requests and for the bytes that they hold: both bounded, so that what is too much is told so at once, and no caller
//! has all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Kind};

mod bytes;

pub(crate) use bytes::{Bytes, Held, Purse};

/// How a full house is met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// It is said at once.
    No,
    /// It is waited for until then: for callers who take being sent away for a verdict.
    Until(Instant),
}

/// Something of which there is so much, and of which each caller may have three quarters.
#[derive(Debug)]
struct Shares {
    free: Arc<Semaphore>,
    all: usize,
    each: usize,
    /// What callers may still have, of those who have some.
    own: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

/// What a caller has of it, until it is dropped.
#[derive(Debug)]
struct Taken {
    free: OwnedSemaphorePermit,
    own: OwnedSemaphorePermit,
}

/// Why a caller gets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It has its share.
    Share,
    Full,
    Late,
}

impl Shares {
    fn new(all: usize) -> Self {
        let all = all.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
            // A quarter is left for others, however much one asks for.
            each: (all - all / 4).max(1),
            own: Mutex::default(),
        }
    }

    fn of(&self, who: &Arc<str>) -> Arc<Semaphore> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = own.get(who).and_then(Weak::upgrade) {
            return known;
        }
        // Those who have nothing any more are forgotten.
        own.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.each));
        own.insert(Arc::clone(who), Arc::downgrade(&share));
        share
    }

    /// So many at once, or none.
    fn take_now(&self, who: &Arc<str>, count: u32) -> Result<Taken, Refused> {
        let own = self.of(who).try_acquire_many_owned(count);
        let own = own.map_err(|_| Refused::Share)?;
        let free = Arc::clone(&self.free).try_acquire_many_owned(count);
        let free = free.map_err(|_| Refused::Full)?;
        Ok(Taken { free, own })
    }

    async fn take(&self, who: &Arc<str>, count: u32, wait: Wait) -> Result<Taken, Refused> {
        let Wait::Until(end) = wait else {
            return self.take_now(who, count);
        };
        let (own, free) = (self.of(who), Arc::clone(&self.free));
        let both = async {
            // The caller's own first: nobody stands before others for more than he may have.
            let own = own.acquire_many_owned(count).await;
            let free = free.acquire_many_owned(count).await;
            own.and_then(|own| free.map(|free| Taken { free, own }))
        };
        match timeout_at(end, both).await {
            Ok(Ok(taken)) => Ok(taken),
            _ => Err(Refused::Late),
        }
    }

    fn taken(&self) -> usize {
        self.all - self.free.available_permits()
    }
}

/// Places for requests, of which no caller may have all.
#[derive(Debug)]
pub(crate) struct Places(Shares);

/// A request's place. Free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _taken: Taken,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self(Shares::new(count))
    }

    /// A place for a request of this caller.
    pub(crate) async fn take(&self, who: &Arc<str>, wait: Wait) -> Result<Place, Failure> {
        let taken = self.0.take(who, 1, wait).await;
        let taken = taken.map_err(|refused| match refused {
            Refused::Share => Failure::new(
                Kind::Share,
                format!(
                    "{} requests of yours wait already; come again when some are done",
                    self.0.each
                ),
            ),
            Refused::Full => Failure::new(Kind::Busy, "too many requests wait; come again later"),
            Refused::Late => too_late(),
        });
        Ok(Place { _taken: taken? })
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken()
    }
}

/// A caller whose time is up before its turn came.
pub(crate) fn too_late() -> Failure {
    Failure::new(
        Kind::Deadline,
        "it was not this request's turn before its caller would give up; nothing is known of the program; come again",
    )
}

/// When a request is told that its time is up: a little before its caller gives up.
pub(crate) fn deadline(since: Instant, patience: Duration, margin: Duration) -> Instant {
    since
        + patience
            .saturating_sub(margin)
            .max(Duration::from_millis(500))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(work)
    }

    #[test]
    fn nobody_takes_all_and_a_full_house_is_said() {
        block_on(async {
            let places = Places::new(4);
            let (one, other): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
            let mut held = Vec::new();
            for _ in 0..3 {
                held.push(places.take(&one, Wait::No).await.unwrap());
            }
            assert_eq!(
                places.take(&one, Wait::No).await.unwrap_err().kind,
                Kind::Share
            );
            let soon = || Wait::Until(Instant::now() + Duration::from_millis(20));
            // Who waits has no more of it than who doesn't.
            assert_eq!(
                places.take(&one, soon()).await.unwrap_err().kind,
                Kind::Deadline
            );
            let last = places.take(&other, Wait::No).await.unwrap();
            assert_eq!(
                places.take(&other, Wait::No).await.unwrap_err().kind,
                Kind::Busy
            );
            assert_eq!(
                places.take(&other, soon()).await.unwrap_err().kind,
                Kind::Deadline
            );
            assert_eq!(places.taken(), 4);
            drop(last);
            let waiting = places.take(&other, Wait::Until(Instant::now() + Duration::from_mins(1)));
            drop(waiting.await.unwrap());
            drop(held);
            assert_eq!(places.taken(), 0);
            drop(places.take(&other, Wait::No).await.unwrap());
            assert_eq!(
                places.0.own.lock().unwrap().len(),
                1,
                "who has none is forgotten"
            );
        });
    }
}
