//! A reward model: a decoder's body with a head that gives one number at the end of an answer, learnt from preferences
//! (Stiennon et al. 2020, arXiv 2009.01325; Ouyang et al. 2022, arXiv 2203.02155).
//!
//! Preferences leave a constant open. After training the head is scaled so that rewards of reference answers have deviation 1,
//! and their mean is kept beside the model, which has no place for it: it is taken off where a reward is used.

mod data;
mod judge;
mod learn;
mod lesson;
mod loss;
mod report;
mod state;
mod train;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::batch::{Action, Batch, TurnSpan};
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::checkpoint::{CheckpointError, Precision, reward_file};
use crate::examples::Example;
use crate::journal::write_atomically;
use crate::learner::Passes;
use crate::model::decoder::Decoder;
use crate::model::lora::{Adapter, LoraConfig, LoraError};
pub use data::{Compared, Comparison, Data, DataError, Prompted};
pub use judge::{ROW as JUDGE, RewardJudge};
pub(crate) use learn::inputs;
pub use learn::learn;
pub(crate) use lesson::taught;
pub use lesson::{Keep, LearnError, Lesson, Progress, Trainer, TrainingError};
pub use loss::{Pairwise, bradley_terry, plackett_luce};
pub use report::Report;
pub use state::StateError;
pub(crate) use state::discard;
pub use train::{Loss, RewardConfig};

/// A decoder that scores answers, and what is taken off its scores.
#[derive(Clone, Debug)]
pub struct RewardModel {
    /// The body and, as the last matrix of what is trained, the head.
    pub decoder: Decoder,
    /// Turns texts into ids.
    pub tokenizer: Tokenizer,
    /// How scores become rewards.
    pub scale: Scale,
}

/// How scores become rewards: what reference answers' scores were like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The mean score of reference answers, which is taken off.
    pub mean: f64,
    /// How many there were; none where nobody has looked.
    pub answers: usize,
}

/// The file beside the model that holds them.
const SCALE: &str = "reward.json";

impl RewardModel {
    /// The body of a policy with a head drawn from a normal distribution of deviation `1 / √(width + 1)`.
    pub fn new(policy: &Decoder, tokenizer: Tokenizer, seed: u64) -> Self {
        Self::of(&policy.merged(), tokenizer, seed)
    }

    /// The same, but of the body only a low-rank change is learnt beside the head.
    pub fn adapted(
        policy: &Decoder,
        lora: &LoraConfig,
        tokenizer: Tokenizer,
        seed: u64,
    ) -> Result<Self, LoraError> {
        let mut policy = policy.merged();
        policy.adapter = Some(Adapter::new(lora, &policy)?);
        Ok(Self::of(&policy, tokenizer, seed))
    }

    fn of(policy: &Decoder, tokenizer: Tokenizer, seed: u64) -> Self {
        let mut decoder = policy.value_network();
        let width = decoder.config.hidden_size;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut normal = || {
            let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
            radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
        };
        let deviation = 1.0 / ((width + 1) as f64).sqrt();
        let head: Vec<f32> = (0..width).map(|_| (deviation * normal()) as f32).collect();
        let device = decoder.device();
        if let Some(last) = decoder.trained_mut().tensors.last_mut() {
            *last = Tensor::from_data(TensorData::new(head, [1, width]), &device);
        }
        Self {
            decoder,
            tokenizer,
            scale: Scale::default(),
        }
    }

    /// A prompt with an answer as ids, as the model has learnt them.
    pub fn ids(&self, prompt: &str, answer: &str) -> Result<Vec<u32>, TokenizerError> {
        let example = Example::of_turns([(prompt, answer)], &self.tokenizer)?;
        let row = example.rows().next();
        Ok(row.map_or_else(Vec::new, |row| row.tokens.to_vec()))
    }

    /// Reads one that was written here or by transformers or TRL.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, CheckpointError> {
        let (decoder, tokenizer) = reward_file::load(folder, device)?;
        let path = folder.join(SCALE);
        let scale = match crate::files::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| CheckpointError::Format {
                    path: path.clone(),
                    reason: error.to_string(),
                })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Scale::default(),
            Err(source) => return Err(CheckpointError::Read { path, source }),
        };
        Ok(Self {
            decoder,
            tokenizer,
            scale,
        })
    }

    /// Writes it so that transformers and TRL read it as a classifier of one label.
    pub fn save(&self, folder: &Path, precision: Precision) -> Result<(), CheckpointError> {
        let decoder = self.decoder.merged_with_head();
        reward_file::save(folder, &decoder, &self.tokenizer, precision)?;
        let path = folder.join(SCALE);
        let text = serde_json::to_string(&self.scale).unwrap_or_default() + "\n";
        write_atomically(&path, text.as_bytes())
            .map_err(|source| CheckpointError::Write { path, source })
    }

    /// The scores of texts, as the head gives them: what transformers gives too.
    pub fn scores(&self, texts: &[Vec<u32>], tokens_per_pass: usize) -> Vec<f32> {
        let batch = batch([texts]);
        let all: Vec<usize> = (0..batch.units.len()).collect();
        passes(&batch, tokens_per_pass).values(&self.decoder, &[all])
    }

    /// The rewards of texts: scores less the mean of reference answers.
    pub fn rewards(&self, texts: &[Vec<u32>], tokens_per_pass: usize) -> Vec<f64> {
        let scores = self.scores(texts, tokens_per_pass).into_iter();
        scores
            .map(|score| f64::from(score) - self.scale.mean)
            .collect()
    }

    /// Scales the head so that rewards of these texts have mean 0 and deviation 1. Where all their scores are equal there is
    /// nothing to scale by.
    pub fn normalise(&mut self, texts: &[Vec<u32>], tokens_per_pass: usize) {
        let scores = self.scores(texts, tokens_per_pass);
        let count = scores.len().max(1) as f64;
        let mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / count;
        let squares = scores
            .iter()
            .map(|&score| (f64::from(score) - mean).powi(2));
        let deviation = (squares.sum::<f64>() / count).sqrt();
        if !(deviation > 0.0 && deviation.is_finite()) {
            return;
        }
        if let Some(head) = self.decoder.trained_mut().tensors.last_mut() {
            *head = head.clone().inner() / deviation;
        }
        self.scale = Scale {
            mean: mean / deviation,
            answers: scores.len(),
        };
    }
}

/// Groups of texts as units of rows, each read at its last token.
pub(crate) fn batch<'a>(groups: impl IntoIterator<Item = &'a [Vec<u32>]>) -> Batch {
    let mut batch = Batch::default();
    for texts in groups {
        let first = batch.rows.len();
        for ids in texts {
            let row = batch.rows.len();
            let last = ids.len() - 1;
            let action = batch.actions.len();
            // Nobody reads its log-probability; a row without any is passed over.
            batch.actions.push(Action {
                row,
                position: last.saturating_sub(1),
                target: ids[last],
                turn: batch.turns.len(),
                sampler_logprob: None,
            });
            batch.turns.push(TurnSpan {
                row,
                prompt_last: last,
                start: action,
                end: action + 1,
            });
            batch.rows.push(ids.clone());
        }
        batch.units.push(first..batch.rows.len());
    }
    batch
}

/// How such a batch is cut.
pub(crate) const fn passes(batch: &Batch, tokens: usize) -> Passes<'_> {
    Passes {
        batch,
        tokens,
        temperature: 1.0,
        recompute: false,
    }
}

#[cfg(test)]
mod tests;
