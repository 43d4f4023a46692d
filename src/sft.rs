//! Supervised fine-tuning: demonstrated episodes → a starter policy. The loss is on every demonstrated answer, and
//! on nothing the environment said.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Deserializer, Serialize};

use crate::batch::Batch;
use crate::demonstration::AuthorConfig;
use crate::episode::Episode;
use crate::learner::Passes;
use crate::objective::sft;
use crate::policy::model::{Decoder, Extras, ModelConfig};
use crate::problem::contest;
use crate::update::{Optimizer, OptimizerConfig};

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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageConfig {
    /// Contest problems of one set, one episode each.
    pub problems: usize,
    /// Sets, each of its own seed. Many small sets show what is rare as often as a small test set does; few large
    /// ones run out of it and fill up with what has many constants.
    pub sets: usize,
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
            problems: 12_000,
            sets: 1,
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

/// Trains `decoder` on one stage's demonstrated answers, telling `progress` of every update.
pub fn train(
    decoder: &mut Decoder,
    episodes: &[Episode],
    config: &SftConfig,
    stage: &StageConfig,
    mut progress: impl FnMut(SftProgress),
) {
    let per_epoch = episodes.len().div_ceil(config.batch);
    let updates = per_epoch * stage.epochs;
    let adamw = OptimizerConfig {
        learning_rate: stage.learning_rate,
        ..config.optimizer
    };
    let mut optimizer = Optimizer::new(adamw, decoder.trained().tensors.len());
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut order: Vec<usize> = (0..episodes.len()).collect();
    for epoch in 0..stage.epochs {
        order.shuffle(&mut rng);
        for (index, chosen) in order.chunks(config.batch).enumerate() {
            let batch = Batch::collate(chosen.iter().map(|&episode| &episodes[episode]));
            let passes = Passes {
                batch: &batch,
                tokens: config.tokens_per_pass,
                temperature: 1.0,
                recompute: false,
            };
            let rows: Vec<usize> = (0..batch.rows.len()).collect();
            let targets = batch.actions.len();
            let (gradients, loss) = passes.gradients(decoder, &rows, |micro, policy| {
                sft::loss(micro.log_probs(policy, 1.0).0, targets)
            });
            let done = (epoch * per_epoch + index) as f64 / updates as f64;
            optimizer.set_scale(0.1 + 0.45 * (1.0 + (std::f64::consts::PI * done).cos()));
            optimizer.step(decoder, &gradients);
            let tokens = batch.rows.iter().map(Vec::len).sum();
            progress(SftProgress {
                update: epoch * per_epoch + index + 1,
                updates,
                loss,
                tokens,
            });
        }
    }
}
