//! Token prefixes → completions: batched sampling with a key-value cache and no autodiff graph.
//! Records the log-probability of every token under the very distribution it was drawn from.
//! Knows nothing of episodes, text or rewards.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::model::Decoder;
use super::ops::{self, Rope};

/// How tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most likely token.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probability reaches this; 1 keeps all.
    pub top_p: f64,
    /// Tokens of one completion at most.
    pub max_tokens: usize,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// The end token was drawn; it is the last token of the completion.
    End,
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
    padding: usize,
    completion: Completion,
}

/// Draws one completion per request, at most `batch` of them side by side, in the order of the requests.
pub fn sample(policy: &Decoder, requests: &[Request], sampling: &Sampling, end: u32, batch: usize) -> Vec<Completion> {
    let plain = policy.with_weights(policy.weights.plain());
    // Neighbours in length share a batch, so that little of it is padding.
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&index| requests[index].prefix.len());
    let mut drawn: Vec<Option<Completion>> = vec![None; requests.len()];
    for chunk in order.chunks(batch.max(1)) {
        for (index, completion) in sample_chunk(&plain, requests, chunk, sampling, end) {
            drawn[index] = Some(completion);
        }
    }
    drawn.into_iter().map(|completion| completion.expect("every request is in exactly one chunk")).collect()
}

fn sample_chunk(policy: &Decoder, requests: &[Request], chunk: &[usize], sampling: &Sampling, end: u32) -> Vec<(usize, Completion)> {
    let device = policy.device();
    let longest = chunk.iter().map(|&index| requests[index].prefix.len()).max().unwrap_or(0);
    let columns = longest + sampling.max_tokens;
    let rope = Rope::new(&policy.config, columns, &device);
    let mut rows: Vec<Row> = chunk
        .iter()
        .map(|&index| Row {
            request: index,
            rng: ChaCha8Rng::seed_from_u64(requests[index].seed),
            padding: longest - requests[index].prefix.len(),
            completion: Completion { tokens: Vec::new(), sampler_logprobs: Vec::new(), stop: StopCause::Length },
        })
        .collect();
    let mut cache = Cache::new(policy, rows.len(), columns, &device);
    // Prefixes are aligned on the right: every row's next token then falls into the same column.
    let mut input: Vec<u32> = Vec::with_capacity(rows.len() * longest);
    for row in &rows {
        input.extend(std::iter::repeat_n(0, row.padding));
        input.extend_from_slice(&requests[row.request].prefix);
    }
    let mut width = longest;
    let mut finished = Vec::new();
    for column in longest..columns {
        let start = column - width;
        let logits = next_logits(policy, &mut cache, &rope, &rows, &input, start, width);
        input.clear();
        width = 1;
        let vocabulary = policy.config.vocab_size;
        let mut kept = Vec::new();
        let mut next = Vec::new();
        for (position, mut row) in rows.into_iter().enumerate() {
            let (token, logprob) = draw(&logits[position * vocabulary..][..vocabulary], sampling, &mut row.rng);
            row.completion.tokens.push(token);
            row.completion.sampler_logprobs.push(logprob);
            if token == end {
                row.completion.stop = StopCause::End;
                finished.push((row.request, row.completion));
            } else {
                kept.push(position);
                next.push(row);
                input.push(token);
            }
        }
        rows = next;
        if rows.is_empty() {
            break;
        }
        if kept.len() < cache.rows {
            cache.keep(&kept, &device);
        }
    }
    finished.extend(rows.into_iter().map(|row| (row.request, row.completion)));
    finished
}

/// Keys and values of all layers, `[b, g, columns, d]`, written in place.
struct Cache {
    rows: usize,
    keys: Vec<Tensor<4>>,
    values: Vec<Tensor<4>>,
}

impl Cache {
    fn new(policy: &Decoder, rows: usize, columns: usize, device: &Device) -> Self {
        let config = &policy.config;
        let shape = [rows, config.num_key_value_heads, columns, config.head_dim];
        let make = || (0..config.num_hidden_layers).map(|_| Tensor::zeros(shape, device)).collect();
        Self { rows, keys: make(), values: make() }
    }

    /// Drops the rows that ended.
    fn keep(&mut self, positions: &[usize], device: &Device) {
        let ids: Vec<i32> = positions.iter().map(|&position| position as i32).collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [positions.len()]), device);
        for tensor in self.keys.iter_mut().chain(&mut self.values) {
            tensor.inplace(|whole| whole.select(0, ids.clone()));
        }
        self.rows = positions.len();
    }
}

/// Logits `[b * v]` after the last of `width` new columns starting at column `start`.
fn next_logits(policy: &Decoder, cache: &mut Cache, rope: &Rope, rows: &[Row], input: &[u32], start: usize, width: usize) -> Vec<f32> {
    let device = policy.device();
    let b = rows.len();
    let (g, dh) = (policy.config.num_key_value_heads, policy.config.head_dim);
    let columns = start + width;
    let ids: Vec<i32> = input.iter().map(|&id| id as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [b, width]), &device);
    let positions: Vec<i32> = rows
        .iter()
        .flat_map(|row| (start..columns).map(|column| column.saturating_sub(row.padding) as i32))
        .collect();
    let positions = Tensor::<2, Int>::from_data(TensorData::new(positions, [b, width]), &device);
    let (cos, sin) = rope.at(positions);
    let mask: Vec<f32> = rows
        .iter()
        .flat_map(|row| {
            (start..columns).flat_map(move |query| {
                (0..columns).map(move |key| {
                    // A padding query may see itself, so that its softmax is defined; nobody reads it.
                    let visible = key <= query && (key >= row.padding || key == query);
                    if visible { 0.0 } else { -1e9 }
                })
            })
        })
        .collect();
    let mask = Tensor::<5>::from_data(TensorData::new(mask, [b, 1, 1, width, columns]), &device);
    let hidden = policy.run(tokens, |layer, q, k, v| {
        let q = ops::rotate(q, cos.clone(), sin.clone());
        let k = ops::rotate(k, cos.clone(), sin.clone());
        let place = [0..b, 0..g, start..columns, 0..dh];
        cache.keys[layer].inplace(|all| all.slice_assign(place.clone(), k.swap_dims(1, 2)));
        cache.values[layer].inplace(|all| all.slice_assign(place, v.swap_dims(1, 2)));
        let seen = [0..b, 0..g, 0..columns, 0..dh];
        let keys = cache.keys[layer].clone().slice(seen.clone());
        let values = cache.values[layer].clone().slice(seen);
        ops::masked_attention(q, keys, values, mask.clone())
    });
    let d = policy.config.hidden_size;
    let last = hidden.narrow(1, width - 1, 1).reshape([b, d]);
    let logits = last.matmul(policy.head().transpose());
    logits.into_data().try_to_vec::<f32>().expect("logits are f32 on every backend this crate builds")
}

/// Draws a token from `softmax(logits / temperature)` cut to its nucleus, and gives its log-probability there.
fn draw(logits: &[f32], sampling: &Sampling, rng: &mut ChaCha8Rng) -> (u32, f32) {
    let best = argmax(logits);
    if sampling.temperature <= 0.0 {
        return (best as u32, 0.0);
    }
    let highest = logits[best];
    let mut weights: Vec<f32> =
        logits.iter().map(|&logit| ((f64::from(logit - highest) / sampling.temperature) as f32).exp()).collect();
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
    (chosen as u32, (f64::from(weights[chosen]) / total).ln() as f32)
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
