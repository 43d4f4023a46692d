//! Supervised fine-tuning: demonstrated episodes, or any data set of texts → a policy. The loss is on every demonstrated
//! answer, and on nothing the environment said.

mod make;

use std::path::PathBuf;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize};

use crate::batch::Batch;
use crate::demonstration::AuthorConfig;
use crate::examples::Example;
use crate::learner::Passes;
use crate::model::decoder::{Decoder, Extras, ModelConfig};
use crate::objective::sft::Sft;
use crate::objective::{Known, LossInputs, Objective, Totals};
use crate::problem::contest::{self, ContestConfig};
use crate::update::{MOST_PASSED_OVER, Optimizer, OptimizerConfig, Step};
pub use make::{SftError, SftEvent, make};

/// Everything that decides the result of `rlef sft`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SftConfig {
    /// Names all random draws.
    pub seed: u64,
    /// Lessons, one after the other.
    pub stages: Vec<StageConfig>,
    /// Tokens of the vocabulary, special ones included.
    pub vocab_size: usize,
    /// Shape of the decoder.
    pub model: ShapeConfig,
    /// Episodes per update.
    pub batch: usize,
    /// AdamW; in each stage the rate falls to a tenth along a cosine.
    #[serde(deserialize_with = "optimizer")]
    pub optimizer: OptimizerConfig,
    /// Tokens of one forward and backward pass at most, counted as if its rows were all as long as the longest.
    pub tokens_per_pass: usize,
}

/// One lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// Texts to learn in place of demonstrations: JSON lines, gzipped or not, or Parquet, a row `{"prompt": .., "completion": ..}`,
    /// `{"messages": [..]}` or `{"text": ..}`. What else a lesson says of problems and authors is then unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Contest problems of one set, one episode each.
    pub problems: usize,
    /// Sets, each of its own seed. Many small sets show what is rare as often as a small test set does; few large
    /// ones run out of it and fill up with what has many constants.
    pub sets: usize,
    /// Share of problems whose statement leaves a detail out, 0 to 1.
    pub hidden_share: f64,
    /// Steps of the longest problem. More than the set's own three show many more compositions, none of which is
    /// held out: those all have three steps at most.
    pub longest: usize,
    /// Who demonstrates.
    pub author: AuthorConfig,
    /// Passes over the demonstrations.
    pub epochs: usize,
    /// Highest learning rate; takes the place of the optimizer's.
    pub learning_rate: f64,
}

impl Default for StageConfig {
    fn default() -> Self {
        Self {
            data: None,
            problems: 12_000,
            sets: 1,
            hidden_share: ContestConfig::default().hidden_share,
            longest: contest::LONGEST,
            author: AuthorConfig::default(),
            epochs: 3,
            learning_rate: 2e-3,
        }
    }
}

/// A small decoder's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShapeConfig {
    /// Width of the residual stream.
    pub hidden: usize,
    /// Inner width of the SwiGLU.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_value_heads: usize,
    /// Longest episode in tokens.
    pub context: usize,
}

impl Default for ShapeConfig {
    fn default() -> Self {
        Self {
            hidden: 128,
            intermediate: 384,
            layers: 4,
            heads: 4,
            key_value_heads: 2,
            context: 768,
        }
    }
}

fn optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    SftConfig::default().optimizer.changed_by(table)
}

impl Default for SftConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            stages: vec![
                StageConfig {
                    author: AuthorConfig {
                        careful_share: 1.0,
                        ..AuthorConfig::default()
                    },
                    ..StageConfig::default()
                },
                StageConfig {
                    problems: 4000,
                    epochs: 1,
                    learning_rate: 1e-3,
                    ..StageConfig::default()
                },
            ],
            vocab_size: 640,
            model: ShapeConfig::default(),
            batch: 32,
            optimizer: OptimizerConfig {
                learning_rate: 3e-3,
                weight_decay: 0.1,
                warmup_steps: 30,
                beta_1: 0.9,
                beta_2: 0.95,
                epsilon: 1e-8,
                max_gradient_norm: 1.0,
            },
            tokens_per_pass: 8192,
        }
    }
}

