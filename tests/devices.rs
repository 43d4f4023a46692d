//! Models in other numbers than f32, and on other devices than the CPU, compute what they compute there. The latter needs
//! a build with the device's Cargo feature, and the device.

use burn::tensor::{DType, FloatDType, Tensor};
use rlef::batch::{Action, Batch};
use rlef::completion::Sampling;
use rlef::learner::Passes;
use rlef::model::decoder::{Arithmetic, Decoder};
use rlef::model::sampler::{Drawn, Request, sample};

use crate::adapters::{adapted, batch};
use crate::checkpoints::load;
use crate::golden::numbers;

fn passes(batch: &Batch, recompute: bool) -> Passes<'_> {
    Passes {
        batch,
        tokens: 100,
        temperature: 1.0,
        recompute,
    }
}

fn rows(batch: &Batch) -> Vec<usize> {
    (0..batch.rows.len()).collect()
}

fn log_probs(decoder: &Decoder, batch: &Batch) -> Vec<f32> {
    passes(batch, false).log_probs(decoder, &[rows(batch)]).0
}

fn gradients(decoder: &Decoder, batch: &Batch, recompute: bool) -> Vec<Tensor<2>> {
    let passes = passes(batch, recompute);
    let (sum, _) = passes.gradients(decoder, &rows(batch), |micro, decoder| {
        micro.log_probs(decoder, 1.0).0.sum().neg()
    });
    sum.tensors().to_vec()
}

/// Largest distance of two lists.
fn gap(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let each = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    // Not a number must not pass for small.
    each.fold(0.0, |most, gap| if gap <= most { most } else { gap })
}

/// Distance of all of a gradient from what it should be, by the length of the latter.
fn relative(found: &[Tensor<2>], expected: &[Tensor<2>]) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let (mut away, mut length) = (0.0, 0.0);
    for (found, expected) in found.iter().zip(expected) {
        let (found, expected) = (numbers(found), numbers(expected));
        away += found
            .iter()
            .zip(&expected)
            .map(|(a, b)| square(a - b))
            .sum::<f64>();
        length += expected.iter().copied().map(square).sum::<f64>();
    }
    (away / length).sqrt()
}

fn drawn(decoder: &Decoder, temperature: f64) -> (Vec<Request>, Vec<Drawn>) {
    let requests: Vec<Request> = (1..6)
        .map(|length| Request {
            prefix: (0..length).map(|i| (i * 7 + length) % 40).collect(),
            seed: u64::from(length),
        })
        .collect();
    let sampling = Sampling {
        max_tokens: 16,
        temperature,
        ..Sampling::default()
    };
    let completions = sample(decoder, &requests, &sampling, &[], 4);
    (requests, completions)
}

/// Largest distance of what the sampler said of its tokens from what the trainer says of them.
fn sampler_gap(decoder: &Decoder) -> f32 {
    let (requests, completions) = drawn(decoder, 1.0);
    let mut batch = Batch::default();
    for (row, (request, completion)) in requests.iter().zip(&completions).enumerate() {
        let tokens = [request.prefix.clone(), completion.sampled.ids.clone()].concat();
        batch.rows.push(tokens);
        batch.units.push(row..row + 1);
        for (offset, &target) in completion.sampled.ids.iter().enumerate() {
            batch.actions.push(Action {
                row,
                position: request.prefix.len() + offset - 1,
                target,
                turn: 0,
                sampler_logprob: Some(completion.sampled.log_probs[offset]),
            });
        }
    }
    let said: Vec<f32> = batch
        .actions
        .iter()
        .filter_map(|a| a.sampler_logprob)
        .collect();
    gap(&log_probs(decoder, &batch), &said)
}

fn models() -> [Decoder; 5] {
    [
        load("llama"),
        load("qwen2"),
        load("qwen3"),
        adapted("qwen2", false),
        rounded(&adapted("llama", true)).with_frozen_bf16(),
    ]
}

