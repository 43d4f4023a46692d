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
    completion: Completion,
}

/// Draws one completion per request, at most `batch` of them side by side, in the order of the requests.
pub fn sample(
    policy: &Decoder,
    requests: &[Request],
    sampling: &Sampling,
    ends: &[u32],
    batch: usize,
) -> Vec<Completion> {
    let plain = policy.plain();
    // Neighbours in length share a batch, so that little of it is padding.
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by_key(|&index| requests[index].prefix.len());
    let mut drawn: Vec<Option<Completion>> = vec![None; requests.len()];
    for chunk in order.chunks(batch.max(1)) {
        for (index, completion) in sample_chunk(&plain, requests, chunk, sampling, ends) {
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
            }
            if ends.contains(&token) || drawn == sampling.max_tokens {
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

/// Draws a token from `softmax(logits / temperature)` cut to its nucleus, and gives its log-probability there.
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
mod tests {
    use super::*;
    use crate::batch::{Action, Batch};
    use crate::learner::Passes;
    use crate::sft::ShapeConfig;
    use burn::tensor::Device;

    fn small() -> Decoder {
        let shape = ShapeConfig {
            hidden: 32,
            intermediate: 48,
            layers: 2,
            heads: 4,
            key_value_heads: 2,
            context: 64,
        };
        let mut decoder = Decoder::random(&shape.config(40), 11, &Device::flex());
        // Random weights of usual size give a nearly flat distribution; sharper ones test more.
        for tensor in &mut decoder.weights.tensors {
            tensor.inplace(|weights| weights * 4.0);
        }
        decoder
    }

    fn requests() -> Vec<Request> {
        let prefix = |length: u32| (0..length).map(|i| (i * 7 + length) % 40).collect();
        (1..12)
            .map(|length| Request {
                prefix: prefix(length),
                seed: u64::from(length),
            })
            .collect()
    }

    const SAMPLING: Sampling = Sampling {
        temperature: 1.0,
        top_p: 1.0,
        max_tokens: 20,
    };

    #[test]
    fn a_draw_does_not_depend_on_the_batch() {
        let (policy, requests) = (small(), requests());
        let together = sample(&policy, &requests, &SAMPLING, &[39], 64);
        let pairs = sample(&policy, &requests, &SAMPLING, &[39], 2);
        for (index, request) in requests.iter().enumerate() {
            let alone = sample(&policy, std::slice::from_ref(request), &SAMPLING, &[39], 1);
            assert_eq!(alone[0].tokens, together[index].tokens);
            assert_eq!(pairs[index].tokens, together[index].tokens);
        }
    }

    #[test]
    fn sampler_and_trainer_agree_on_log_probabilities() {
        let (policy, requests) = (small(), requests());
        for temperature in [0.7, 1.0] {
            let drawn = sample(
                &policy,
                &requests,
                &Sampling {
                    temperature,
                    ..SAMPLING
                },
                &[39],
                8,
            );
            let mut batch = Batch::default();
            for (row, (request, completion)) in requests.iter().zip(&drawn).enumerate() {
                batch
                    .rows
                    .push([request.prefix.clone(), completion.tokens.clone()].concat());
                let said = completion
                    .tokens
                    .iter()
                    .zip(&completion.sampler_logprobs)
                    .enumerate();
                batch
                    .actions
                    .extend(said.map(|(offset, (&target, &sampler_logprob))| Action {
                        row,
                        position: request.prefix.len() + offset - 1,
                        target,
                        turn: 0,
                        sampler_logprob,
                    }));
            }
            let passes = Passes {
                batch: &batch,
                tokens: 100,
                pad: 0,
                temperature,
            };
            let (trainer, _) = passes.log_probs(&policy, &[(0..batch.rows.len()).collect()]);
            for (action, trainer) in batch.actions.iter().zip(trainer) {
                assert!(
                    (action.sampler_logprob - trainer).abs() < 1e-4,
                    "{} against {trainer}",
                    action.sampler_logprob
                );
            }
        }
    }

    #[test]
    fn the_nucleus_is_cut_and_its_log_probability_is_of_what_is_left() {
        let logits = [2.0_f32, 1.0, 0.0, -5.0];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let sampling = Sampling {
            temperature: 1.0,
            top_p: 0.8,
            max_tokens: 1,
        };
        let expected = [-0.313_261_7, -1.313_261_7];
        for _ in 0..200 {
            let (token, logprob) = draw(&logits, &sampling, &mut rng);
            assert!(token < 2 && (logprob - expected[token as usize]).abs() < 1e-5);
        }
    }

    #[test]
    fn draws_follow_the_distribution() {
        let logits = [0.0_f32, (3.0_f32).ln()];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let hits = (0..4000)
            .filter(|_| draw(&logits, &SAMPLING, &mut rng).0 == 1)
            .count();
        assert!(
            (2850..3150).contains(&hits),
            "{hits} of 4000 at probability 0.75"
        );
    }

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(
            draw(
                &[0.1, 0.3, 0.2],
                &Sampling {
                    temperature: 0.0,
                    ..SAMPLING
                },
                &mut rng
            ),
            (1, 0.0)
        );
    }
}
