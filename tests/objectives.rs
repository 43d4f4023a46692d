//! PPO and GRPO on small Qwen2 and Llama models and on a LoRA adapter against PyTorch: losses and gradients of all that
//! is trained. The numbers were made by `golden/objectives.py`.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rlef::batch::{Action, Batch};
use rlef::checkpoint::adapter_file;
use rlef::checkpoint::load_tensors;
use rlef::learner::{MicroBatch, Passes};
use rlef::model::decoder::Decoder;
use rlef::objective::stats::{self, Tokens};
use rlef::objective::{grpo, ppo, value as values};
use serde::Deserialize;

use crate::checkpoints::{folder, load};
use crate::golden::{GoldenAction, GoldenTurn, batch_of, close, numbers, path};

#[derive(Deserialize)]
struct Golden {
    clip: f64,
    value_clip: f64,
    kl_beta: f64,
    group: usize,
    rewards: Vec<f64>,
    relative: Vec<f32>,
    models: HashMap<String, Model>,
    value: Values,
}

#[derive(Deserialize)]
struct Model {
    rows: Vec<Vec<u32>>,
    actions: Vec<GoldenAction>,
    turns: Vec<GoldenTurn>,
    old: Vec<f32>,
    behaviour: Vec<f32>,
    reference: Vec<f32>,
    advantages: Vec<f32>,
    new: Vec<f32>,
    ppo: f64,
    grpo: f64,
}

#[derive(Deserialize)]
struct Values {
    old: Vec<f32>,
    returns: Vec<f32>,
    values: Vec<f32>,
    loss: f64,
    head: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_slice(&std::fs::read(path("objectives.json")).unwrap()).unwrap()
}

fn batch(model: &Model) -> Batch {
    batch_of(&model.rows, &model.actions, &model.turns, &model.behaviour)
}

/// Passes of all rows at once, and of one row each, with blocks kept and computed again: micro-batches, what rows
/// share and what is kept must not matter.
fn passes(batch: &Batch) -> [Passes<'_>; 4] {
    [(10_000, false), (1, false), (10_000, true), (1, true)].map(|(tokens, recompute)| Passes {
        batch,
        tokens,
        temperature: 1.0,
        recompute,
    })
}

/// Compares the gradient of every trained tensor with PyTorch's.
fn compare(prefix: &str, decoder: &Decoder, ours: &[Tensor<2>]) {
    let trained = decoder.trained();
    let named: Vec<_> = trained
        .names
        .iter()
        .zip(&trained.tensors)
        .map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.dims()))
        .collect();
    let theirs = load_all(&named);
    assert_eq!(ours.len(), named.len());
    for ((ours, theirs), (name, _)) in ours.iter().zip(&theirs).zip(&named) {
        close(name, &numbers(ours), &numbers(theirs), 1e-5);
    }
}

/// The named tensors among all of the file, which must all be expected by somebody.
fn load_all(named: &[(String, [usize; 2])]) -> Vec<Tensor<2>> {
    load_tensors(&path("objectives.safetensors"), named, &Device::flex()).unwrap()
}

