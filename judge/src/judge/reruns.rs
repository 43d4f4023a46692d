//! A judge that asks another again where a test ran out of time close to its limit, so that another run would say the same.
//!
//! A program that is stopped at its limit might have ended a moment later. It is run once more on that test with a quarter
//! more time; if it ends then, the whole is judged again, twice at most, and the first verdict without a timeout stands.

use std::sync::Arc;

use rlef_sandbox::{Cancel, Limits};

use super::{
    Judge, JudgeError, Judgement, Keys, OnJudgement, Submission, Tally, Wrapper, side_by_side,
};
use crate::problem::Problem;
use crate::verdict::{Failure, Grade, Scope, StopAt, Verdict};

/// How often a verdict with a timeout near the limit is found anew at most.
const AGAIN: usize = 2;

/// Share of the limit that a program must have computed for a timeout to be its own doing; one that slept, or was kept
/// waiting, is asked again another time.
const COMPUTED: f64 = 0.9;

/// A judge over another, whose timeouts are looked into.
#[derive(Debug)]
pub struct Reruns<J> {
    judge: J,
    tally: Arc<Tally>,
}

impl<J: Judge> Reruns<J> {
    /// `judge`, asked again where it must be.
    pub fn new(judge: J) -> Self {
        Self::counting(judge, Arc::default())
    }

    pub(crate) const fn counting(judge: J, tally: Arc<Tally>) -> Self {
        Self { judge, tally }
    }

    /// What was done so far.
    pub fn counts(&self) -> super::JudgeCounts {
        self.tally.counts()
    }

    /// Looks into a judgement; one that stands but may not come again is marked so.
    fn settle(
        &self,
        submission: &Submission<'_>,
        cancel: &Cancel,
        first: Judgement,
    ) -> Result<Judgement, JudgeError> {
        let passing = |judgement: Judgement| Judgement {
            repeatable: false,
            ..judgement
        };
        let Some(late) = first.verdict.as_ref().and_then(timeout) else {
            return Ok(first);
        };
        let problem = submission.problem;
        let tests = Scope::All.tests(problem);
        let Some(&test) = tests.get(late.test) else {
            return Ok(passing(first));
        };
        let probe = Problem {
            id: problem.id.clone(),
            private_tests: vec![test.clone()],
            limits: longer(&problem.limits),
            comparison: problem.comparison.clone(),
            preamble: problem.preamble.clone(),
            files: problem.files.clone(),
            ..Problem::default()
        };
        let probed = self.judge.judge(
            &Submission {
                problem: &probe,
                scope: Scope::All,
                stop: StopAt::FirstFailure,
                ..*submission
            },
            cancel,
        )?;
        let probed = probed.verdict.unwrap_or_else(|| Verdict::no_program(1));
        if timeout(&probed).is_some() {
            let computed = probed.cpu_ms >= COMPUTED * problem.limits.cpu_ms as f64;
            return Ok(Judgement {
                repeatable: computed,
                ..first
            });
        }
        self.tally.near_limit();
        for _ in 0..AGAIN {
            let again = self.judge.judge(submission, cancel)?;
            if again.verdict.as_ref().and_then(timeout).is_none() {
                self.tally.changed();
                return Ok(passing(again));
            }
        }
        Ok(passing(first))
    }
}

impl<J: Judge> Wrapper for Reruns<J> {
    type Inner = J;

    fn inner(&self) -> &Self::Inner {
        &self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let first = self.judge.judge_with(keys, submission, cancel)?;
        self.settle(submission, cancel, first)
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        if !self.is_batched() {
            let keys = Keys::among(submissions.iter().map(|submission| submission.problem));
            return side_by_side(
                submissions,
                self.workers(),
                cancel,
                on_judgement,
                &|submission, cancel| self.ask(&keys, submission, cancel),
            );
        }
        self.judge
            .judge_all(submissions, cancel, &mut |index, result| {
                let first = result
                    .and_then(|judgement| self.settle(&submissions[index], cancel, judgement));
                on_judgement(index, first);
            });
    }
}

pub(crate) fn timeout(verdict: &Verdict) -> Option<&Failure> {
    let late = |failure: &&Failure| failure.grade == Grade::TimeLimit;
    verdict.failures.iter().find(late)
}

fn longer(limits: &Limits) -> Limits {
    let quarter_more = |ms: u64| ms.saturating_add(ms.div_ceil(4));
    Limits {
        cpu_ms: quarter_more(limits.cpu_ms),
        wall_ms: quarter_more(limits.wall_ms),
        ..limits.clone()
    }
}
