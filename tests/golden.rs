//! Losses and gradients against PyTorch: the numbers under `golden/` were made by the script beside them.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use rlef::batch::{Action, Batch, TurnSpan, ValuesAt};
use rlef::checkpoint::load_tensors;
use rlef::learner::{MicroBatch, Passes};
use rlef::model::decoder::{Arithmetic, Decoder, Head, ModelConfig, Weights};
use rlef::objective::stats::Tokens;
use rlef::objective::{ppo, value as values};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    config: ModelConfig,
    clip: f64,
    value_clip: f64,
    rows: Vec<Vec<u32>>,
    actions: Vec<GoldenAction>,
    turns: Vec<GoldenTurn>,
    old: Vec<f32>,
    behaviour: Vec<f32>,
    advantages: Vec<f32>,
    old_values: Vec<f32>,
    returns: Vec<f32>,
    new: Vec<f32>,
    entropy: Vec<f32>,
    values: Vec<f32>,
    policy_loss: f64,
    value_loss: f64,
}

#[derive(Deserialize)]
pub(crate) struct GoldenAction {
    row: usize,
    position: usize,
    target: u32,
    turn: usize,
}

#[derive(Deserialize)]
pub(crate) struct GoldenTurn {
    row: usize,
    prompt_last: usize,
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(path("rlef.json")).unwrap()).unwrap()
}

fn batch(golden: &Golden) -> Batch {
    batch_of(
        &golden.rows,
        &golden.actions,
        &golden.turns,
        &golden.behaviour,
    )
}

pub(crate) fn batch_of(
    rows: &[Vec<u32>],
    actions: &[GoldenAction],
    turns: &[GoldenTurn],
    behaviour: &[f32],
) -> Batch {
    let actions: Vec<Action> = actions
        .iter()
        .zip(behaviour)
        .map(|(a, &sampler_logprob)| Action {
            row: a.row,
            position: a.position,
            target: a.target,
            turn: a.turn,
            sampler_logprob: Some(sampler_logprob),
        })
        .collect();
    let turns = turns.iter().enumerate().map(|(index, turn)| {
        let start = actions
            .iter()
            .position(|action| action.turn == index)
            .unwrap();
        let end = start + actions.iter().filter(|action| action.turn == index).count();
        TurnSpan {
            row: turn.row,
            prompt_last: turn.prompt_last,
            start,
            end,
        }
    });
    let turns = turns.collect();
    Batch::of_rows(rows.to_vec(), actions, turns)
}

/// The network's parameters, and the gradients PyTorch found for them.
fn network(prefix: &str, head: Head, config: &ModelConfig) -> (Decoder, Vec<Tensor<2>>) {
    let device = Device::flex();
    let shapes = config.parameters(head);
    let read = |part: &str| {
        let named: Vec<_> = shapes
            .iter()
            .map(|(name, shape)| (format!("{prefix}.{part}{name}"), *shape))
            .collect();
        load_tensors(&path("rlef.safetensors"), &named, &device).unwrap()
    };
    let names = shapes.iter().map(|(name, _)| name.clone()).collect();
    let weights = Weights {
        names,
        tensors: read(""),
    };
    (
        Decoder {
            config: config.clone(),
            weights,
            adapter: None,
            arithmetic: Arithmetic::F32,
        },
        read("gradient."),
    )
}

pub(crate) fn close(what: &str, ours: &[f32], theirs: &[f32], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let scale = theirs
        .iter()
        .fold(1e-3_f32, |most, value| most.max(value.abs()));
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "{what}[{index}]: {a} is not PyTorch's {b}"
        );
    }
}

pub(crate) fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_to_vec::<f32>().unwrap()
}

#[test]
fn log_probabilities_values_losses_and_gradients_are_pytorchs() {
    let golden = golden();
    let batch = batch(&golden);
    let device = Device::flex();
    let (policy, policy_gradients) = network("policy", Head::Language, &golden.config);
    let (value, value_gradients) = network("value", Head::Value, &golden.config);
    let rows: Vec<usize> = (0..batch.rows.len()).collect();
    let all = [rows.clone()];
    // One pass of all rows, and one row a pass: micro-batches must not matter.
    for tokens in [10_000, 1] {
        let passes = Passes {
            batch: &batch,
            tokens,
            temperature: 1.0,
            recompute: false,
        };
        let (log_probs, entropy) = passes.log_probs(&policy, &all);
        close("log-probabilities", &log_probs, &golden.new, 1e-5);
        let mean = golden.entropy.iter().sum::<f32>() / golden.entropy.len() as f32;
        close("mean entropy", &[entropy as f32], &[mean], 1e-5);
        close("values", &passes.values(&value, &all), &golden.values, 1e-5);

        let pick = |micro: &MicroBatch, all: &[f32]| micro.of_actions(all, &device);
        let (gradients, loss) = passes.gradients(&policy, &rows, |micro, policy| {
            let tokens = Tokens {
                new: micro.log_probs(policy, 1.0).0,
                old: pick(micro, &golden.old),
                advantages: pick(micro, &golden.advantages),
                correction: None,
            };
            let behaviour = pick(micro, &golden.behaviour);
            ppo::policy_loss(tokens, behaviour, golden.clip, batch.actions.len()).0
        });
        close(
            "policy loss",
            &[loss as f32],
            &[golden.policy_loss as f32],
            1e-5,
        );
        for ((name, ours), theirs) in policy
            .weights
            .names
            .iter()
            .zip(gradients.tensors())
            .zip(&policy_gradients)
        {
            close(name, &numbers(ours), &numbers(theirs), 1e-5);
        }

        let (gradients, loss) = passes.gradients(&value, &rows, |micro, value| {
            let (old, returns) = (
                micro.of_values(&golden.old_values, &device),
                micro.of_values(&golden.returns, &device),
            );
            values::loss(
                micro.values(value),
                old,
                returns,
                golden.value_clip,
                batch.turns.len(),
            )
        });
        close(
            "value loss",
            &[loss as f32],
            &[golden.value_loss as f32],
            1e-5,
        );
        for ((name, ours), theirs) in value
            .weights
            .names
            .iter()
            .zip(gradients.tensors())
            .zip(&value_gradients)
        {
            close(name, &numbers(ours), &numbers(theirs), 1e-5);
        }
    }
}

/// The value before a token is what a turn of that token alone would have.
#[test]
fn values_of_tokens_are_read_where_tokens_are_predicted() {
    let golden = golden();
    let batch = batch(&golden);
    let (value, _) = network("value", Head::Value, &golden.config);
    let units: Vec<usize> = (0..batch.units.len()).collect();
    let mut apart = batch.clone();
    apart.turns = (batch.actions.iter().enumerate())
        .map(|(index, action)| TurnSpan {
            row: action.row,
            prompt_last: action.position,
            start: index,
            end: index + 1,
        })
        .collect();
    for (index, action) in apart.actions.iter_mut().enumerate() {
        action.turn = index;
    }
    let of_tokens = batch.clone().with_values_at(ValuesAt::Tokens);
    assert_eq!(of_tokens.values(), batch.actions.len());
    assert_eq!(batch.values(), batch.turns.len());
    for tokens in [10_000, 1] {
        let values = |batch: &Batch| {
            let passes = Passes {
                batch,
                tokens,
                temperature: 1.0,
                recompute: false,
            };
            passes.values(&value, std::slice::from_ref(&units))
        };
        close("values", &values(&of_tokens), &values(&apart), 1e-6);
    }
}
