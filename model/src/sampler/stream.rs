//! Rows that join and leave while others are drawn: continuous batching over requests that come one by one. What the rows of a
//! problem begin with is computed once and kept while it is used.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::draw::draw;
use super::openings::Openings;
use super::{Drawn, Request};
use crate::decoder::{Decoder, Products, Projections};
use crate::kv_cache::{self, Heads, RowCache};
use crate::pool;
use crate::sampled::{FinishReason, Sampled};
use rlef_judge::sampling::Sampling;

use burn::tensor::{Int, Tensor, TensorData};

/// A request that joins: a number for whoever asked, and how many of its first tokens other requests begin with, too.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The number.
    pub number: usize,
    /// What is to be drawn.
    pub request: Request,
    /// Tokens worth keeping for others.
    pub shared: usize,
}

/// What comes next.
pub enum Coming {
    /// A request.
    Request(Joining),
    /// None now: rows go on without.
    Nothing,
    /// None now, and it is better to wait for one: drawing pauses.
    Pause,
}

/// Gives requests and takes what was drawn.
pub trait Feed {
    /// Whether another request is there; `live` rows are being drawn.
    fn next(&mut self, live: usize) -> Coming;
    /// Takes what was drawn of a request; whether to go on.
    fn drawn(&mut self, number: usize, drawn: Drawn) -> bool;
}

/// How rows are drawn.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Temperature, cuts, length.
    pub sampling: &'a Sampling,
    /// Ids that end a completion.
    pub ends: &'a [u32],
    /// Whether a completion ends with its tokens so far.
    pub stopped: &'a (dyn Fn(&[u32]) -> bool + Sync),
    /// Rows at most.
    pub batch: usize,
}

/// A completion being drawn.
struct Row {
    number: usize,
    rng: ChaCha8Rng,
    drawn: Drawn,
    cache: RowCache,
    /// Of the next token, `[v]`.
    logits: Vec<f32>,
}

/// A decoder, its matrices as sampling multiplies with them, and the rows that are being drawn.
pub struct Stream<'a> {
    rules: Rules<'a>,
    sampler: Sampler,
    openings: Openings,
    live: Vec<Row>,
}

struct Sampler {
    decoder: Decoder,
    projections: Projections,
    heads: Heads,
    /// Positions that `heads` knows.
    positions: usize,
}

impl<'a> Stream<'a> {
    /// Without a row.
    pub fn new(policy: &Decoder, rules: Rules<'a>) -> Self {
        let decoder = policy.plain();
        let sampler = pool::within(|| Sampler {
            projections: decoder.projections(),
            heads: Heads::new(&decoder.config, 0),
            positions: 0,
            decoder,
        });
        let batch = rules.batch.max(1);
        Self {
            rules: Rules { batch, ..rules },
            sampler,
            openings: Openings::new(batch),
            live: Vec::new(),
        }
    }

    /// Rows that are being drawn.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Draws until the feed pauses it or wants nothing more, or until there is neither row nor request. `first` joins before
    /// anything is asked for.
    pub fn run(&mut self, first: Option<Joining>, feed: &mut (dyn Feed + Send)) {
        // All of it at once: between two tokens a pool that waits for work takes as much time as drawing does.
        pool::within(|| self.draw_all(first, feed));
    }

    fn draw_all(&mut self, first: Option<Joining>, feed: &mut dyn Feed) {
        let mut joining: Vec<Joining> = first.into_iter().collect();
        loop {
            let mut pauses = false;
            while self.live.len() + joining.len() < self.rules.batch {
                match feed.next(self.live.len() + joining.len()) {
                    Coming::Request(request) => joining.push(request),
                    Coming::Nothing => break,
                    Coming::Pause => {
                        pauses = true;
                        break;
                    }
                }
            }
            self.join(std::mem::take(&mut joining));
            if pauses || self.live.is_empty() {
                return;
            }
            for (number, drawn) in self.step() {
                if !feed.drawn(number, drawn) {
                    return;
                }
            }
            self.sampler.feed(&mut self.live);
        }
    }

    fn join(&mut self, joining: Vec<Joining>) {
        if joining.is_empty() {
            return;
        }
        let longest = joining.iter().map(|one| one.request.prefix.len()).max();
        self.sampler
            .reach(longest.unwrap_or(0) + self.rules.sampling.max_tokens);
        let (sampler, live) = (&self.sampler, &mut self.live);
        let read = self
            .openings
            .read(&joining, &sampler.decoder.config, &mut |caches, parts| {
                sampler.advance(caches, parts)
            });
        for (one, (cache, logits)) in joining.iter().zip(read) {
            live.push(Row::new(one.number, one.request.seed, cache, logits));
        }
    }

    /// Draws a token of every row, and gives those that ended.
    fn step(&mut self) -> Vec<(usize, Drawn)> {
        let rules = self.rules;
        let ended: Vec<bool> = (self.live.par_iter_mut())
            .map(|row| row.draw(&rules))
            .collect();
        let (mut going, mut done) = (Vec::with_capacity(self.live.len()), Vec::new());
        for (row, ended) in std::mem::take(&mut self.live).into_iter().zip(ended) {
            if ended {
                done.push((row.number, row.drawn));
            } else {
                going.push(row);
            }
        }
        self.live = going;
        done
    }
}

impl Sampler {
    /// Knows at least so many positions.
    fn reach(&mut self, positions: usize) {
        if positions > self.positions {
            self.positions = positions.next_power_of_two();
            self.heads = Heads::new(&self.decoder.config, self.positions);
        }
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
        let last: Vec<usize> = counts
            .iter()
            .scan(0, |end, &count| {
                *end += count;
                Some(*end - 1)
            })
            .collect();
        let hidden = decoder.run(tokens, products, Some(&last), |layer, q, k, v| {
            kv_cache::step(caches, &counts, layer, &self.heads, q, k, v)
        });
        for (cache, &count) in caches.iter_mut().zip(&counts) {
            cache.advance(count);
        }
        let (name, head) = decoder.head_parameter();
        let logits = products
            .of(hidden.flatten(0, 1), name, head)
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
    fn new(number: usize, seed: u64, cache: RowCache, logits: Vec<f32>) -> Self {
        Self {
            number,
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
    fn draw(&mut self, rules: &Rules<'_>) -> bool {
        let (said, stop) = (&mut self.drawn.sampled, &mut self.drawn.stop);
        if said.ids.len() < rules.sampling.max_tokens {
            let (token, logprob) = draw(&self.logits, rules.sampling, &mut self.rng);
            said.ids.push(token);
            said.log_probs.push(logprob);
            if rules.ends.contains(&token) {
                *stop = FinishReason::End;
            } else if (rules.stopped)(&said.ids) {
                *stop = FinishReason::Text;
            }
        }
        *stop != FinishReason::Length || said.ids.len() >= rules.sampling.max_tokens
    }
}

#[cfg(test)]
mod tests;
