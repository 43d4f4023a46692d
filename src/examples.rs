//! A file → examples that are learnt from without playing: pairs of answers, labelled answers, texts. Each example's rows stay
//! together.
//!
//! Pairs and labelled answers are read in every form that [`crate::preference`] knows: rankings are all their pairs, and a pair
//! is two labelled answers where those are asked for. Texts are JSON lines, gzipped or not, or Parquet; a row is `{"prompt": .., "completion": ..}`,
//! `{"messages": [..]}` or `{"text": ..}`. A prompt or an answer is a text, or messages `{"role": .., "content": ..}` of a user
//! and an assistant who take turns. Every assistant's message after the prompt is learnt, and every token of a `text` after
//! its first. Other fields are left alone.

mod beside;
mod line;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::batch::{Answer, Row};
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::objective::Shape;
use crate::preference::{self, Item, Pair, Placed, Said};
use crate::problem::{self, Place, ProblemError};
use line::{Conversation, Turn};

/// One example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    rows: Vec<Tokens>,
    /// Whether its answer is good, where that is what is known of it.
    label: Option<bool>,
}

/// One row's ids, and the ranges of them that are learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tokens {
    ids: Vec<u32>,
    answers: Vec<Range<usize>>,
}

impl Example {
    /// Its rows, in the order its shape has them.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|row| Row {
            tokens: &row.ids,
            answers: row
                .answers
                .iter()
                .map(|span| Answer {
                    start: span.start,
                    tokens: &row.ids[span.clone()],
                    sampler_logprobs: None,
                })
                .collect(),
        })
    }

    /// Whether its answer is good, where that is what is known of it.
    pub const fn label(&self) -> Option<bool> {
        self.label
    }

    /// One row: what was asked in each turn, and the answer that is learnt.
    pub fn of_turns<'t>(
        turns: impl IntoIterator<Item = (&'t str, &'t str)>,
        tokenizer: &Tokenizer,
    ) -> Result<Self, TokenizerError> {
        let turns = turns.into_iter().map(|(user, assistant)| Turn {
            user: user.to_owned(),
            assistant: assistant.to_owned(),
            learnt: true,
        });
        let row = tokens(&Conversation::Turns(turns.collect()), tokenizer)?;
        Ok(Self {
            rows: vec![row],
            label: None,
        })
    }

    /// Tokens of its longest row.
    pub fn longest(&self) -> usize {
        let lengths = self.rows.iter().map(|row| row.ids.len());
        lengths.max().unwrap_or(0)
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// Those that can be learnt from, in their order.
    pub kept: Vec<Example>,
    /// How many are longer than the policy's context.
    pub too_long: usize,
    /// How many pairs have two equal answers, which say nothing.
    pub equal: usize,
    /// How many pairs are ties.
    pub ties: usize,
    /// How many pairs have a margin or a certainty, which the objectives on pairs don't use.
    pub weighed: usize,
    /// Why rows of the file hold nothing that is used, with how many do.
    pub left_out: BTreeMap<&'static str, usize>,
    /// A hash of the file.
    pub hash: String,
}

/// Why a file of examples could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The file.
    #[error("failed to read {path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Its rows.
    #[error("failed to {0}")]
    Preferences(#[from] ProblemError),
    /// A row of it.
    #[error("failed to read {place}: {reason}")]
    Row {
        /// File and row.
        place: Place,
        /// What was found, and what was expected.
        reason: String,
    },
    /// Nothing in it can be learnt from.
    #[error(
        "failed to find an example in {path} to learn from: {too_long} are longer than the policy's context of {context} tokens, and {equal} are pairs of two equal answers"
    )]
    None {
        /// The file.
        path: PathBuf,
        /// How many are too long.
        too_long: usize,
        /// How many are pairs of equal answers.
        equal: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// Answers are compared with those to other prompts, and there are none.
    #[error(
        "failed to use {path}: expected labelled answers to two prompts at least, of which each prompt with the other's answer fits the context; this objective compares an answer with one to another prompt"
    )]
    OnePrompt {
        /// The file.
        path: PathBuf,
    },
    /// The tokenizer gives no ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Reads a file of examples of one shape. Those that say nothing or don't fit `context` are left out and counted; a line
/// that is no example of the shape is refused.
pub fn read(
    path: &Path,
    shape: Shape,
    tokenizer: &Tokenizer,
    context: usize,
) -> Result<Examples, ExampleError> {
    let bytes = crate::files::read(path).map_err(|source| ExampleError::File {
        path: path.to_owned(),
        source,
    })?;
    let digest = Sha256::digest(&bytes);
    let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    let mut found = Examples {
        hash: hash.collect(),
        ..Examples::default()
    };
    match shape {
        Shape::Pairs | Shape::Labelled => {
            let loaded = preference::load(path, None)?;
            found.left_out.clone_from(&loaded.left_out);
            for Placed { place, item } in loaded.items {
                let row = |reason| ExampleError::Row {
                    place: place.clone(),
                    reason,
                };
                for (conversations, label) in answers(item, shape, &mut found).map_err(row)? {
                    found.add(&conversations, label, tokenizer, context)?;
                }
            }
        }
        Shape::Texts => {
            for conversation in conversations(path)? {
                found.add(&[conversation], None, tokenizer, context)?;
            }
        }
    }
    if shape == Shape::Labelled {
        let before = found.kept.len();
        found.kept = beside::with_others(found.kept, context);
        found.too_long += before - found.kept.len();
        if before > 1 && found.kept.is_empty() {
            return Err(ExampleError::OnePrompt {
                path: path.to_owned(),
            });
        }
    }
    if found.kept.is_empty() {
        return Err(ExampleError::None {
            path: path.to_owned(),
            too_long: found.too_long,
            equal: found.equal,
            context,
        });
    }
    Ok(found)
}

