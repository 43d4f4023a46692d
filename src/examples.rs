//! A file of JSON lines → examples that are learnt from without playing: pairs of answers, answers, texts. Each example's rows
//! stay together.
//!
//! A line of pairs is `{"prompt": .., "chosen": .., "rejected": ..}`; a line of texts is `{"prompt": .., "completion": ..}`,
//! `{"messages": [..]}` or `{"text": ..}`. A prompt or an answer is a text, or messages `{"role": .., "content": ..}` of a user
//! and an assistant who take turns. Every assistant's message after the prompt is learnt, and every token of a `text` after
//! its first. Other fields are left alone.

mod line;

use std::ops::Range;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::batch::{Answer, Row};
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::objective::Shape;
use line::{Conversation, Turn};

/// One example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    rows: Vec<Tokens>,
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
        Ok(Self { rows: vec![row] })
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
    /// A line of it.
    #[error("failed to read {path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
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
    for (number, bytes) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let line = |reason| ExampleError::Line {
            path: path.to_owned(),
            line: number + 1,
            reason,
        };
        let conversations = line::read(bytes, shape).map_err(line)?;
        let rows = conversations.iter().map(|row| tokens(row, tokenizer));
        let rows: Vec<Tokens> = rows.collect::<Result<_, _>>()?;
        let example = Example { rows };
        if shape == Shape::Pairs && example.rows[0] == example.rows[1] {
            found.equal += 1;
        } else if example.longest() > context {
            found.too_long += 1;
        } else {
            found.kept.push(example);
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
