//! Labelled steps → what a process reward model learns from.

use serde::{Deserialize, Serialize};

use super::{ProcessModel, Read};
use crate::checkpoint::tokenizer::TokenizerError;
use crate::pairs::CLUSTER;
use crate::preference::{Item, Mark, Placed};
use crate::problem::Place;

/// What a step is taken for that is neither right nor wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Neutral {
    /// Right, as Let's Verify counts it.
    #[default]
    Right,
    /// Wrong, as TRL's conversion of PRM800K has it.
    Wrong,
    /// Nothing is learnt of it.
    Unlabelled,
}

/// An answer with its labelled steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// Its ids; ends are those of labelled steps alone.
    pub read: Read,
    /// How likely each of those steps is right.
    pub shares: Vec<f64>,
    /// What it was sampled together with; intervals draw that whole.
    pub cluster: String,
}

/// Why labelled steps can't be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A row is of another kind, or no conversation.
    #[error("failed to read {place}: {reason}")]
    Row {
        /// File and row.
        place: Place,
        /// What was found, and what was expected.
        reason: String,
    },
    /// Nothing is left.
    #[error(
        "failed to find a labelled step to learn from: {too_long} answers are longer than the model's context of {context} tokens, and {unlabelled} have no step that counts"
    )]
    None {
        /// How many answers are too long.
        too_long: usize,
        /// How many have no label.
        unlabelled: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// The tokenizer gives no ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Answers with labelled steps, and what is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    /// In the order in which they were read.
    pub answers: Vec<Labelled>,
    /// Answers that are longer than the context.
    pub too_long: usize,
    /// Answers without a step that counts.
    pub unlabelled: usize,
}

impl Data {
    /// Reads items as the model does.
    pub fn of(items: &[Placed], model: &ProcessModel, neutral: Neutral) -> Result<Self, DataError> {
        let context = model.decoder.config.max_position_embeddings;
        let mut data = Self::default();
        for Placed { place, item } in items {
            let row = |reason: String| DataError::Row {
                place: place.clone(),
                reason,
            };
            let Item::Steps(steps) = item else {
                let words = "expected steps with labels, which a process reward model is learnt from, found whole answers";
                return Err(row(words.to_owned()));
            };
            let read = model.read(&steps.prompt, steps.steps.iter().map(String::as_str))?;
            let read = read.map_err(row)?;
            if read.ids.len() > context {
                data.too_long += 1;
                continue;
            }
            let mut labelled = Labelled {
                read: Read {
                    ids: read.ids,
                    ends: Vec::new(),
                },
                shares: Vec::new(),
                cluster: match steps.labels.get(CLUSTER) {
                    Some(cluster) => cluster.clone(),
                    None => serde_json::to_string(&steps.prompt).unwrap_or_default(),
                },
            };
            for (index, (&end, &mark)) in read.ends.iter().zip(&steps.marks).enumerate() {
                let said = steps.shares.get(index).copied();
                if let Some(share) = said.or_else(|| share(mark, neutral)) {
                    labelled.read.ends.push(end);
                    labelled.shares.push(share);
                }
            }
            if labelled.shares.is_empty() {
                data.unlabelled += 1;
            } else {
                data.answers.push(labelled);
            }
        }
        if data.answers.is_empty() {
            return Err(DataError::None {
                too_long: data.too_long,
                unlabelled: data.unlabelled,
                context,
            });
        }
        Ok(data)
    }

    /// How many steps are labelled.
    pub fn steps(&self) -> usize {
        self.answers.iter().map(|answer| answer.shares.len()).sum()
    }
}

fn share(mark: Mark, neutral: Neutral) -> Option<f64> {
    match (mark, neutral) {
        (Mark::Good, _) | (Mark::Neutral, Neutral::Right) => Some(1.0),
        (Mark::Bad, _) | (Mark::Neutral, Neutral::Wrong) => Some(0.0),
        (Mark::Neutral, Neutral::Unlabelled) => None,
    }
}