/// The rows of a file of texts, in their order.
fn conversations(path: &Path) -> Result<Vec<Conversation>, ExampleError> {
    let mut rows = Vec::new();
    problem::rows(path, &mut |place, value| {
        rows.push((place, value));
        Ok(())
    })?;
    let read = rows.into_iter().map(|(place, value)| {
        let row = |reason| ExampleError::Row { place, reason };
        line::read(&value).map_err(row)
    });
    read.collect()
}

/// All that is said in a file of texts: what a tokenizer for them should know.
pub fn texts(path: &Path) -> Result<Vec<String>, ExampleError> {
    let said = conversations(path)?.into_iter().flat_map(|row| match row {
        Conversation::Text(text) => vec![text],
        Conversation::Turns(turns) => {
            let turns = turns.into_iter();
            turns.flat_map(|turn| [turn.user, turn.assistant]).collect()
        }
    });
    Ok(said.collect())
}

impl Examples {
    /// Adds an example, unless it says nothing or does not fit.
    fn add(
        &mut self,
        conversations: &[Conversation],
        label: Option<bool>,
        tokenizer: &Tokenizer,
        context: usize,
    ) -> Result<(), TokenizerError> {
        let rows = conversations.iter().map(|row| tokens(row, tokenizer));
        let rows: Vec<Tokens> = rows.collect::<Result<_, _>>()?;
        let example = Example { rows, label };
        if let [one, other] = &example.rows[..]
            && one == other
        {
            self.equal += 1;
        } else if example.longest() > context {
            self.too_long += 1;
        } else {
            self.kept.push(example);
        }
        Ok(())
    }
}

/// The rows of one example, and its label where it has one.
type Rows = (Vec<Conversation>, Option<bool>);

/// The rows of an item's examples, with their labels.
fn answers(item: Item, shape: Shape, found: &mut Examples) -> Result<Vec<Rows>, String> {
    let pairs = match item {
        Item::Pair(pair) if pair.is_tie() => {
            found.ties += 1;
            Vec::new()
        }
        Item::Pair(pair) => vec![pair],
        Item::Ranking(ranking) => {
            let count = ranking.answers.len();
            let pairs = ranking.pairs();
            found.ties += count * (count - 1) / 2 - pairs.len();
            pairs
        }
        Item::Labelled(one) if shape == Shape::Labelled => {
            let row = line::conversation(&one.prompt, &one.completion, "completion")?;
            return Ok(vec![(vec![row], Some(one.label))]);
        }
        Item::Labelled(_) => return Err("expected a pair of answers, found a labelled one".into()),
        Item::Steps(_) => return Err("expected answers, found labelled steps".into()),
    };
    let weighed = |pair: &&Pair| pair.margin.is_some() || pair.certainty.is_some();
    found.weighed += pairs.iter().filter(weighed).count();
    let rows = |pair: &Pair| {
        let row = |answer, name| line::conversation(&pair.prompt, answer, name);
        let chosen = row(&pair.chosen, "chosen")?;
        let rejected = row(&pair.rejected, "rejected")?;
        Ok(if shape == Shape::Labelled {
            vec![(vec![chosen], Some(true)), (vec![rejected], Some(false))]
        } else {
            vec![(vec![chosen, rejected], None)]
        })
    };
    let all: Result<Vec<_>, String> = pairs.iter().map(rows).collect();
    Ok(all?.concat())
}

/// The ids of a prompt with an answer, as they would be if it had been played, and where the answer begins; or why it is no
/// conversation.
pub(crate) fn ids(
    prompt: &Said,
    answer: &Said,
    name: &str,
    tokenizer: &Tokenizer,
) -> Result<Result<(Vec<u32>, usize), String>, TokenizerError> {
    let conversation = match line::conversation(prompt, answer, name) {
        Ok(conversation) => conversation,
        Err(reason) => return Ok(Err(reason)),
    };
    let Tokens { ids, answers } = tokens(&conversation, tokenizer)?;
    let start = answers.first().map_or(0, |span| span.start);
    Ok(Ok((ids, start)))
}

/// The ids of a conversation, as they would be if it had been played.
fn tokens(conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Tokens, TokenizerError> {
    let (mut ids, mut answers) = (Vec::new(), Vec::new());
    match conversation {
        Conversation::Text(text) => {
            ids = tokenizer.encode(text)?;
            ids.push(tokenizer.end);
            // No token stands before the first, so that nothing predicts it.
            answers.push(1..ids.len());
        }
        Conversation::Turns(turns) => {
            for turn in turns {
                let place = if ids.is_empty() {
                    crate::checkpoint::tokenizer::Place::Opening
                } else {
                    crate::checkpoint::tokenizer::Place::Reply
                };
                ids.extend(tokenizer.message(place, &turn.user)?);
                let start = ids.len();
                ids.extend(tokenizer.encode(&turn.assistant)?);
                ids.push(tokenizer.end);
                if turn.learnt {
                    answers.push(start..ids.len());
                }
            }
        }
    }
    Ok(Tokens { ids, answers })
}

#[cfg(test)]
mod tests;
