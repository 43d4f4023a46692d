//! Contest item × program → verdict without a run, for programs that the set itself wrote: a demonstration of tens of
//! thousands of problems would otherwise spend most of its time in the sandbox. Says exactly what the judge says
//! (`tests/learning.rs` holds them together) and hands everything else to it. Only demonstrations use this; a
//! policy's programs are always run.

use std::collections::HashMap;

use rlef_sandbox::Cancel;

use crate::comparator;
use crate::judge::{Judge, JudgeError, Judgement, Keys, OnJudgement, Submission, Wrapper};
use crate::problem::TestCase;
use crate::problem::contest::ContestItem;
use crate::verdict::{Failure, Grade, Scope, Verdict};

/// A judge that knows the programs of some items and asks another about all others.
pub struct Evaluated<'a> {
    items: HashMap<&'a str, &'a ContestItem>,
    judge: &'a dyn Judge,
}

impl<'a> Evaluated<'a> {
    /// Knows `items` and asks `judge` about the rest.
    pub fn new(items: &'a [ContestItem], judge: &'a dyn Judge) -> Self {
        let items = items
            .iter()
            .map(|item| (item.problem.id.as_str(), item))
            .collect();
        Self { items, judge }
    }

    /// The verdict, where it is known without a run.
    fn known(&self, work: &Submission<'_>) -> Option<Verdict> {
        let item = self.items.get(work.problem.id.as_str())?;
        let total = work.scope.tests(&item.problem).len();
        let source = &work.program?.source;
        if *source == item.variants[item.option] {
            return Some(verdict(Vec::new(), total));
        }
        // Private inputs are not kept; who passes the public tests goes to the judge.
        if work.scope != Scope::Public {
            return None;
        }
        // What a program decides is for the judge.
        let rule = item.problem.comparison.byte_rule()?;
        let failures = item
            .printed(source)?
            .into_iter()
            .zip(&item.problem.public_tests)
            .enumerate()
            .filter_map(|(test, (got, case))| match case {
                TestCase::Stdin { input, expected } => {
                    let accepted = comparator::accepts(rule, expected.as_bytes(), got.as_bytes());
                    (!accepted).then(|| Failure {
                        test,
                        grade: Grade::WrongAnswer,
                        input: input.clone(),
                        expected: expected.clone(),
                        got,
                        trace: String::new(),
                    })
                }
                _ => None,
            })
            .collect();
        Some(verdict(failures, total))
    }
}

fn verdict(failures: Vec<Failure>, total: usize) -> Verdict {
    Verdict {
        grade: failures
            .first()
            .map_or(Grade::Accepted, |failure| failure.grade),
        passed: total - failures.len(),
        total,
        failures,
        cpu_ms: 0.0,
        wall_ms: 0.0,
        fuel: None,
    }
}

impl<'a> Wrapper for Evaluated<'a> {
    type Inner = dyn Judge + 'a;

    fn inner(&self) -> &Self::Inner {
        self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.known(submission).map_or_else(
            || self.judge.judge_with(keys, submission, cancel),
            |verdict| Ok(verdict.into()),
        )
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for (place, submission) in submissions.iter().enumerate() {
            if let Some(verdict) = self.known(submission) {
                on_judgement(place, Ok(verdict.into()));
            } else {
                places.push(place);
                rest.push(*submission);
            }
        }
        if !rest.is_empty() {
            self.judge.judge_all(&rest, cancel, &mut |index, result| {
                on_judgement(places[index], result);
            });
        }
    }
}