#[test]
fn ppo_and_grpo_losses_and_gradients_are_pytorchs() {
    let golden = golden();
    let device = Device::flex();
    let relative: Vec<f32> = golden
        .rewards
        .chunks(golden.group)
        .flat_map(stats::standardised)
        .map(|advantage| advantage as f32)
        .collect();
    close("group advantages", &relative, &golden.relative, 1e-5);
    for (name, model) in &golden.models {
        let batch = batch(model);
        let mut policy = load(name.trim_end_matches("-lora"));
        if name.ends_with("-lora") {
            policy.adapter = Some(adapter_file::load(&folder(name), &policy, &device).unwrap());
        }
        let rows: Vec<usize> = (0..batch.rows.len()).collect();
        let by_action = |value: &dyn Fn(usize) -> f32| -> Vec<f32> {
            batch.actions.iter().map(|a| value(a.row)).collect()
        };
        let advantages = by_action(&|row| relative[row]);
        for passes in passes(&batch) {
            let (new, _) = passes.log_probs(&policy, std::slice::from_ref(&rows));
            close("log-probabilities", &new, &model.new, 1e-5);
            let (gradients, loss) =
                passes.gradients(&policy, &rows, |micro: &MicroBatch, policy| {
                    let pick = |all: &[f32]| micro.of_actions(all, &device);
                    let tokens = Tokens {
                        new: micro.log_probs(policy, 1.0).0,
                        old: pick(&model.old),
                        advantages: pick(&model.advantages),
                        correction: None,
                    };
                    let behaviour = pick(&model.behaviour);
                    ppo::policy_loss(tokens, behaviour, golden.clip, batch.actions.len()).0
                });
            close(name, &[loss as f32], &[model.ppo as f32], 1e-5);
            compare(&format!("{name}.ppo"), &policy, gradients.tensors());

            let (gradients, loss) =
                passes.gradients(&policy, &rows, |micro: &MicroBatch, policy| {
                    let pick = |all: &[f32]| micro.of_actions(all, &device);
                    let tokens = Tokens {
                        new: micro.log_probs(policy, 1.0).0,
                        old: pick(&model.old),
                        advantages: pick(&advantages),
                        correction: None,
                    };
                    let held = Some((pick(&model.reference), golden.kl_beta));
                    let weights = stats::equal_rows(&micro.spans, rows.len(), &device);
                    grpo::policy_loss(tokens, held, weights, golden.clip).0
                });
            close(name, &[loss as f32], &[model.grpo as f32], 1e-5);
            compare(&format!("{name}.grpo"), &policy, gradients.tensors());
        }
    }
}

/// What rows begin with alike is computed once where they meet in a pass; alone each computes it for itself.
#[test]
fn rows_that_begin_alike_give_the_gradients_they_give_alone() {
    let golden = golden();
    let device = Device::flex();
    for (name, model) in &golden.models {
        let mut policy = load(name.trim_end_matches("-lora"));
        if name.ends_with("-lora") {
            policy.adapter = Some(adapter_file::load(&folder(name), &policy, &device).unwrap());
        }
        let (first, second) = (&model.rows[0], &model.rows[1]);
        let rows = vec![
            first.clone(),
            [&first[..first.len() / 2], second].concat(),
            first.clone(),
            second.clone(),
            first[..2].to_vec(),
        ];
        let actions = rows.iter().enumerate().flat_map(|(row, ids)| {
            let targets = ids.iter().skip(1).enumerate();
            targets.map(move |(position, &target)| Action {
                row,
                position,
                target,
                turn: 0,
                sampler_logprob: None,
            })
        });
        let actions = actions.collect();
        let batch = Batch::of_rows(rows, actions, Vec::new());
        let weights: Vec<f32> = (0..batch.actions.len())
            .map(|index| (index as f32 * 0.7).sin())
            .collect();
        let all: Vec<usize> = (0..batch.rows.len()).collect();
        let found = passes(&batch).map(|passes| {
            let (log_probs, _) = passes.log_probs(&policy, std::slice::from_ref(&all));
            let (gradients, _) = passes.gradients(&policy, &all, |micro: &MicroBatch, policy| {
                let weights = micro.of_actions(&weights, &device);
                (micro.log_probs(policy, 1.0).0 * weights.autodiff()).sum()
            });
            (log_probs, gradients)
        });
        let (log_probs, gradients) = &found[1];
        for (others, of_others) in &found {
            close(name, others, log_probs, 1e-5);
            for (ours, alone) in of_others.tensors().iter().zip(gradients.tensors()) {
                close(name, &numbers(ours), &numbers(alone), 1e-5);
            }
        }
    }
}

