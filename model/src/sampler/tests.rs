use super::draw::draw;
use super::*;
use crate::lora::{Adapter, LoraConfig};
use crate::shape::{Extras, ModelConfig};
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub(super) fn small() -> Decoder {
    let shape = ModelConfig {
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 8,
        vocab_size: 40,
        max_position_embeddings: 64,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        rope_scaling: None,
        extras: Extras::default(),
        tie_word_embeddings: true,
    };
    let mut decoder = Decoder::random(&shape, 11, &Device::flex());
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

pub(super) fn plain() -> Sampling {
    Sampling {
        max_tokens: 20,
        ..Sampling::default()
    }
}

#[test]
fn a_draw_does_not_depend_on_the_batch() {
    let (policy, requests) = (small(), requests());
    let together = sample(&policy, &requests, &plain(), &[39], 64);
    let pairs = sample(&policy, &requests, &plain(), &[39], 2);
    for (index, request) in requests.iter().enumerate() {
        let alone = sample(&policy, std::slice::from_ref(request), &plain(), &[39], 1);
        assert_eq!(alone[0].sampled.ids, together[index].sampled.ids);
        assert_eq!(pairs[index].sampled.ids, together[index].sampled.ids);
    }
}

#[test]
fn the_nucleus_is_cut_and_its_log_probability_is_of_what_is_left() {
    let logits = [2.0_f32, 1.0, 0.0, -5.0];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let sampling = Sampling {
        top_p: 0.8,
        ..plain()
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
        .filter(|_| draw(&logits, &plain(), &mut rng).0 == 1)
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
                ..plain()
            },
            &mut rng
        ),
        (1, 0.0)
    );
}

/// What a cut of `softmax(logits / temperature)` leaves, in f64 and written as the definition reads.
fn distribution(logits: &[f32], sampling: &Sampling) -> Vec<f64> {
    let scaled = |&logit: &f32| (f64::from(logit) / sampling.temperature).exp();
    let mut weights: Vec<f64> = logits.iter().map(scaled).collect();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)));
    if sampling.top_k > 0 {
        for &index in order.iter().skip(sampling.top_k) {
            weights[index] = 0.0;
        }
    }
    let total: f64 = weights.iter().sum();
    let mut seen = 0.0;
    for &index in &order {
        if seen >= sampling.top_p * total {
            weights[index] = 0.0;
        }
        seen += weights[index];
    }
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

#[test]
fn cuts_leave_the_distribution_that_is_drawn_from_and_reported() {
    let logits: Vec<f32> = (0..24)
        .map(|i| ((i * 37 % 23) as f32 - 11.0) / 4.0)
        .collect();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for (temperature, top_k, top_p) in [
        (1.0, 5, 1.0),
        (0.7, 1, 1.0),
        (1.3, 8, 0.6),
        (2.0, 0, 0.5),
        (1.0, 100, 1.0),
    ] {
        let sampling = Sampling {
            temperature,
            top_p,
            top_k,
            ..plain()
        };
        let expected = distribution(&logits, &sampling);
        let mut seen = vec![0.0_f64; logits.len()];
        for _ in 0..20_000 {
            let (token, logprob) = draw(&logits, &sampling, &mut rng);
            let probability = expected[token as usize];
            assert!(
                (f64::from(logprob) - probability.ln()).abs() < 1e-6,
                "{sampling:?}: token {token} at {logprob}, expected {}",
                probability.ln()
            );
            seen[token as usize] += 1.0 / 20_000.0;
        }
        // Five standard deviations of a share in 20,000 draws are 0.018 at most.
        for (token, (seen, expected)) in seen.iter().zip(&expected).enumerate() {
            assert!(
                (seen - expected).abs() < 0.018,
                "{sampling:?}: token {token}"
            );
        }
    }
}

#[test]
fn equal_logits_are_cut_in_the_order_of_ids() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let sampling = Sampling {
        top_k: 2,
        ..plain()
    };
    for _ in 0..50 {
        assert!(draw(&[0.0, 1.0, 1.0, 1.0], &sampling, &mut rng).0 - 1 < 2);
    }
}

#[test]
fn cut_draws_of_64_rows_are_those_of_each_alone_and_end_where_the_tokens_say() {
    let policy = small();
    let requests: Vec<Request> = (0..64_u32)
        .map(|row| Request {
            prefix: (0..=row % 9).map(|i| (i * 7 + row) % 40).collect(),
            seed: u64::from(row),
        })
        .collect();
    let sampling = Sampling {
        temperature: 0.9,
        top_k: 12,
        top_p: 0.95,
        ..plain()
    };
    let stopped = |tokens: &[u32]| tokens.ends_with(&[5]) || tokens.ends_with(&[7]);
    let draw = |requests: &[Request], batch| {
        sample_until(&policy, requests, &sampling, &[39], &stopped, batch)
    };
    let together = draw(&requests, 64);
    for (request, together) in requests.iter().zip(&together) {
        let alone = &draw(std::slice::from_ref(request), 1)[0];
        assert_eq!(
            (&alone.sampled.ids, alone.stop),
            (&together.sampled.ids, together.stop)
        );
        for (a, b) in alone
            .sampled
            .log_probs
            .iter()
            .zip(&together.sampled.log_probs)
        {
            assert!((a - b).abs() < 1e-4, "{a} alone, {b} in a batch");
        }
        let count = together.sampled.ids.len();
        let first = (1..=count).find(|&count| stopped(&together.sampled.ids[..count]));
        match together.stop {
            FinishReason::Text => assert_eq!(first, Some(count)),
            FinishReason::End => assert_eq!((first, together.sampled.ids[count - 1]), (None, 39)),
            FinishReason::Length => assert_eq!((first, count), (None, 20)),
        }
    }
    let causes: std::collections::HashSet<String> = together
        .iter()
        .map(|drawn| format!("{:?}", drawn.stop))
        .collect();
    assert_eq!(causes.len(), 3, "only {causes:?} occurred");
}

#[test]
fn rows_that_join_leave_and_share_are_to_the_bit_those_of_each_alone() {
    let policy = small();
    // Groups of four share a prefix, the last of each with tokens of its own behind it; one has no other's beginning.
    let mut requests: Vec<Request> = (0..40_u32)
        .map(|row| {
            let group = row / 4;
            let mut prefix: Vec<u32> = (0..9 + group).map(|i| (i * 7 + group) % 40).collect();
            if row % 4 == 3 {
                prefix.extend([1, 2, 3]);
            }
            Request {
                prefix,
                seed: u64::from(row),
            }
        })
        .collect();
    requests.push(Request {
        prefix: vec![38],
        seed: 99,
    });
    for adapted in [false, true] {
        let mut policy = policy.clone();
        if adapted {
            let config = LoraConfig {
                rank: 3,
                ..LoraConfig::default()
            };
            let mut adapter = Adapter::new(&config, &policy).unwrap();
            for tensor in &mut adapter.weights.tensors {
                tensor.inplace(|values| values + 0.05);
            }
            policy.adapter = Some(adapter);
        }
        let alone: Vec<Drawn> = requests
            .iter()
            .flat_map(|request| sample(&policy, std::slice::from_ref(request), &plain(), &[39], 1))
            .collect();
        let lengths: std::collections::HashSet<usize> =
            alone.iter().map(|drawn| drawn.sampled.ids.len()).collect();
        assert!(lengths.len() > 3, "rows end together: {lengths:?}");
        for batch in [2, 3, 7, 41, 64] {
            let together = sample(&policy, &requests, &plain(), &[39], batch);
            assert_eq!(together, alone, "{batch} at a time, adapted {adapted}");
        }
    }
}
