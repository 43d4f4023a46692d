//! What the fake computes: passes, their losses and gradients, and steps.

use std::collections::BTreeMap;

use burn::tensor::Tensor as Numbers;
use prost::Message;
use rlef::batch::{Action, Batch, TurnSpan};
use rlef::learner::Passes;
use rlef::model::decoder::Decoder;
use rlef::update::{Optimizer, OptimizerConfig, Step};
use serde_json::{Value, json};

use super::fake::{Answer, Fake, refused, said};
use super::messages::*;

impl Fake {
    pub(super) fn pass(&mut self, request: &ForwardBackwardRequest) -> Answer {
        let mut rows = Vec::new();
        for datum in &request.data {
            let chunk = datum.model_input[0].encoded_text.as_ref().unwrap();
            let input = chunk.tokens.chunks_exact(4);
            let mut row: Vec<u32> = input
                .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
                .collect();
            let targets = &datum.loss_fn_inputs["target_tokens"];
            let targets: Vec<u32> = (targets.dense.chunks_exact(8))
                .map(|word| i64::from_le_bytes(word.try_into().unwrap()) as u32)
                .collect();
            row.push(*targets.last().unwrap());
            if targets[..] != row[1..] {
                self.faults
                    .push("targets that are not the row's".to_owned());
            }
            for name in ["weights", "logprobs", "advantages"] {
                let tensor = datum.loss_fn_inputs.get(name);
                let values = tensor
                    .map(|tensor| floats(&tensor.dense))
                    .unwrap_or_default();
                if values.len() != targets.len() || values.iter().any(|value| !value.is_finite()) {
                    self.faults
                        .push(format!("{name} that a server would take: {values:?}"));
                }
            }
            if row.len() > self.base.config.max_position_embeddings
                || row
                    .iter()
                    .any(|&id| id as usize >= self.base.config.vocab_size)
            {
                self.faults.push("a row that does not fit".to_owned());
            }
            rows.push(row);
        }
        if rows.is_empty() {
            self.faults.push("no rows at all".to_owned());
            return refused(408, "never");
        }
        let decoder = self.models[&request.model_id].decoder.clone();
        let new = log_probs(&decoder, &rows);
        let mut fields = BTreeMap::from([("logprobs".to_owned(), batched(&new))]);
        if !request.forward_only {
            let losses = self.backward(request, &decoder, &rows, &new);
            fields.insert("elementwise_loss".to_owned(), batched(&losses));
        }
        Ok(ForwardBackwardOutput {
            loss_fn_output_type: "scalar".to_owned(),
            loss_fn_outputs: vec![ArrayRecord {
                type_tag: String::new(),
                fields,
                num_datums: rows.len() as i64,
            }],
        }
        .encode_to_vec())
    }

    /// Losses in plain numbers, and their gradient by tensors.
    fn backward(
        &mut self,
        request: &ForwardBackwardRequest,
        decoder: &Decoder,
        rows: &[Vec<u32>],
        new: &[Vec<f32>],
    ) -> Vec<Vec<f32>> {
        let field = |name: &str| -> Vec<Vec<f32>> {
            let all = request.data.iter();
            all.map(|datum| floats(&datum.loss_fn_inputs[name].dense))
                .collect()
        };
        let (weights, old, advantages) = (field("weights"), field("logprobs"), field("advantages"));
        let bound = |name: &str| {
            request
                .loss_fn_config
                .get(name)
                .copied()
                .unwrap_or(f64::NAN)
        };
        let (low, high) = (bound("clip_low_threshold"), bound("clip_high_threshold"));
        let name = request.loss_fn.clone();
        let clipped = |ratio: f64| ratio.max(low).min(high);
        let mut losses = Vec::new();
        for row in 0..rows.len() {
            let of_row = (0..new[row].len()).map(|at| {
                let ratio = f64::from(new[row][at] - old[row][at]).exp();
                let advantage = f64::from(advantages[row][at]);
                let loss = match &*name {
                    "importance_sampling" => -ratio * advantage,
                    "ppo" => -(ratio * advantage).min(clipped(ratio) * advantage),
                    "cispo" => -clipped(ratio) * f64::from(new[row][at]) * advantage,
                    other => panic!("the loss {other}"),
                };
                (loss * f64::from(weights[row][at])) as f32
            });
            losses.push(of_row.collect());
        }
        let batch = every_token(rows);
        let share = |row: usize| {
            if self.backend_sums {
                return 1.0;
            }
            let learnt: f32 = weights[row].iter().sum();
            1.0 / learnt / rows.len() as f32
        };
        let scaled: Vec<Vec<f32>> = (0..rows.len())
            .map(|row| {
                let pairs = advantages[row].iter().zip(&weights[row]);
                pairs.map(|(a, w)| a * w * share(row)).collect()
            })
            .collect();
        let (old, scaled) = (old.concat(), scaled.concat());
        let units: Vec<usize> = (0..rows.len()).collect();
        let (gradient, _) = passes(&batch).gradients(decoder, &units, |micro, policy| {
            let (new, _) = micro.log_probs(policy, 1.0);
            let device = new.clone().inner().device();
            let (old, advantages) = (
                micro.of_actions(&old, &device),
                micro.of_actions(&scaled, &device),
            );
            let ratio = (new.clone() - old).exp();
            let each: Numbers<1> = match &*name {
                "importance_sampling" => ratio * advantages,
                "ppo" => {
                    let cut = ratio.clone().clamp(low, high);
                    (ratio * advantages.clone()).min_pair(cut * advantages)
                }
                _ => Numbers::from_inner(ratio.inner().clamp(low, high)) * new * advantages,
            };
            each.sum().neg()
        });
        let held = self.models.get_mut(&request.model_id).unwrap();
        if held.gradient.replace(gradient).is_some() {
            self.faults.push("two passes for one step".to_owned());
        }
        losses
    }