#[test]
fn the_value_loss_and_its_gradients_on_qwen2_are_pytorchs() {
    let golden = golden();
    let device = Device::flex();
    let batch = batch(&golden.models["qwen2"]);
    let expected = &golden.value;
    let mut network = load("qwen2").value_network();
    let last = network.weights.tensors.last_mut().unwrap();
    let width = expected.head.len();
    *last = Tensor::from_data(TensorData::new(expected.head.clone(), [1, width]), &device);
    let rows: Vec<usize> = (0..batch.rows.len()).collect();
    for passes in passes(&batch) {
        let values = passes.values(&network, std::slice::from_ref(&rows));
        close("values", &values, &expected.values, 1e-5);
        let (gradients, loss) = passes.gradients(&network, &rows, |micro: &MicroBatch, network| {
            values::loss(
                micro.values(network),
                micro.of_values(&expected.old, &device),
                micro.of_values(&expected.returns, &device),
                golden.value_clip,
                batch.turns.len(),
            )
        });
        close("value loss", &[loss as f32], &[expected.loss as f32], 1e-5);
        compare("value", &network, gradients.tensors());
    }
}

/// One body for both heads: its gradient is the policy's and so many times the value's, which PyTorch gave apart.
#[test]
fn a_shared_body_has_the_sum_of_both_gradients() {
    const COEFFICIENT: f64 = 0.3;
    let golden = golden();
    let device = Device::flex();
    let model = &golden.models["qwen2"];
    let (batch, expected) = (batch(model), &golden.value);
    let separate = load("qwen2");
    let network = separate.value_network();
    let mut policy = separate.with_value_head();
    let width = expected.head.len();
    *policy.weights.tensors.last_mut().unwrap() =
        Tensor::from_data(TensorData::new(expected.head.clone(), [1, width]), &device);
    let named = |prefix: &str, decoder: &Decoder| -> Vec<(String, [usize; 2])> {
        let trained = decoder.trained();
        let shapes = trained.tensors.iter().map(Tensor::dims);
        let names = trained.names.iter().map(|name| format!("{prefix}.{name}"));
        names.zip(shapes).collect()
    };
    let of_policy = load_all(&named("qwen2.ppo", &separate));
    let of_value = load_all(&named("value", &network));
    let rows: Vec<usize> = (0..batch.rows.len()).collect();
    for passes in passes(&batch) {
        let scores = passes.scores(&policy, std::slice::from_ref(&rows));
        close("log-probabilities", &scores.log_probs, &model.new, 1e-5);
        close("values", &scores.values, &expected.values, 1e-5);
        let (gradients, loss) = passes.gradients(&policy, &rows, |micro: &MicroBatch, policy| {
            let read = micro.read(policy, 1.0);
            let pick = |all: &[f32]| micro.of_actions(all, &device);
            let tokens = Tokens {
                new: read.log_probs,
                old: pick(&model.old),
                advantages: pick(&model.advantages),
                correction: None,
            };
            let behaviour = pick(&model.behaviour);
            let count = batch.actions.len();
            let (loss, _) = ppo::policy_loss(tokens, behaviour, golden.clip, count);
            let of_values = values::loss(
                read.values.unwrap(),
                micro.of_values(&expected.old, &device),
                micro.of_values(&expected.returns, &device),
                golden.value_clip,
                batch.turns.len(),
            );
            loss + of_values * COEFFICIENT
        });
        let both = model.ppo + COEFFICIENT * expected.loss;
        close("loss", &[loss as f32], &[both as f32], 1e-5);
        let names = &policy.weights.names;
        for (name, ours) in names.iter().zip(gradients.tensors()) {
            let find = |all: &[Tensor<2>], decoder: &Decoder| {
                let place = decoder.weights.names.iter().position(|other| other == name);
                place.map(|place| all[place].clone())
            };
            let pulled = find(&of_value, &network).map(|gradient| gradient * COEFFICIENT);
            let theirs = match (find(&of_policy, &separate), pulled) {
                (Some(one), Some(other)) => one + other,
                (one, other) => one.or(other).unwrap(),
            };
            close(name, &numbers(ours), &numbers(&theirs), 1e-5);
        }
    }
}