impl ShapeConfig {
    /// The decoder configuration for a vocabulary.
    pub fn config(&self, vocab_size: usize) -> ModelConfig {
        ModelConfig {
            hidden_size: self.hidden,
            intermediate_size: self.intermediate,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.key_value_heads,
            head_dim: self.hidden / self.heads,
            vocab_size,
            max_position_embeddings: self.context,
            rms_norm_eps: 1e-5,
            rope_theta: 10_000.0,
            rope_scaling: None,
            extras: Extras::default(),
            tie_word_embeddings: true,
        }
    }
}

/// What one update saw.
#[derive(Clone, Copy, Debug)]
pub struct SftProgress {
    /// Update, counted from one.
    pub update: usize,
    /// Updates there will be.
    pub updates: usize,
    /// Mean negative log-probability of a demonstrated token, in nats.
    pub loss: f64,
    /// Tokens of the update, prompts included.
    pub tokens: usize,
}

impl SftConfig {
    /// The same with one lesson, on this data set, as long and as fast as the first one was.
    #[must_use]
    pub fn on_data(mut self, data: &std::path::Path) -> Self {
        self.stages.truncate(1);
        if self.stages.is_empty() {
            self.stages.push(StageConfig::default());
        }
        self.stages[0].data = Some(data.to_owned());
        self
    }

    /// Whether a lesson demonstrates problems, so that somebody must judge.
    pub fn demonstrates(&self) -> bool {
        self.stages.iter().any(|stage| stage.data.is_none())
    }

    /// The first setting that makes no sense: its key, what it is, and what is expected.
    pub fn fault(&self) -> Option<(String, String, &'static str)> {
        let shape = &self.model;
        let counts = [
            ("vocab_size", self.vocab_size),
            ("batch", self.batch),
            ("tokens_per_pass", self.tokens_per_pass),
            ("model.hidden", shape.hidden),
            ("model.intermediate", shape.intermediate),
            ("model.layers", shape.layers),
            ("model.heads", shape.heads),
            ("model.key_value_heads", shape.key_value_heads),
            ("model.context", shape.context),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Some((key.to_owned(), "0".to_owned(), "at least 1"));
        }
        if !shape.heads.is_multiple_of(shape.key_value_heads) {
            return Some((
                "model.key_value_heads".to_owned(),
                shape.key_value_heads.to_string(),
                "a divisor of model.heads",
            ));
        }
        if !shape.hidden.is_multiple_of(2 * shape.heads) {
            return Some((
                "model.hidden".to_owned(),
                shape.hidden.to_string(),
                "an even multiple of model.heads",
            ));
        }
        if let Some((name, value, expected)) = self.optimizer.fault() {
            return Some((format!("optimizer.{name}"), value.to_string(), expected));
        }
        self.stages.iter().enumerate().find_map(|(index, stage)| {
            let key = |name: &str| format!("stages[{index}].{name}");
            let counts = [
                ("problems", stage.problems),
                ("sets", stage.sets),
                ("longest", stage.longest),
                ("epochs", stage.epochs),
            ];
            if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
                return Some((key(name), "0".to_owned(), "at least 1"));
            }
            if !(stage.learning_rate > 0.0 && stage.learning_rate.is_finite()) {
                let found = stage.learning_rate.to_string();
                return Some((key("learning_rate"), found, "a finite number above 0"));
            }
            let author = &stage.author;
            if !(0.0..=1.0).contains(&stage.hidden_share) {
                let found = stage.hidden_share.to_string();
                return Some((key("hidden_share"), found, "a number from 0 to 1"));
            }
            let shares = [
                ("careful_share", author.careful_share),
                ("mistake_share", author.mistake_share),
                ("repair_share", author.repair_share),
                ("repeat_share", author.repeat_share),
            ];
            shares
                .into_iter()
                .find(|(_, share)| !(0.0..=1.0).contains(share))
                .map(|(name, share)| {
                    let key = key(&format!("author.{name}"));
                    (key, share.to_string(), "a number from 0 to 1")
                })
        })
    }
}

