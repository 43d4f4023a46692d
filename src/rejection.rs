//! Episodes → demonstrations: what passed all tests, distinct programs only, a few of each problem (Yuan et al. 2023,
//! "Scaling Relationship on Learning Mathematical Reasoning with Large Language Models", arXiv 2308.01825). Pure.

mod tokens;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::journal::EpisodeRecord;
use crate::problem::Problem;
use crate::program::{Program, Wanted};
use crate::verdict::Grade;
pub use tokens::normalised;

/// Which answers of an episode are learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Learnt {
    /// The last, which solved the problem; what was said before is its prompt.
    #[default]
    Last,
    /// All, the wrong ones among them.
    All,
}

/// How demonstrations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Programs of a problem at most, the first ones.
    pub most: usize,
    /// Whether programs that differ in comments, white space and their own names alone are kept beside each other.
    pub repeated: bool,
    /// Which answers are learnt.
    pub learnt: Learnt,
}

/// A message of a demonstration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// What is said.
    pub content: String,
}

/// One line of a file of texts, as [`crate::examples`] reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Demonstration {
    /// Of which the completion is learnt.
    Last {
        /// What was said before.
        prompt: Vec<Message>,
        /// The last answer.
        completion: Vec<Message>,
    },
    /// Of which every answer is learnt.
    All {
        /// The episode.
        messages: Vec<Message>,
    },
}

/// What came of a set of episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Episodes whose last answer passed all tests.
    pub solved: usize,
    /// Of them, those whose program was there.
    pub repeated: usize,
    /// Of them, those whose problem had enough.
    pub more: usize,
    /// Problems with a demonstration.
    pub problems: usize,
}

/// The demonstrations of some episodes, in their order. `prompt_of` gives a problem's place and what it is asked with, or why
/// it is not known.
pub fn demonstrations<'a>(
    records: &[EpisodeRecord],
    options: Options,
    mut prompt_of: impl FnMut(&str) -> Result<(&'a Problem, String), String>,
) -> Result<(Vec<Demonstration>, Counts), String> {
    let (mut counts, mut found) = (Counts::default(), Vec::new());
    let mut known: BTreeMap<&str, (usize, HashSet<Vec<String>>)> = BTreeMap::new();
    for record in records {
        let Some(last) = record.turns.last() else {
            continue;
        };
        let (problem, prompt) = prompt_of(&record.problem_id)?;
        if record.outcome != Some(Grade::Accepted) {
            continue;
        }
        let Ok(program) = Program::find(&last.text, &Wanted::of(problem)) else {
            continue;
        };
        counts.solved += 1;
        let (kept, programs) = known.entry(&record.problem_id).or_default();
        let form = normalised(&program.program.source, program.program.language);
        if !programs.insert(form) && !options.repeated {
            counts.repeated += 1;
        } else if *kept >= options.most {
            counts.more += 1;
        } else {
            *kept += 1;
            found.push(demonstration(record, prompt, options.learnt));
        }
    }
    counts.problems = known.len();
    Ok((found, counts))
}

fn demonstration(record: &EpisodeRecord, prompt: String, learnt: Learnt) -> Demonstration {
    let mut messages = Vec::new();
    let mut asked = prompt;
    for turn in &record.turns {
        for (role, content) in [("user", asked.clone()), ("assistant", turn.text.clone())] {
            messages.push(Message { role, content });
        }
        asked.clone_from(&turn.feedback);
    }
    match learnt {
        Learnt::All => Demonstration::All { messages },
        Learnt::Last => {
            let completion = messages.split_off(messages.len() - 1);
            Demonstration::Last {
                prompt: messages,
                completion,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::StopReason;
    use crate::journal::EpisodeRecord;
    use crate::journal::TurnRecord;

    fn record(sample: usize, programs: &[&str], outcome: Grade) -> EpisodeRecord {
        let turns = programs.iter().map(|program| TurnRecord {
            text: format!("```python\n{program}\n```"),
            finish: None,
            tokens: None,
            sampler_logprobs: None,
            program: None,
            grade: Grade::WrongAnswer,
            passed: 0,
            total: 1,
            stopped: false,
            failures: Vec::new(),
            scores: Vec::new(),
            reward: None,
            feedback: "Wrong.".to_owned(),
            full: None,
        });
        EpisodeRecord {
            step: 0,
            problem_id: "p".to_owned(),
            sample,
            prompt: None,
            turns: turns.collect(),
            stop: StopReason::Solved,
            outcome: Some(outcome),
            passed: 1,
            total: 1,
            task: None,
            constraints: Default::default(),
            stored: None,
            withheld: None,
        }
    }

    fn kept(records: &[EpisodeRecord], options: Options) -> (Vec<Demonstration>, Counts) {
        let problem = Problem {
            id: "p".to_owned(),
            ..Problem::default()
        };
        demonstrations(records, options, |_| Ok((&problem, "Do it.".to_owned()))).unwrap()
    }

    const OPTIONS: Options = Options {
        most: 2,
        repeated: false,
        learnt: Learnt::Last,
    };

    #[test]
    fn distinct_programs_that_passed_are_kept() {
        let records = [
            record(0, &["print(1)"], Grade::WrongAnswer),
            record(1, &["a = 1\nprint(a)"], Grade::Accepted),
            record(2, &["b  = 1 # again\nprint(b)"], Grade::Accepted),
            record(3, &["print(2)", "print(1)"], Grade::Accepted),
            record(4, &["print(1 + 0)"], Grade::Accepted),
        ];
        let (found, counts) = kept(&records, OPTIONS);
        let expected = Counts {
            solved: 4,
            repeated: 1,
            more: 1,
            problems: 1,
        };
        assert_eq!((found.len(), counts), (2, expected));
        let line = serde_json::to_value(&found[1]).unwrap();
        let said = |value: &serde_json::Value| value.as_array().unwrap().len();
        assert_eq!((said(&line["prompt"]), said(&line["completion"])), (3, 1));
        assert_eq!(line["prompt"][2]["content"], "Wrong.");
        let all = Options {
            most: 9,
            repeated: true,
            learnt: Learnt::All,
        };
        let (found, _) = kept(&records, all);
        assert_eq!(found.len(), 4);
        let line = serde_json::to_value(&found[2]).unwrap();
        assert_eq!(said(&line["messages"]), 4);
    }
}
