//! Token prefixes → completions: continuous batching with a key-value cache and no autodiff graph. Rows that end make
//! room for those that wait while the others go on, and what several rows begin with is computed and held once.
//! Records the log-probability of every token under the very distribution it was drawn from.
//! Knows nothing of episodes, text or rewards.
//!
//! On the CPU a completion's tokens and log-probabilities are the same bits whatever else is drawn with it, before it or after
//! it, and whatever prefix it shares: every kernel computes a row by itself and in one order. On other devices the products are
//! those of the backend, whose last bits may depend on how many rows there are.

mod draw;
mod openings;
mod prefixes;
mod stream;

use crate::decoder::Decoder;
use crate::sampled::{FinishReason, Sampled};
use prefixes::Prefixes;
use rlef_judge::sampling::Sampling;
pub use stream::{Coming, Feed, Joining, Rules, Stream};

/// One completion to draw: its prefix, and the seed of its own random stream, so that a draw does not depend
/// on what else is in the batch.
#[derive(Clone, Debug)]
pub struct Request {
    /// Ids so far.
    pub prefix: Vec<u32>,
    /// Seed of this completion.
    pub seed: u64,
}

/// What was drawn, and why it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The ids with their log-probabilities.
    pub sampled: Sampled,
    /// Why they end.
    pub stop: FinishReason,
}

/// Draws one completion per request, at most `batch` of them side by side, in the order of the requests. Here a token
/// is no text: `sampling.stop` is for [`sample_until`].
pub fn sample(
    policy: &Decoder,
    requests: &[Request],
    sampling: &Sampling,
    ends: &[u32],
    batch: usize,
) -> Vec<Drawn> {
    sample_until(policy, requests, sampling, ends, &|_| false, batch)
}

/// As [`sample`]; a completion also ends where `stopped` says so of its tokens so far.
///
/// # Panics
/// When a request's prefix is empty.
pub fn sample_until(
    policy: &Decoder,
    requests: &[Request],
    sampling: &Sampling,
    ends: &[u32],
    stopped: &(dyn Fn(&[u32]) -> bool + Sync),
    batch: usize,
) -> Vec<Drawn> {
    assert!(
        requests.iter().all(|request| !request.prefix.is_empty()),
        "a prefix without a token has nothing to go on from"
    );
    let rules = Rules {
        sampling,
        ends,
        stopped,
        batch,
    };
    let tokens: Vec<&[u32]> = requests
        .iter()
        .map(|request| request.prefix.as_slice())
        .collect();
    let mut list = List {
        // By tokens, so that those that share follow each other.
        waiting: Prefixes::new(&tokens).order().to_vec().into_iter(),
        requests,
        drawn: vec![None; requests.len()],
    };
    Stream::new(policy, rules).run(None, &mut list);
    let drawn = list.drawn.into_iter();
    drawn
        .map(|drawn| drawn.expect("every request waits once and is drawn to its end"))
        .collect()
}

/// Requests that are all there.
struct List<'a> {
    waiting: std::vec::IntoIter<usize>,
    requests: &'a [Request],
    drawn: Vec<Option<Drawn>>,
}

impl Feed for List<'_> {
    fn next(&mut self, _live: usize) -> Coming {
        self.waiting.next().map_or(Coming::Nothing, |number| {
            let request = self.requests[number].clone();
            Coming::Request(Joining {
                number,
                shared: request.prefix.len(),
                request,
            })
        })
    }

    fn drawn(&mut self, number: usize, drawn: Drawn) -> bool {
        self.drawn[number] = Some(drawn);
        true
    }
}

#[cfg(test)]
mod tests;
