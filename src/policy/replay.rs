//! A policy that answers from a file: completions somebody else made, a list of samples a problem, each a list of
//! turns. For tests, and for judging other people's samples, or the episodes of a journal, again turn by turn. It has text and
//! no ids.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Policy, PolicyError, SampleQueue, sample_each};
use crate::completion::{Completion, Sampling};
use crate::problem::id::{self, ById};
use crate::problem::{Problem, printable};

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "task_id", deserialize_with = "id::deserialize")]
    problem_id: String,
    /// The answers of one episode, in turn order; the last is repeated where the episode goes on.
    completions: Vec<String>,
}

/// A line of a journal: an episode that was played, or what an evaluation notes between them.
#[derive(Deserialize)]
#[serde(untagged)]
enum JournalLine {
    /// An answer, a verdict, the settings: nothing that was played to its end.
    Note {
        #[serde(rename = "event")]
        _event: String,
    },
    Episode {
        problem_id: String,
        sample: usize,
        turns: Vec<Said>,
    },
}

#[derive(Deserialize)]
struct Said {
    text: String,
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
    /// One problem has two names in the file.
    #[error(
        "failed to take the completions of {}: the file has them by its whole id and by its number; write one",
        printable(problem_id)
    )]
    Twice {
        /// The problem.
        problem_id: String,
    },
}

/// The name of the policy that answers with what a set brings itself.
pub const REFERENCES: &str = "references";

/// Recorded completions by problem and sample.
#[derive(Debug)]
pub struct ReplayPolicy {
    samples: HashMap<String, Vec<Vec<String>>>,
}

impl ReplayPolicy {
    /// Reads JSON lines, one episode a line; several lines of one problem are its samples. A journal that `eval` or `train`
    /// wrote is such a file, too: its episodes come in the order of their numbers, whatever order they were written in.
    pub fn load(path: &Path) -> Result<Self, ReplayError> {
        let text = crate::journal::text(path).map_err(|cause| ReplayError::Read {
            path: path.to_owned(),
            cause,
        })?;
        let mut samples: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        let mut played: BTreeMap<(String, usize), Vec<String>> = BTreeMap::new();
        for (index, raw) in id::without_mark(&text)
            .lines()
            .enumerate()
            .filter(|(_, raw)| !raw.trim().is_empty())
        {
            let bad = |reason: String| ReplayError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason,
            };
            match serde_json::from_str(raw) {
                Ok(JournalLine::Note { .. }) => continue,
                Ok(JournalLine::Episode {
                    problem_id,
                    sample,
                    turns,
                }) => {
                    let texts: Vec<String> = turns.into_iter().map(|turn| turn.text).collect();
                    if texts.is_empty() {
                        return Err(bad(format!(
                            "episode {sample} of {problem_id} was lost before its first answer; there is nothing to replay"
                        )));
                    }
                    if played.insert((problem_id.clone(), sample), texts).is_some() {
                        return Err(bad(format!(
                            "episode {sample} of {problem_id} is there twice; a journal of several rounds can't be replayed as one evaluation"
                        )));
                    }
                    continue;
                }
                // Said in the words of a file of samples.
                Err(_) => {}
            }
            let line: Line = serde_json::from_str(raw).map_err(|error| bad(error.to_string()))?;
            if line.completions.is_empty() {
                return Err(bad("completions is empty".to_owned()));
            }
            samples
                .entry(line.problem_id)
                .or_default()
                .push(line.completions);
        }
        for ((problem_id, _), texts) in played {
            samples.entry(problem_id).or_default().push(texts);
        }
        Ok(Self { samples })
    }

    /// The same for a set, whose problems the file may call by their numbers alone.
    pub fn of(self, problems: &[Problem]) -> Result<Self, ReplayError> {
        let ids = ById::new(problems);
        let mut samples: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        for (id, episodes) in self.samples {
            // What is not of this set is left as it is: nobody asks for it.
            let whole = ids.find(&id).map_or(id.as_str(), |problem| &problem.id);
            if samples.contains_key(whole) {
                return Err(ReplayError::Twice {
                    problem_id: whole.to_owned(),
                });
            }
            samples.insert(whole.to_owned(), episodes);
        }
        Ok(Self { samples })
    }

    /// The solutions that problems bring, each an answer in a fence; those of problems without one are none.
    pub fn of_references(problems: &[Problem]) -> Self {
        let answers = |problem: &Problem| {
            let of = problem.references.iter();
            of.map(|reference| vec![fenced(reference.language.name(), &reference.source)])
                .collect()
        };
        let samples = problems
            .iter()
            .map(|problem| (problem.id.clone(), answers(problem)));
        Self {
            samples: samples.collect(),
        }
    }

    /// The recorded episodes of a problem.
    pub fn samples_of(&self, problem_id: &str) -> usize {
        self.samples.get(problem_id).map_or(0, Vec::len)
    }

    /// The problems that it has answers to.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

