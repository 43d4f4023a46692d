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
    /// Whether those that failed a test are demonstrations, too: they were chosen by something else.
    pub unsolved: bool,
    /// Whether programs that differ in comments, white space and their own names alone are kept beside each other.
    pub repeated: bool,
    /// Which answers are learnt.
    pub learnt: Learnt,
}

/// Why an episode can't be chosen by a judge's scores.
fn score(record: &EpisodeRecord, judge: &str) -> Result<f64, String> {
    let scores = record.turns.last().map_or(&[][..], |turn| &turn.scores);
    let mut whole = scores.iter().filter(|score| score.span.is_none());
    let score = whole.find(|score| score.judge == judge);
    match score {
        Some(score) => Ok(score.value.unwrap_or(f64::NEG_INFINITY)),
        None => Err(format!(
            "failed to choose by {judge}: the last answer of episode {} of {:?} has no score of the judge `{judge}`; play them with --judges",
            record.sample, record.problem_id
        )),
    }
}

/// The episodes in the order in which a judge likes their last answers, of each problem the best first; those on which it has no
/// opinion are left out. Their demonstrations are what is sampled under its guidance (ALMoST, Kim et al. 2023, arXiv 2305.13735,
/// section 2.2: the best of some samples by a reward model).
pub fn by_score(records: Vec<EpisodeRecord>, judge: &str) -> Result<Vec<EpisodeRecord>, String> {
    let scored = records
        .into_iter()
        .filter(|record| !record.turns.is_empty());
    let scored = scored.map(|record| Ok((score(&record, judge)?, record)));
    let mut scored: Vec<(f64, EpisodeRecord)> = scored.collect::<Result<_, String>>()?;
    scored.retain(|(score, _)| score.is_finite());
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    Ok(scored.into_iter().map(|(_, record)| record).collect())
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
        if record.outcome != Some(Grade::Accepted) && !options.unsolved {
            continue;
        }
        let Ok(program) = Program::find(&last.text, &Wanted::of(problem)) else {
            continue;
        };
        counts.solved += usize::from(record.outcome == Some(Grade::Accepted));
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
            constraints: BTreeMap::default(),
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
        unsolved: false,
        repeated: false,
        learnt: Learnt::Last,
    };

    #[test]
    fn a_judge_chooses_whatever_the_tests_say_and_silence_is_no_score() {
        let scored = |sample, program: &str, value, outcome| {
            let mut record = record(sample, &[program], outcome);
            record.turns[0].scores = vec![crate::judge::Score {
                judge: "reward_model".to_owned(),
                value,
                span: None,
                reason: String::new(),
            }];
            record
        };
        let records = vec![
            scored(0, "print(1)", Some(0.1), Grade::Accepted),
            scored(1, "print(2)", Some(0.9), Grade::WrongAnswer),
            scored(2, "print(3)", None, Grade::Accepted),
        ];
        let ordered = by_score(records.clone(), "reward_model").unwrap();
        let samples: Vec<usize> = ordered.iter().map(|record| record.sample).collect();
        assert_eq!(samples, [1, 0]);
        let options = Options {
            most: 1,
            unsolved: true,
            ..OPTIONS
        };
        let (found, counts) = kept(&ordered, options);
        assert_eq!((found.len(), counts.more, counts.solved), (1, 1, 1));
        let line = serde_json::to_string(&found[0]).unwrap();
        assert!(line.contains("print(2)"), "{line}");
        let said = by_score(records, "rules").unwrap_err();
        assert!(said.contains("no score of the judge `rules`"), "{said}");
    }

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
            unsolved: false,
            repeated: true,
            learnt: Learnt::All,
        };
        let (found, _) = kept(&records, all);
        assert_eq!(found.len(), 4);
        let line = serde_json::to_value(&found[2]).unwrap();
        assert_eq!(said(&line["messages"]), 4);
    }
}
