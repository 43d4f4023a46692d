//! Token prefixes → completions: continuous batching with a key-value cache and no autodiff graph. Rows that end make
//! room for those that wait while the others go on, and what several rows begin with is computed and held once.
//! Records the log-probability of every token under the very distribution it was drawn from.
//! Knows nothing of episodes, text or rewards.

mod draw;
mod prefixes;

use burn::tensor::{Int, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::completion::{FinishReason, Sampled, Sampling};
use crate::model::decoder::{self, Decoder, Products, Projections};
use crate::model::kv_cache::{self, Heads, RowCache};
use crate::pool;
use draw::draw;
use prefixes::Prefixes;

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

/// A completion being drawn.
struct Row {
    request: usize,
    rng: ChaCha8Rng,
    drawn: Drawn,
    cache: RowCache,
    /// Of the next token, `[v]`.
    logits: Vec<f32>,
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
/// On the CPU a completion's tokens and log-probabilities are the same bits whatever else is drawn with it, before it or
/// after it, and whatever prefix it shares.
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
    // All of it at once: between two tokens a pool that waits for work takes as much time as drawing does.
    pool::within(|| {
        let sampler = Sampler::new(policy.plain(), requests, sampling);
        sampler.all(requests, sampling, ends, stopped, batch.max(1))
    })
}

/// A decoder and its matrices as sampling multiplies with them.
struct Sampler {
    decoder: Decoder,
    projections: Projections,
    heads: Heads,
}

impl Sampler {
    fn new(decoder: Decoder, requests: &[Request], sampling: &Sampling) -> Self {
        let prefixes = requests.iter().map(|request| request.prefix.len());
        let positions = prefixes.max().unwrap_or(0) + sampling.max_tokens;
        Self {
            projections: Projections::new(&decoder),
            heads: Heads::new(&decoder.config, positions),
            decoder,
        }
    }

    fn all(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        ends: &[u32],
        stopped: &(dyn Fn(&[u32]) -> bool + Sync),
        batch: usize,
    ) -> Vec<Drawn> {
        let tokens: Vec<&[u32]> = requests
            .iter()
            .map(|request| request.prefix.as_slice())
            .collect();
        let mut prefixes = Prefixes::new(&tokens);
        let mut waiting = prefixes.order().to_vec().into_iter();
        let mut live: Vec<Row> = Vec::new();
        let mut drawn: Vec<Option<Drawn>> = vec![None; requests.len()];
        loop {
            let joining: Vec<usize> = waiting.by_ref().take(batch - live.len()).collect();
            let read = prefixes.read(&joining, &self.decoder.config, &mut |caches, parts| {
                self.advance(caches, parts)
            });
            for (request, (cache, logits)) in joining.into_iter().zip(read) {
                live.push(Row::new(request, requests[request].seed, cache, logits));
            }
            if live.is_empty() {
                break;
            }
            let ended: Vec<bool> = live
                .par_iter_mut()
                .map(|row| row.draw(sampling, ends, stopped))
                .collect();
            let mut going = Vec::with_capacity(live.len());
            for (row, ended) in live.into_iter().zip(ended) {
                if ended {
                    drawn[row.request] = Some(row.drawn);
                } else {
                    going.push(row);
                }
            }
            live = going;
            self.feed(&mut live);
        }
        drawn
            .into_iter()
            .map(|drawn| drawn.expect("every request waits once and is drawn to its end"))
            .collect()
    }

    /// Feeds every row its newest token.
    fn feed(&self, live: &mut [Row]) {
        if live.is_empty() {
            return;
        }
        let newest: Vec<[u32; 1]> = live
            .iter()
            .map(|row| [row.drawn.sampled.ids[row.drawn.sampled.ids.len() - 1]])
            .collect();
        let parts: Vec<&[u32]> = newest.iter().map(<[u32; 1]>::as_slice).collect();
        let mut caches: Vec<RowCache> = live
            .iter_mut()
            .map(|row| std::mem::take(&mut row.cache))
            .collect();
        let logits = self.advance(&mut caches, &parts);
        for ((row, cache), logits) in live.iter_mut().zip(caches).zip(logits) {
            (row.cache, row.logits) = (cache, logits);
        }
    }

    /// Takes the next tokens of every row into its cache and gives the logits `[v]` after the last of each.
    fn advance(&self, caches: &mut [RowCache], parts: &[&[u32]]) -> Vec<Vec<f32>> {
        let (decoder, products) = (&self.decoder, Products::ByRow(&self.projections));
        let counts: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        let ids: Vec<i32> = parts.concat().iter().map(|&id| id as i32).collect();
        let width = ids.len();
        let tokens =
            Tensor::<2, Int>::from_data(TensorData::new(ids, [1, width]), &decoder.device());
        let hidden = decoder.run(tokens, products, |layer, q, k, v| {
            kv_cache::step(caches, &counts, layer, &self.heads, q, k, v)
        });
        for (cache, &count) in caches.iter_mut().zip(&counts) {
            cache.advance(count);
        }
        let last: Vec<usize> = counts
            .iter()
            .scan(0, |end, &count| {
                *end += count;
                Some(*end - 1)
            })
            .collect();
        let (name, head) = decoder.head_parameter();
        let logits = products
            .of(decoder::gather_rows(hidden, &last), name, head)
            .into_data()
            .try_to_vec::<f32>()
            .expect("logits are f32 on every backend this crate builds");
        logits
            .chunks_exact(decoder.config.vocab_size)
            .map(<[f32]>::to_vec)
            .collect()
    }
}

impl Row {
    fn new(request: usize, seed: u64, cache: RowCache, logits: Vec<f32>) -> Self {
        Self {
            request,
            rng: ChaCha8Rng::seed_from_u64(seed),
            drawn: Drawn {
                sampled: Sampled::default(),
                stop: FinishReason::Length,
            },
            cache,
            logits,
        }
    }

    /// Draws the next token; says whether it is the last one.
    fn draw(
        &mut self,
        sampling: &Sampling,
        ends: &[u32],
        stopped: &(dyn Fn(&[u32]) -> bool + Sync),
    ) -> bool {
        let (said, stop) = (&mut self.drawn.sampled, &mut self.drawn.stop);
        if said.ids.len() < sampling.max_tokens {
            let (token, logprob) = draw(&self.logits, sampling, &mut self.rng);
            said.ids.push(token);
            said.log_probs.push(logprob);
            if ends.contains(&token) {
                *stop = FinishReason::End;
            } else if stopped(&said.ids) {
                *stop = FinishReason::Text;
            }
        }
        *stop != FinishReason::Length || said.ids.len() >= sampling.max_tokens
    }
}

#[cfg(test)]
mod tests;
