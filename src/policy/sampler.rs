//! Token prefixes → completions: batched sampling with a key-value cache and no autodiff graph.
//! Records the log-probability of every token under the very distribution it was drawn from.
//! Knows nothing of episodes, text or rewards.

use burn::tensor::{Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::cache::{self, Heads, RowCache};
use super::kernels::{self, RopeTable};
use super::model::{self, Decoder};

/// How tokens are drawn. The cuts follow each other: temperature, then the `top_k` likeliest, then the nucleus of what
/// is left, as in vLLM and transformers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most likely token.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probability reaches this; 1 keeps all.
    pub top_p: f64,
    /// Keeps this many of the likeliest tokens, of equals the first by id; 0 keeps all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub top_k: usize,
    /// Tokens of one completion at most.
    pub max_tokens: usize,
    /// Texts that end an answer. Its text ends before the first of them; its tokens are all that were drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(crate) fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl Default for Sampling {
    /// The model's own distribution, cut nowhere.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            max_tokens: 96,
            stop: Vec::new(),
        }
    }
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The end token was drawn; it is the last token of the completion.
    End,
    /// The text that the tokens stand for holds a stop text.
    Text,
    /// The token limit was reached.
    Length,
}

/// What the policy said.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Sampled ids.
    pub tokens: Vec<u32>,
    /// Log-probability of each id when it was drawn.
    pub sampler_logprobs: Vec<f32>,
    /// Why it ended.
    pub stop: StopCause,
}

/// One completion to draw: its prefix, and the seed of its own random stream, so that a draw does not depend
/// on what else is in the batch.
#[derive(Clone, Debug)]
pub struct Request {
    /// Ids so far.
    pub prefix: Vec<u32>,
    /// Seed of this completion.
    pub seed: u64,
}

struct Row {
    request: usize,
    rng: ChaCha8Rng,
    completion: Completion,
}

/// Draws one completion per request, at most `batch` of them side by side, in the order of the requests. Here a token
/// is no text: `sampling.stop` is for [`sample_until`].
pub fn sample(
    policy: &Decoder,
    requests: &[Request],
    sampling: &Sampling,
    ends: &[u32],
    batch: usize,
) -> Vec<Completion> {
    sample_until(policy, requests, sampling, ends, &|_| false, batch)
}

/// As [`sample`]; a completion also ends where `stopped` says so of its tokens so far.
pub fn sample_until(
    policy: &Decoder,
    requests: &[Request],
    sampling: &Sampling,
    ends: &[u32],
    stopped: &dyn Fn(&[u32]) -> bool,
    batch: usize,
) -> Vec<Completion> {
    let plain = policy.plain();
    // Neighbours in length share a batch, so that little of it is padding.
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&index| requests[index].prefix.len());
    let mut drawn: Vec<Option<Completion>> = vec![None; requests.len()];
    for chunk in order.chunks(batch.max(1)) {
        for (index, completion) in sample_chunk(&plain, requests, chunk, sampling, ends, stopped) {
            drawn[index] = Some(completion);
        }
    }
    drawn
        .into_iter()
        .map(|completion| completion.expect("every request is in exactly one chunk"))
        .collect()
}

fn sample_chunk(
    policy: &Decoder,
    requests: &[Request],
    chunk: &[usize],
    sampling: &Sampling,
    ends: &[u32],
    stopped: &dyn Fn(&[u32]) -> bool,
) -> Vec<(usize, Completion)> {
    let heads = Heads::new(&policy.config);
    let mut caches: Vec<RowCache> = chunk
        .iter()
        .map(|_| RowCache::new(&policy.config))
        .collect();
    let prefixes: Vec<&[u32]> = chunk
        .iter()
        .map(|&index| requests[index].prefix.as_slice())
        .collect();
    let mut logits = read_prefixes(policy, &mut caches, &heads, &prefixes);
    let start = |&index: &usize| Row {
        request: index,
        rng: ChaCha8Rng::seed_from_u64(requests[index].seed),
        completion: Completion {
            tokens: Vec::new(),
            sampler_logprobs: Vec::new(),
            stop: StopCause::Length,
        },
    };
    let mut rows: Vec<Row> = chunk.iter().map(start).collect();
    let mut finished = Vec::with_capacity(chunk.len());
    for drawn in 1..=sampling.max_tokens {
        let mut input = Vec::with_capacity(rows.len());
        let mut live = Vec::with_capacity(rows.len());
        for ((mut row, cache), logits) in rows
            .into_iter()
            .zip(caches)
            .zip(logits.chunks_exact(policy.config.vocab_size))
        {
            let (token, logprob) = draw(logits, sampling, &mut row.rng);
            row.completion.tokens.push(token);
            row.completion.sampler_logprobs.push(logprob);
            if ends.contains(&token) {
                row.completion.stop = StopCause::End;
            } else if stopped(&row.completion.tokens) {
                row.completion.stop = StopCause::Text;
            }
            if row.completion.stop != StopCause::Length || drawn == sampling.max_tokens {
                finished.push((row.request, row.completion));
            } else {
                input.push(token);
                live.push((row, cache));
            }
        }
        if live.is_empty() {
            break;
        }
        (rows, caches) = live.into_iter().unzip();
        logits = read_token(policy, &mut caches, &heads, &input);
    }
    finished
}

