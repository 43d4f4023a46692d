//! A process reward model: a decoder's body with a head that says at the end of every step of an answer how likely it is right so far
//! (Lightman et al. 2023, "Let's Verify Step by Step", arXiv 2305.20050; Uesato et al. 2022, arXiv 2211.14275; Wang et al. 2023,
//! "Math-Shepherd", arXiv 2312.08935).
//!
//! A step of an answer is a line of it. Steps are encoded one by one, each with the end of its line, whose last token is where the
//! head reads, as TRL's trainer of such models does.

mod beam;
pub mod choose;
mod data;
mod judge;
pub mod label;
mod loss;
mod report;
mod steps;
mod train;

use std::path::Path;

use burn::tensor::Device;

use crate::batch::{Action, Batch, TurnSpan};
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::checkpoint::{CheckpointError, Precision, process_file};
use crate::examples;
use crate::model::decoder::Decoder;
use crate::model::lora::{LoraConfig, LoraError};
use crate::preference::Said;
use crate::reward_model::{RewardModel, passes};
pub use beam::StepBeam;
pub use data::{Data, DataError, Labelled, Neutral};
pub use judge::{ProcessJudge, ROW as JUDGE};
pub use loss::{Target, cross_entropy};
pub use report::Report;
pub use steps::{Aggregate, of_answer};
pub use train::learn;

/// A decoder that says of every step how likely it is right.
#[derive(Clone, Debug)]
pub struct ProcessModel {
    /// The body and, as the last matrix of what is trained, the head.
    pub decoder: Decoder,
    /// Turns texts into ids.
    pub tokenizer: Tokenizer,
    /// What is added to what the head gives; 0 for those made here.
    pub offset: f64,
}

/// An answer as ids, and where its steps end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Prompt and steps.
    pub ids: Vec<u32>,
    /// The place of each step's last token.
    pub ends: Vec<usize>,
}

impl ProcessModel {
    /// The body of a policy with a head drawn from a normal distribution of deviation `1 / √(width + 1)`; with an adapter only a
    /// low-rank change of the body is learnt beside the head.
    pub fn new(
        policy: &Decoder,
        lora: Option<&LoraConfig>,
        tokenizer: Tokenizer,
        seed: u64,
    ) -> Result<Self, LoraError> {
        let model = match lora {
            None => RewardModel::new(policy, tokenizer, seed),
            Some(lora) => RewardModel::adapted(policy, lora, tokenizer, seed)?,
        };
        Ok(Self {
            decoder: model.decoder,
            tokenizer: model.tokenizer,
            offset: 0.0,
        })
    }

    /// Reads one that was written here or by TRL's trainer: two labels a token, of which the second is "right".
    pub fn load(folder: &Path, device: &Device) -> Result<Self, CheckpointError> {
        let (decoder, tokenizer, offset) = process_file::load(folder, device)?;
        Ok(Self {
            decoder,
            tokenizer,
            offset,
        })
    }

    /// Writes it so that transformers and TRL read it as a classifier of tokens with two labels.
    pub fn save(&self, folder: &Path, precision: Precision) -> Result<(), CheckpointError> {
        let decoder = self.decoder.merged_with_head();
        process_file::save(folder, &decoder, &self.tokenizer, self.offset, precision)
    }

    /// A prompt and the steps of an answer to it; the reason where the prompt is no conversation.
    pub fn read<'s>(
        &self,
        prompt: &Said,
        steps: impl IntoIterator<Item = &'s str>,
    ) -> Result<Result<Read, String>, TokenizerError> {
        let nothing = Said::plain("-");
        let (mut ids, start) = match examples::ids(prompt, &nothing, "prompt", &self.tokenizer)? {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        ids.truncate(start);
        let mut ends = Vec::new();
        for step in steps {
            let line = format!("{}\n", step.trim_end_matches('\n'));
            ids.extend(self.tokenizer.encode(&line)?);
            ends.push(ids.len() - 1);
        }
        Ok(Ok(Read { ids, ends }))
    }

    /// How likely each step of each answer is right.
    pub fn shares(&self, answers: &[&Read], tokens_per_pass: usize) -> Vec<Vec<f64>> {
        let batch = batch(answers);
        let all: Vec<usize> = (0..batch.units.len()).collect();
        let values = passes(&batch, tokens_per_pass).values(&self.decoder, &[all]);
        let mut values = values.into_iter();
        let share = |value: f32| 1.0 / (1.0 + (-(f64::from(value) + self.offset)).exp());
        answers
            .iter()
            .map(|read| values.by_ref().take(read.ends.len()).map(share).collect())
            .collect()
    }
}

/// Answers as units of one row, each read at the ends of its steps.
fn batch(answers: &[&Read]) -> Batch {
    let mut batch = Batch::default();
    for (row, read) in answers.iter().enumerate() {
        for &end in &read.ends {
            let action = batch.actions.len();
            // Nobody reads its log-probability; a turn without any is passed over.
            batch.actions.push(Action {
                row,
                position: end.saturating_sub(1),
                target: read.ids[end],
                turn: batch.turns.len(),
                sampler_logprob: None,
            });
            batch.turns.push(TurnSpan {
                row,
                prompt_last: end,
                start: action,
                end: action + 1,
            });
        }
        batch.rows.push(read.ids.clone());
        batch.units.push(row..row + 1);
    }
    batch
}

#[cfg(test)]
mod tests;
