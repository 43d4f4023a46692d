//! Requests to a server, some of them under way at once: each as soon as it is ready, each sample handed over as soon as it is
//! there. A server that is gone is not asked for every answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::queue::{Next, SampleQueue, Wait};
use super::{LostAnswer, PolicyError, Sample, SampleRequest};
use crate::server::{Asked, Outcome, Server, ServerError, Usage};

/// Requests in a row without an answer after which the server counts as gone.
const GONE: usize = 8;

/// Asks for one completion and says what came, and what was charged.
pub(super) type Ask<'a> = &'a (dyn Fn(&SampleRequest) -> Taken + Sync);

/// What came of one request.
pub(super) struct Taken {
    pub(super) outcome: Outcome<Sample>,
    pub(super) usage: Usage,
}

impl Taken {
    /// An answer of a server as a sample.
    pub(super) fn of<R>(
        asked: Asked<R>,
        usage: impl FnOnce(&R, u64) -> Usage,
        sample: impl FnOnce(R) -> Sample,
    ) -> Self {
        let failed = Usage::of_failure(asked.requests);
        match asked.outcome {
            Outcome::Said(reply) => Self {
                usage: usage(&reply, asked.requests),
                outcome: Outcome::Said(sample(reply)),
            },
            Outcome::Lost(lost) => Self {
                outcome: Outcome::Lost(lost),
                usage: failed,
            },
            Outcome::Unanswered(lost) => Self {
                outcome: Outcome::Unanswered(lost),
                usage: failed,
            },
            Outcome::Fatal(error) => Self {
                outcome: Outcome::Fatal(error),
                usage: failed,
            },
        }
    }
}

/// Who is asked, as far as whoever asks must know it.
pub(super) struct Asking<'a> {
    /// Whether it has answered anything yet.
    pub(super) has_served: bool,
    /// Requests under way at once.
    pub(super) concurrency: usize,
    /// The error for one that answers nothing any more.
    pub(super) gone: &'a (dyn Fn(&LostAnswer) -> ServerError + Sync),
}

/// [`sample`] of a server.
pub(super) fn sample_of(
    server: &Server,
    queue: &dyn SampleQueue,
    ask: Ask<'_>,
) -> Result<Option<LostAnswer>, PolicyError> {
    let asking = Asking {
        has_served: server.has_served(),
        concurrency: server.config().concurrency,
        gone: &|last| server.gone(last),
    };
    let found = sample(&asking, queue, ask)?;
    server
        .doubted()
        .map_or(Ok(found), |error| Err(error.into()))
}

/// What all workers share.
struct Shared<'a> {
    asked: &'a Asking<'a>,
    queue: &'a dyn SampleQueue,
    ask: Ask<'a>,
    /// Requests in a row without an answer, and whether any had one.
    silent: AtomicUsize,
    said: AtomicBool,
    last: Mutex<Option<LostAnswer>>,
    /// Set by an error after which nothing more is asked.
    stop: AtomicBool,
    failed: Mutex<Option<PolicyError>>,
}

/// Asks a server for what the queue gives. Where the server has answered nothing yet, the first request goes alone, so that a
/// wrong key or name costs one request. Gives what the last one met where none was answered at all.
pub(super) fn sample(
    asked: &Asking<'_>,
    queue: &dyn SampleQueue,
    ask: Ask<'_>,
) -> Result<Option<LostAnswer>, PolicyError> {
    let shared = Shared {
        asked,
        queue,
        ask,
        silent: AtomicUsize::new(0),
        said: AtomicBool::new(false),
        last: Mutex::new(None),
        stop: AtomicBool::new(false),
        failed: Mutex::new(None),
    };
    let goes_on = asked.has_served || shared.one();
    if goes_on {
        std::thread::scope(|scope| {
            for _ in 0..asked.concurrency.max(1) {
                scope.spawn(|| while shared.one() {});
            }
        });
    }
    let failed = shared.failed.into_inner();
    if let Some(error) = failed.unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let last = shared.last.into_inner();
    Ok(last
        .unwrap_or_else(PoisonError::into_inner)
        .filter(|_| !shared.said.load(Ordering::Relaxed)))
}

impl Shared<'_> {
    /// Takes one request to its end; whether there may be another one.
    fn one(&self) -> bool {
        let Next::Request(number, request) = self.queue.next(Wait::Always) else {
            return false;
        };
        if self.stop.load(Ordering::Relaxed) {
            // Whoever waits for the others learns at once that none will come.
            self.queue.on_sample(number, Err(LostAnswer::Stopped), None);
            return true;
        }
        let Taken { outcome, usage } = (self.ask)(&request);
        let sample = match outcome {
            Outcome::Said(sample) => {
                self.said.store(true, Ordering::Relaxed);
                self.silent.store(0, Ordering::Relaxed);
                sample
            }
            Outcome::Lost(lost) => {
                self.silent.store(0, Ordering::Relaxed);
                Err(lost)
            }
            Outcome::Unanswered(lost) => {
                let silent = self.silent.fetch_add(1, Ordering::Relaxed) + 1;
                if silent >= self.patience() {
                    self.fail((self.asked.gone)(&lost).into());
                }
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some(lost.clone());
                Err(lost)
            }
            Outcome::Fatal(error) => {
                self.fail(error.into());
                Err(LostAnswer::Stopped)
            }
        };
        self.queue.on_sample(number, sample, Some(&usage));
        true
    }

    fn patience(&self) -> usize {
        GONE.max(self.asked.concurrency)
    }

    fn fail(&self, error: PolicyError) {
        self.stop.store(true, Ordering::Relaxed);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(error);
    }
}