/// A program as an answer has it; the fence is longer than any inside of it.
fn fenced(language: &str, source: &str) -> String {
    let inside = source.split(|letter| letter != '`').map(str::len).max();
    let fence = "`".repeat(inside.map_or(3, |longest| (longest + 1).max(3)));
    format!("{fence}{language}\n{}\n{fence}", source.trim_end())
}

impl Policy for ReplayPolicy {
    fn sample(&self, queue: &dyn SampleQueue, _sampling: &Sampling) -> Result<(), PolicyError> {
        sample_each(queue, |request| {
            let samples = self.samples.get(&request.problem_id);
            let turns = samples.and_then(|samples| samples.get(request.sample));
            let text = turns
                .and_then(|turns| turns.get(request.turn).or(turns.last()))
                .ok_or_else(|| PolicyError::Missing {
                    problem_id: request.problem_id.clone(),
                    sample: request.sample,
                    turn: request.turn + 1,
                })?;
            Ok(Ok(Completion::of_text(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<ReplayPolicy, ReplayError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.jsonl");
        std::fs::write(&path, text).unwrap();
        let set = ["MBPP/11", "MBPP/12"].map(|id| Problem {
            id: id.into(),
            ..Problem::default()
        });
        ReplayPolicy::load(&path)?.of(&set)
    }

    #[test]
    fn ids_may_be_numbers_and_the_text_may_have_a_mark() {
        let policy = loaded(
            "\u{feff}{\"task_id\": 11, \"completions\": [\"a\"]}\n{\"problem_id\": \"MBPP/12\", \"completions\": [\"b\"]}\n\
             {\"task_id\": 11, \"completions\": [\"c\"]}\n",
        )
        .unwrap();
        let count = |id| policy.samples_of(id);
        assert_eq!((count("MBPP/11"), count("MBPP/12")), (2, 1));
    }

    #[test]
    fn references_are_answers_in_a_fence_that_nothing_inside_closes() {
        let reference = |source: &str| crate::problem::Reference {
            language: rlef_sandbox::Language::Python,
            source: source.to_owned(),
        };
        let set = [
            Problem {
                id: "a".to_owned(),
                references: vec![reference("x = 1\r\n"), reference("x = '````'")],
                ..Problem::default()
            },
            Problem {
                id: "b".to_owned(),
                ..Problem::default()
            },
        ];
        let policy = ReplayPolicy::of_references(&set);
        assert_eq!((policy.samples_of("a"), policy.samples_of("b")), (2, 0));
        assert_eq!(
            policy.samples["a"],
            [
                ["```python\nx = 1\n```"],
                ["`````python\nx = '````'\n`````"]
            ]
        );
    }

    #[test]
    fn two_names_of_one_problem_are_an_error() {
        let text = "{\"task_id\": 11, \"completions\": [\"a\"]}\n{\"task_id\": \"MBPP/11\", \"completions\": [\"b\"]}\n";
        assert!(matches!(loaded(text), Err(ReplayError::Twice { .. })));
    }
}
