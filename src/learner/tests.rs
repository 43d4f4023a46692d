use super::Passes;
use crate::batch::{Action, Batch};
use crate::completion::Sampling;
use crate::model::decoder::Decoder;
use crate::model::sampler::{Request, sample};
use crate::sft::ShapeConfig;
use burn::tensor::Device;

/// Random weights of usual size give a nearly flat distribution; sharper ones test more.
fn sharp() -> Decoder {
    let shape = ShapeConfig {
        hidden: 32,
        intermediate: 48,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        context: 64,
    };
    let mut decoder = Decoder::random(&shape.config(40), 11, &Device::flex());
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

#[test]
fn sampler_and_trainer_agree_on_log_probabilities() {
    let policy = sharp();
    let requests = requests();
    for temperature in [0.7, 1.0] {
        let drawn = sample(
            &policy,
            &requests,
            &Sampling {
                temperature,
                max_tokens: 20,
                ..Sampling::default()
            },
            &[39],
            8,
        );
        let mut batch = Batch::default();
        for (row, (request, completion)) in requests.iter().zip(&drawn).enumerate() {
            batch
                .rows
                .push([request.prefix.clone(), completion.sampled.ids.clone()].concat());
            batch.units.push(row..row + 1);
            let said = completion
                .sampled
                .ids
                .iter()
                .zip(&completion.sampled.log_probs)
                .enumerate();
            batch
                .actions
                .extend(said.map(|(offset, (&target, &sampler_logprob))| Action {
                    row,
                    position: request.prefix.len() + offset - 1,
                    target,
                    turn: 0,
                    sampler_logprob: Some(sampler_logprob),
                }));
        }
        let passes = Passes {
            batch: &batch,
            tokens: 100,
            temperature,
            recompute: false,
        };
        let (trainer, _) = passes.log_probs(&policy, &[(0..batch.rows.len()).collect()]);
        for (action, trainer) in batch.actions.iter().zip(trainer) {
            let sampler = action.sampler_logprob.unwrap();
            assert!(
                (sampler - trainer).abs() < 1e-4,
                "{sampler} against {trainer}"
            );
        }
    }
}
