//! Room for requests and for the bytes that they hold: both bounded, so that what is too much is told so at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Kind};

/// Bytes are counted in units of this many.
const UNIT: usize = 1024;

/// Places for requests, of which no caller may have all.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    each: usize,
    taken: Arc<Mutex<HashMap<Arc<str>, usize>>>,
}

/// A request's place. Free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    who: Arc<str>,
    taken: Arc<Mutex<HashMap<Arc<str>, usize>>>,
}

/// How a full house is met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// It is said at once.
    No,
    /// It is waited for until then: for callers who take being sent away for a verdict.
    Until(Instant),
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            // A quarter is left for others, however much one asks for.
            each: (count - count / 4).max(1),
            taken: Arc::default(),
        }
    }

    /// A place for a request of this caller.
    pub(crate) async fn take(&self, who: &Arc<str>, wait: Wait) -> Result<Place, Failure> {
        let permit = match wait {
            Wait::No => {
                let have = self
                    .taken
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(who)
                    .copied();
                if have.unwrap_or(0) >= self.each {
                    return Err(Failure::new(
                        Kind::Share,
                        format!(
                            "{} requests of yours wait already; come again when some are done",
                            self.each
                        ),
                    ));
                }
                Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
                    Failure::new(Kind::Busy, "too many requests wait; come again later")
                })?
            }
            Wait::Until(end) => match timeout_at(end, Arc::clone(&self.free).acquire_owned()).await
            {
                Ok(Ok(permit)) => permit,
                _ => return Err(too_late()),
            },
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken.entry(Arc::clone(who)).or_default() += 1;
        drop(taken);
        Ok(Place {
            _permit: permit,
            who: Arc::clone(who),
            taken: Arc::clone(&self.taken),
        })
    }
}

/// A caller whose time is up before its turn came.
pub(crate) fn too_late() -> Failure {
    Failure::new(
        Kind::Deadline,
        "it was not this request's turn before its caller would give up; nothing is known of the program; come again",
    )
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.who);
            }
        }
    }
}

/// Bytes that requests may hold together.
#[derive(Debug)]
pub(crate) struct Bytes {
    free: Arc<Semaphore>,
    all: usize,
}

/// Bytes that a request holds, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(Vec<OwnedSemaphorePermit>);

impl Bytes {
    pub(crate) fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Takes so many more. What could never be had is too large.
    pub(crate) async fn take(
        &self,
        held: &mut Held,
        bytes: usize,
        wait: Wait,
    ) -> Result<(), Failure> {
        let units = bytes.div_ceil(UNIT);
        if units > self.all {
            return Err(Failure::new(
                Kind::Large,
                "the request takes more memory than there is for all",
            ));
        }
        let (free, units) = (Arc::clone(&self.free), units as u32);
        let permit = match wait {
            Wait::No => free.try_acquire_many_owned(units).map_err(|_| {
                Failure::new(
                    Kind::Busy,
                    "the requests that wait take all memory there is for them; come again later",
                )
            })?,
            Wait::Until(end) => match timeout_at(end, free.acquire_many_owned(units)).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(too_late()),
            },
        };
        held.0.push(permit);
        Ok(())
    }
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

    fn block_on<T>(work: impl Future<Output = T>) -> T {
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
            let last = places.take(&other, Wait::No).await.unwrap();
            assert_eq!(
                places.take(&other, Wait::No).await.unwrap_err().kind,
                Kind::Busy
            );
            let soon = Wait::Until(Instant::now() + Duration::from_millis(20));
            assert_eq!(
                places.take(&other, soon).await.unwrap_err().kind,
                Kind::Deadline
            );
            drop(last);
            let waiting = places.take(&other, Wait::Until(Instant::now() + Duration::from_mins(1)));
            waiting.await.unwrap();
            drop(held);
            assert!(places.taken.lock().unwrap().is_empty());
        });
    }

    #[test]
    fn bytes_come_back_and_what_never_fits_is_too_large() {
        block_on(async {
            let bytes = Bytes::new(10 * UNIT);
            let mut held = Held::default();
            bytes.take(&mut held, 6 * UNIT, Wait::No).await.unwrap();
            let mut more = Held::default();
            let busy = bytes.take(&mut more, 5 * UNIT, Wait::No).await.unwrap_err();
            assert_eq!(busy.kind, Kind::Busy);
            let large = bytes
                .take(&mut more, 11 * UNIT, Wait::No)
                .await
                .unwrap_err();
            assert_eq!(large.kind, Kind::Large);
            drop(held);
            bytes.take(&mut more, 10 * UNIT, Wait::No).await.unwrap();
        });
    }
}
