//! Contest item × program → verdict without a run, for programs that the set itself wrote: a demonstration of tens of
//! thousands of problems would otherwise spend most of its time in the sandbox. Says exactly what the judge says
//! (`tests/learning.rs` holds them together) and hands everything else to it. Only demonstrations use this; a
//! policy's programs are always run.

use std::collections::HashMap;

use crate::comparator;
use crate::problem::TestCase;
use crate::problem::contest::ContestItem;
use crate::rollout::{Grader, Work};
use crate::verdict::{Failure, Grade, JudgeError, Scope, Verdict};

/// A grader that knows the programs of some items and asks another about all others.
pub struct Evaluated<'a> {
    items: HashMap<&'a str, &'a ContestItem>,
    judge: &'a dyn Grader,
}

impl<'a> Evaluated<'a> {
    /// Knows `items` and asks `judge` about the rest.
    pub fn new(items: &'a [ContestItem], judge: &'a dyn Grader) -> Self {
        let items = items
            .iter()
            .map(|item| (item.problem.id.as_str(), item))
            .collect();
        Self { items, judge }
    }

    /// The verdict, where it is known without a run.
    fn known(&self, work: &Work<'_>) -> Option<Verdict> {
        let item = self.items.get(work.problem.id.as_str())?;
        let total = work.scope.tests(&item.problem).len();
        let source = &work.program.source;
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

impl Grader for Evaluated<'_> {
    fn grade(&self, work: &[Work<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        let known: Vec<Option<Verdict>> = work.iter().map(|work| self.known(work)).collect();
        let rest: Vec<Work<'_>> = work
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none())
            .map(|(work, _)| *work)
            .collect();
        let mut judged = if rest.is_empty() {
            Vec::new()
        } else {
            self.judge.grade(&rest)
        }
        .into_iter();
        known
            .into_iter()
            .map(|known| known.map_or_else(|| judged.next().expect("a verdict for each"), Ok))
            .collect()
    }
}