/// Fills the caches with whole prefixes, right-padded side by side, and gives the logits `[b * v]` after each.
fn read_prefixes(
    policy: &Decoder,
    caches: &mut [RowCache],
    heads: &Heads,
    prefixes: &[&[u32]],
) -> Vec<f32> {
    let lengths_b: Vec<usize> = prefixes.iter().map(|prefix| prefix.len()).collect();
    let width = lengths_b.iter().copied().max().unwrap_or(0);
    let rope = RopeTable::new(&policy.config.rotary(), width);
    let mut ids = Vec::with_capacity(prefixes.len() * width);
    for (index, prefix) in prefixes.iter().enumerate() {
        ids.extend(prefix.iter().map(|&id| id as i32));
        ids.resize((index + 1) * width, 0);
    }
    let tokens = Tensor::<2, Int>::from_data(
        TensorData::new(ids, [prefixes.len(), width]),
        &policy.device(),
    );
    let hidden = policy.run(tokens, |layer, q, k, v| {
        cache::fill(caches, layer, heads, &lengths_b, k.clone(), v.clone());
        kernels::attention(q, k, v, &lengths_b, &rope)
    });
    for (cache, &length) in caches.iter_mut().zip(&lengths_b) {
        cache.advance(length);
    }
    let last: Vec<usize> = lengths_b
        .iter()
        .enumerate()
        .map(|(row, length)| row * width + length - 1)
        .collect();
    logits(policy, model::gather_rows(hidden, &last))
}

/// Feeds one token a row and gives the logits `[b * v]` after it.
fn read_token(policy: &Decoder, caches: &mut [RowCache], heads: &Heads, input: &[u32]) -> Vec<f32> {
    let ids: Vec<i32> = input.iter().map(|&id| id as i32).collect();
    let tokens =
        Tensor::<2, Int>::from_data(TensorData::new(ids, [input.len(), 1]), &policy.device());
    let hidden = policy.run(tokens, |layer, q, k, v| {
        cache::step(caches, layer, heads, q, k, v)
    });
    for cache in caches.iter_mut() {
        cache.advance(1);
    }
    logits(
        policy,
        hidden.reshape([input.len(), policy.config.hidden_size]),
    )
}

fn logits(policy: &Decoder, hidden_bd: Tensor<2>) -> Vec<f32> {
    let logits_bv = hidden_bd.matmul(policy.head().transpose());
    logits_bv
        .into_data()
        .try_to_vec::<f32>()
        .expect("logits are f32 on every backend this crate builds")
}

/// Draws a token from `softmax(logits / temperature)` cut as `sampling` says, and gives its log-probability there.
fn draw(logits: &[f32], sampling: &Sampling, rng: &mut ChaCha8Rng) -> (u32, f32) {
    let best = argmax(logits);
    if sampling.temperature <= 0.0 {
        return (best as u32, 0.0);
    }
    let highest = logits[best];
    let mut weights: Vec<f32> = logits
        .iter()
        .map(|&logit| ((f64::from(logit - highest) / sampling.temperature) as f32).exp())
        .collect();
    if sampling.top_k > 0 {
        keep_likeliest(&mut weights, sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        keep_nucleus(&mut weights, sampling.top_p);
    }
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let mut left = rng.random::<f64>() * total;
    let mut chosen = best;
    for (index, &weight) in weights.iter().enumerate() {
        left -= f64::from(weight);
        if weight > 0.0 && left <= 0.0 {
            chosen = index;
            break;
        }
    }
    (
        chosen as u32,
        (f64::from(weights[chosen]) / total).ln() as f32,
    )
}

/// Sets to zero all weights but the `count` largest, of equals the first.
fn keep_likeliest(weights: &mut [f32], count: usize) {
    if count >= weights.len() {
        return;
    }
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let by_weight = |&a: &usize, &b: &usize| weights[b].total_cmp(&weights[a]).then(a.cmp(&b));
    let (_, _, rest) = order.select_nth_unstable_by(count - 1, by_weight);
    for &mut index in rest {
        weights[index] = 0.0;
    }
}

/// Sets to zero all weights outside the smallest set that holds `top_p` of the total (Holtzman et al. 2020).
fn keep_nucleus(weights: &mut [f32], top_p: f64) {
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    let mut seen = 0.0;
    for index in order {
        if seen >= top_p * total {
            weights[index] = 0.0;
        } else {
            seen += f64::from(weights[index]);
        }
    }
}

fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests;
