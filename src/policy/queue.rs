//! Requests as they become ready, and samples as they come: what stands between whoever plays episodes and whoever samples.
//! A policy takes a request when it has room for one and hands over each sample as soon as it is there, so that nobody waits
//! for the slowest of a batch.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{LostAnswer, Policy, PolicyError, Sample, SampleRequest};
use crate::completion::Sampling;
use crate::server::Usage;

/// How long whoever has room waits for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// As long as one may come from what is being judged.
    WhileJudging,
    /// Until one comes or none will ever.
    Always,
}

/// What a queue has.
#[derive(Debug)]
pub enum Next {
    /// A request, and its number, under which its sample is handed over.
    Request(usize, SampleRequest),
    /// Nothing now; there may be more once samples under way have been handed over, or what is being judged has been.
    Nothing {
        /// Whether anything is being judged.
        judging: bool,
    },
    /// Nothing any more.
    Closed,
}

/// Gives requests and takes samples, on any thread.
pub trait SampleQueue: Sync {
    /// The next request.
    fn next(&self, wait: Wait) -> Next;
    /// Takes the sample of the request with this number, and what a server charged for it.
    fn on_sample(&self, number: usize, sample: Sample, usage: Option<&Usage>);
}

/// Requests that are all there from the start.
struct List {
    waiting: Mutex<VecDeque<(usize, SampleRequest)>>,
    samples: Mutex<Vec<Option<Sample>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SampleQueue for List {
    fn next(&self, _wait: Wait) -> Next {
        let next = lock(&self.waiting).pop_front();
        next.map_or(Next::Closed, |(number, request)| {
            Next::Request(number, request)
        })
    }

    fn on_sample(&self, number: usize, sample: Sample, _usage: Option<&Usage>) {
        lock(&self.samples)[number] = Some(sample);
    }
}

/// What a policy says to each request, in their order.
pub fn sample_all(
    policy: &(impl Policy + ?Sized),
    requests: Vec<SampleRequest>,
    sampling: &Sampling,
) -> Result<Vec<Sample>, PolicyError> {
    let list = List {
        samples: Mutex::new(vec![None; requests.len()]),
        waiting: Mutex::new(requests.into_iter().enumerate().collect()),
    };
    policy.sample(&list, sampling)?;
    let samples = list
        .samples
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let samples = samples.into_iter();
    // A policy samples each request or gives an error for all.
    samples
        .map(|sample| sample.ok_or(PolicyError::Stopped))
        .collect()
}

/// Answers one request after the other, for policies that need no time for it.
pub fn sample_each(
    queue: &dyn SampleQueue,
    mut say: impl FnMut(&SampleRequest) -> Result<Sample, PolicyError>,
) -> Result<(), PolicyError> {
    while let Next::Request(number, request) = queue.next(Wait::Always) {
        queue.on_sample(number, say(&request)?, None);
    }
    Ok(())
}

/// Whether a request leaves room for an answer; else what is said of it.
pub(super) fn fitting(
    request: &SampleRequest,
    sampling: &Sampling,
    context: usize,
) -> Result<(), LostAnswer> {
    let prompt = request.prefix.as_ref().map_or(0, Vec::len);
    if super::fits(prompt, sampling, context) {
        return Ok(());
    }
    Err(LostAnswer::TooLong(format!(
        "its prompt of {prompt} tokens and {} for the answer exceed the context of {context}; lower max_tokens or use a policy with a longer context",
        sampling.max_tokens
    )))
}