#[test]
fn bf16_is_near_f32_and_trains_in_f32() {
    for decoder in models() {
        let half = Decoder {
            arithmetic: Arithmetic::Bf16,
            ..decoder.clone()
        };
        let batch = batch();
        let off = gap(&log_probs(&half, &batch), &log_probs(&decoder, &batch));
        assert!(off > 1e-5 && off < 0.05, "log-probabilities are {off} away");
        let expected = gradients(&decoder, &batch, false);
        for recompute in [false, true] {
            let found = gradients(&half, &batch, recompute);
            assert!(found.iter().all(|tensor| tensor.dtype() == DType::F32));
            let off = relative(&found, &expected);
            assert!(off > 1e-5 && off < 0.05, "gradients are {off} away");
        }
        let off = sampler_gap(&half);
        assert!(off < 0.02, "sampler and trainer are {off} apart");
    }
}

/// The same decoder, every number of its weights the nearest one that bf16 has.
fn rounded(decoder: &Decoder) -> Decoder {
    let mut rounded = decoder.clone();
    for tensor in &mut rounded.weights.tensors {
        let narrow = tensor.clone().cast(FloatDType::BF16);
        *tensor = narrow.cast(FloatDType::F32);
    }
    rounded
}

/// What bf16 holds as it is is multiplied with as it is: not a bit of training, sampling or merging changes.
#[test]
fn frozen_matrices_in_bf16_are_the_same_model() {
    for base in ["llama", "qwen2", "qwen3"] {
        let wide = rounded(&adapted(base, false));
        let narrow = wide.clone().with_frozen_bf16();
        let held = narrow.weights.tensors.iter();
        let held = held.filter(|tensor| tensor.dtype() == DType::BF16).count();
        assert_eq!(held, 7 * wide.config.num_hidden_layers);
        let batch = batch();
        assert_eq!(log_probs(&narrow, &batch), log_probs(&wide, &batch));
        for recompute in [false, true] {
            let both = [&narrow, &wide].map(|decoder| {
                let found = gradients(decoder, &batch, recompute);
                found.iter().map(numbers).collect::<Vec<_>>()
            });
            assert!(both[0] == both[1], "{base}: the gradients differ");
        }
        assert_eq!(drawn(&narrow, 1.0).1, drawn(&wide, 1.0).1);
        let [narrow, wide] = [narrow.merged(), wide.merged()];
        for (narrow, wide) in narrow.weights.tensors.iter().zip(&wide.weights.tensors) {
            assert_eq!(numbers(narrow), numbers(wide));
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod on_a_card {
    use burn::tensor::Device;
    use rlef::model::decoder::Weights;
    use rlef::model::device::Processor;

    use super::*;

    fn moved(weights: &Weights, device: &Device) -> Weights {
        let tensors = weights.tensors.iter().cloned();
        Weights {
            names: weights.names.clone(),
            tensors: tensors.map(|tensor| tensor.to_device(device)).collect(),
        }
    }

    #[test]
    fn a_card_computes_what_the_cpu_does() {
        let all = [Processor::Wgpu, Processor::Cuda];
        for processor in all.into_iter().filter(|one| one.is_built_in()) {
            let device = processor.open().unwrap();
            for decoder in models() {
                let mut there = decoder.clone();
                there.weights = moved(&decoder.weights, &device);
                if let Some(adapter) = &mut there.adapter {
                    adapter.weights = moved(&adapter.weights, &device);
                }
                let batch = batch();
                let off = gap(&log_probs(&there, &batch), &log_probs(&decoder, &batch));
                assert!(off < 1e-4, "{processor}: log-probabilities are {off} away");
                let expected = gradients(&decoder, &batch, false);
                for recompute in [false, true] {
                    let found = gradients(&there, &batch, recompute);
                    let off = relative(&found, &expected);
                    assert!(off < 1e-4, "{processor}: gradients are {off} away");
                }
                let tokens = |decoder| -> Vec<Vec<u32>> {
                    let (_, completions) = drawn(decoder, 0.0);
                    completions
                        .into_iter()
                        .map(|drawn| drawn.sampled.ids)
                        .collect()
                };
                assert_eq!(tokens(&there), tokens(&decoder), "{processor}");
                let off = sampler_gap(&there);
                assert!(
                    off < 1e-4,
                    "{processor}: sampler and trainer are {off} apart"
                );
            }
        }
    }
}