    pub(super) fn step(&mut self, model: &str, adam: &Value) -> Answer {
        let held = self.models.get_mut(model).unwrap();
        let Some(gradient) = held.gradient.take() else {
            self.faults.push("a step without a pass".to_owned());
            return refused(400, "no gradient");
        };
        for (name, least) in [
            ("beta1", 0.0),
            ("beta2", 0.0),
            ("eps", 0.0),
            ("learning_rate", 0.0),
        ] {
            assert!(adam[name].as_f64().unwrap() > least, "{name}");
        }
        let rate = adam["learning_rate"].as_f64().unwrap();
        let optimizer = held
            .optimizer
            .get_or_insert_with(|| fresh(&held.decoder, rate));
        let Step::Taken { norm } = optimizer.step(&mut held.decoder, &gradient) else {
            panic!("no number")
        };
        held.steps += 1;
        if held.steps >= self.dies_after {
            // Started again after this answer: it knows what was saved, and no model.
            self.dies_after = usize::MAX;
            self.models.clear();
        }
        let norm = if self.ruined {
            Value::Null
        } else {
            json!(norm)
        };
        said(&json!({"metrics": {"skyrl.ai/grad_norm": norm, "skyrl.ai/learning_rate": rate}}))
    }
}

/// AdamW without bounds, as the server has it; its rate is that of the first step.
pub(super) fn fresh(decoder: &Decoder, learning_rate: f64) -> Optimizer {
    let config = OptimizerConfig {
        learning_rate,
        weight_decay: 0.0,
        warmup_steps: 0,
        beta_1: 0.9,
        beta_2: 0.95,
        epsilon: 1e-8,
        max_gradient_norm: f64::INFINITY,
    };
    Optimizer::new(config, decoder.trained().tensors.len())
}

fn passes(batch: &Batch) -> Passes<'_> {
    Passes {
        batch,
        tokens: 4096,
        temperature: 1.0,
        recompute: false,
    }
}

/// Rows of which every token but the first is read.
fn every_token(rows: &[Vec<u32>]) -> Batch {
    let (mut actions, mut turns) = (Vec::new(), Vec::new());
    for (row, tokens) in rows.iter().enumerate() {
        let start = actions.len();
        actions.extend((1..tokens.len()).map(|at| Action {
            row,
            position: at - 1,
            target: tokens[at],
            turn: turns.len(),
            sampler_logprob: None,
        }));
        turns.push(TurnSpan {
            row,
            prompt_last: 0,
            start,
            end: actions.len(),
        });
    }
    Batch::of_rows(rows.to_vec(), actions, turns)
}

/// Log-probabilities of every token of rows but their first.
pub(super) fn log_probs(decoder: &Decoder, rows: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let batch = every_token(rows);
    let units = [(0..rows.len()).collect::<Vec<usize>>()];
    let (all, _) = passes(&batch).log_probs(decoder, &units);
    let mut all = all.into_iter();
    let row = |row: &Vec<u32>| all.by_ref().take(row.len() - 1).collect();
    rows.iter().map(row).collect()
}
