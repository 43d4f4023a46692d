//! Journal × judge → where verdicts have changed: every turn judged again by the tests it was judged on, and every last answer
//! by all.

use std::collections::HashMap;

use rlef_sandbox::Cancel;

use super::EpisodeRecord;
use super::diff::{Change, Told, What, named};
use crate::environment::turn_scope;
use crate::judge::{self, Asks, Judge, JudgeError, Submission};
use crate::problem::Problem;
use crate::problem::id::ById;
use crate::program::{Program, Wanted};
use crate::verdict::{Scope, StopAt, Verdict};

/// What is judged again.
struct Item<'a> {
    record: &'a EpisodeRecord,
    /// The turn by its public tests, from one; `None` for the last answer by all tests.
    turn: Option<usize>,
    problem: &'a Problem,
    text: &'a str,
    program: Option<Program>,
    /// When its public tests ended.
    stop: StopAt,
    was: Told,
}

/// The program in an answer of a journal.
pub(super) fn program_of(text: &str, problem: &Problem) -> Option<Program> {
    let found = Program::find(text, &Wanted::of(problem));
    found.ok().map(|found| found.program)
}

/// What judging again came to.
#[derive(Debug, Default)]
pub struct Again {
    /// Where verdicts have changed, in the order of the journal, an episode's turns before its end.
    pub changes: Vec<Change>,
    /// Verdicts that the judge lost, in words.
    pub lost: Vec<String>,
}

/// Judges the answers of a journal again; the reason where a problem of it is not among `problems`.
pub fn again(
    records: &[EpisodeRecord],
    problems: &[Problem],
    judge: &dyn Judge,
) -> Result<Again, String> {
    let by_id = ById::new(problems);
    let (mut turns, mut finals) = (Vec::new(), Vec::new());
    for record in records.iter().filter(|record| record.outcome.is_some()) {
        let problem = by_id.find(&record.problem_id)?;
        let item = |turn: Option<usize>, text, was: Told, stop: StopAt| Item {
            record,
            stop,
            turn,
            problem,
            text,
            program: program_of(text, problem),
            was,
        };
        for (index, turn) in record.turns.iter().enumerate() {
            let was = Told {
                grade: Some(turn.grade),
                tests: Some((turn.passed, turn.total)),
            };
            let stop = if turn.stopped {
                StopAt::FirstFailure
            } else {
                StopAt::Never
            };
            turns.push(item(Some(index + 1), &turn.text, was, stop));
            if let Some(full) = turn.full {
                finals.push(item(
                    Some(index + 1),
                    &turn.text,
                    Told {
                        grade: Some(full),
                        tests: None,
                    },
                    StopAt::FirstFailure,
                ));
            }
        }
        let text = record.turns.last().map_or("", |turn| turn.text.as_str());
        finals.push(item(
            None,
            text,
            Told {
                grade: record.outcome,
                tests: None,
            },
            StopAt::FirstFailure,
        ));
    }
    let mut found = Again::default();
    found.judge(judge, &turns, turn_scope);
    found.judge(judge, &finals, |_| Scope::All);
    // In the order of the journal, an episode's turns before its end.
    let place: HashMap<(usize, &str, usize), usize> = records
        .iter()
        .enumerate()
        .map(|(index, record)| {
            (
                (record.step, record.problem_id.as_str(), record.sample),
                index,
            )
        })
        .collect();
    found.changes.sort_by_key(|change| {
        let episode = place
            .get(&(change.step, change.problem_id.as_str(), change.sample))
            .copied();
        (episode, change.turn.unwrap_or(usize::MAX))
    });
    Ok(found)
}

impl Again {
    fn judge(
        &mut self,
        judge: &dyn Judge,
        items: &[Item<'_>],
        scope_of: impl Fn(&Problem) -> Scope,
    ) {
        let submissions: Vec<Submission<'_>> = items
            .iter()
            .map(|item| {
                let scope = scope_of(item.problem);
                Submission {
                    problem: item.problem,
                    text: item.text,
                    program: item.program.as_ref(),
                    turn: item
                        .turn
                        .unwrap_or(item.record.turns.len())
                        .saturating_sub(1),
                    scope,
                    stop: if scope == Scope::Public {
                        item.stop
                    } else {
                        StopAt::FirstFailure
                    },
                    asks: Asks::Verdict,
                }
            })
            .collect();
        let results = judge::distinct(judge, &submissions, &Cancel::never());
        for (item, result) in items.iter().zip(results) {
            let verdict = result.and_then(|judgement| {
                judgement.verdict.ok_or_else(|| JudgeError::NoVerdict {
                    judge: judge.name().to_owned(),
                    id: item.problem.id.clone(),
                })
            });
            let now = match verdict {
                Ok(verdict) => verdict,
                Err(error) => {
                    self.lost.push(format!(
                        "{} sample {}: {error}",
                        item.record.problem_id, item.record.sample
                    ));
                    continue;
                }
            };
            // Grading by all tests ends at the first failure, so that only its grade is comparable.
            let is = Told {
                grade: Some(now.grade),
                tests: item.was.tests.map(|_| (now.passed, now.total)),
            };
            if is != item.was {
                let what = What::Verdict {
                    was: item.was.clone(),
                    is,
                };
                self.changes.push(Change {
                    detail: detail(&now),
                    ..named(item.record, item.turn, what)
                });
            }
        }
    }
}

/// The first failing test of the new verdict.
fn detail(verdict: &Verdict) -> String {
    let Some(failure) = verdict.failures.first() else {
        return String::new();
    };
    let short = |text: &str| {
        let line = text.trim().replace('\n', "\\n");
        line.chars().take(60).collect::<String>()
    };
    let last = failure
        .trace
        .trim_end()
        .lines()
        .next_back()
        .unwrap_or_default();
    if last.is_empty() {
        format!(
            "test {} expected '{}' and got '{}'",
            failure.test,
            short(&failure.expected),
            short(&failure.got)
        )
    } else {
        format!("test {}: {}", failure.test, short(last))
    }
}
