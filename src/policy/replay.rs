//! A policy that answers from a file: completions somebody else made, a list of samples a problem, each a list of
//! turns. For tests, and for judging other people's samples turn by turn. Its ids are the bytes of its text.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::sampler::{Completion, Sampling, StopCause};
use super::tokenizer::{Place, TokenizerError};
use super::{Answer, Ask, Policy, PolicyError};

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "task_id")]
    problem_id: String,
    /// The answers of one episode, in turn order; the last is repeated where the episode goes on.
    completions: Vec<String>,
}

/// Why a replay file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file is missing or unreadable.
    #[error("failed to read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason; no `source`, for the message says it.
        cause: std::io::Error,
    },
    /// A line has another form.
    #[error(
        "failed to read {path}, line {line}: {reason}; expected {{\"problem_id\": ..., \"completions\": [\"turn 1\", \"turn 2\", ...]}}"
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Recorded completions by problem and sample.
pub struct ReplayPolicy {
    samples: HashMap<String, Vec<Vec<String>>>,
}

impl ReplayPolicy {
    /// Reads JSON lines, one episode a line; several lines of one problem are its samples.
    pub fn load(path: &Path) -> Result<Self, ReplayError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ReplayError::Read {
            path: path.to_owned(),
            cause,
        })?;
        let mut samples: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        for (index, raw) in text
            .lines()
            .enumerate()
            .filter(|(_, raw)| !raw.trim().is_empty())
        {
            let bad = |reason: String| ReplayError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason,
            };
            let line: Line = serde_json::from_str(raw).map_err(|error| bad(error.to_string()))?;
            if line.completions.is_empty() {
                return Err(bad("completions is empty".to_owned()));
            }
            samples
                .entry(line.problem_id)
                .or_default()
                .push(line.completions);
        }
        Ok(Self { samples })
    }

    /// The recorded episodes of a problem.
    pub fn samples_of(&self, problem_id: &str) -> usize {
        self.samples.get(problem_id).map_or(0, Vec::len)
    }
}

impl Policy for ReplayPolicy {
    fn message(&self, _place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        _sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        asks.iter()
            .map(|ask| {
                let turns = self
                    .samples
                    .get(ask.problem_id)
                    .and_then(|samples| samples.get(ask.sample));
                let text = turns
                    .and_then(|turns| turns.get(ask.turn).or(turns.last()))
                    .ok_or_else(|| PolicyError::Missing {
                        problem_id: ask.problem_id.to_owned(),
                        sample: ask.sample,
                        turn: ask.turn + 1,
                    })?;
                let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
                let sampler_logprobs = vec![0.0; tokens.len()];
                let completion = Completion {
                    tokens,
                    sampler_logprobs,
                    stop: StopCause::End,
                };
                Ok(Ok((completion, text.clone())))
            })
            .collect()
    }

    fn end(&self) -> u32 {
        // No byte has this value.
        256
    }

    fn context(&self) -> usize {
        usize::MAX
    }
}