/// The gradient is no number any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to go on learning: the gradient was not a finite number in {in_a_row} updates in a row, up to update {update}. None of them moved a weight; lower the learning rate, or bound the gradient with optimizer.max_gradient_norm"
)]
pub struct Diverged {
    /// The last update, counted from one.
    pub update: usize,
    /// Updates passed over in a row.
    pub in_a_row: usize,
}

/// Trains `decoder` on one stage's demonstrated answers, telling `progress` of every update. Gives how many updates were
/// passed over because their gradient was not a finite number.
pub fn train(
    decoder: &mut Decoder,
    examples: &[Example],
    config: &SftConfig,
    stage: &StageConfig,
    mut progress: impl FnMut(SftProgress),
) -> Result<usize, Diverged> {
    let mut passed_over = 0;
    let per_epoch = examples.len().div_ceil(config.batch);
    let updates = per_epoch * stage.epochs;
    let adamw = OptimizerConfig {
        learning_rate: stage.learning_rate,
        ..config.optimizer
    };
    let mut optimizer = Optimizer::new(adamw, decoder.trained().tensors.len());
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for epoch in 0..stage.epochs {
        order.shuffle(&mut rng);
        for (index, chosen) in order.chunks(config.batch).enumerate() {
            let units = chosen.iter().map(|&index| examples[index].rows().collect());
            let batch = Batch::of_units(units);
            let passes = Passes {
                batch: &batch,
                tokens: config.tokens_per_pass,
                temperature: 1.0,
                recompute: false,
            };
            let units: Vec<usize> = (0..batch.units.len()).collect();
            let (totals, known) = (Totals::of(&batch, &units), Known::default());
            let (gradients, loss) = passes.gradients(decoder, &units, |micro, policy| {
                let (new, _) = micro.log_probs(policy, 1.0);
                let inputs = LossInputs {
                    micro,
                    new: &new,
                    known: &known,
                    totals,
                };
                Sft.loss(&inputs).value
            });
            let done = (epoch * per_epoch + index) as f64 / updates as f64;
            optimizer.set_scale(0.1 + 0.45 * (1.0 + (std::f64::consts::PI * done).cos()));
            if let Step::PassedOver { in_a_row } = optimizer.step(decoder, &gradients) {
                passed_over += 1;
                if in_a_row >= MOST_PASSED_OVER {
                    let update = epoch * per_epoch + index + 1;
                    return Err(Diverged { update, in_a_row });
                }
            }
            let tokens = batch.rows.iter().map(Vec::len).sum();
            progress(SftProgress {
                update: epoch * per_epoch + index + 1,
                updates,
                loss,
                tokens,
            });
        }
    }
    Ok(passed_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut SftConfig);

    #[test]
    fn senseless_settings_are_refused_by_name() {
        assert_eq!(SftConfig::default().fault(), None);
        let cases: [(&str, Change); 10] = [
            ("stages[0].hidden_share", |config| {
                config.stages[0].hidden_share = 1.5;
            }),
            ("batch", |config| config.batch = 0),
            ("tokens_per_pass", |config| config.tokens_per_pass = 0),
            ("model.heads", |config| config.model.heads = 0),
            ("model.key_value_heads", |config| {
                config.model.key_value_heads = 3;
            }),
            ("model.hidden", |config| config.model.hidden = 12),
            ("optimizer.beta_2", |config| {
                config.optimizer.beta_2 = f64::NAN;
            }),
            ("stages[1].learning_rate", |config| {
                config.stages[1].learning_rate = f64::INFINITY;
            }),
            ("stages[0].author.mistake_share", |config| {
                config.stages[0].author.mistake_share = f64::NAN;
            }),
            ("stages[1].sets", |config| config.stages[1].sets = 0),
        ];
        for (key, change) in cases {
            let mut config = SftConfig::default();
            change(&mut config);
            assert_eq!(config.fault().unwrap().0, key);
        }
    }
}
