//! Verdict → the part of it that may be shown to the policy.

use serde::{Deserialize, Serialize};

use super::{Failure, Grade, Verdict};
use crate::problem::Problem;

/// A verdict that says nothing of private tests. Feedback can be made of this type only, and it can be made
/// only of a verdict and its problem, so private data cannot reach a prompt by mistake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublicVerdict(Verdict);

impl PublicVerdict {
    /// The public part of `verdict`, which was judged on the public tests of `problem`, or on all of them.
    ///
    /// Where only private tests failed, the public part is accepted.
    pub fn of(verdict: Verdict, problem: &Problem) -> Self {
        let total = problem.public_tests.len();
        let failures: Vec<Failure> = verdict
            .failures
            .into_iter()
            .filter(|failure| failure.test < total)
            .collect();
        let grade = match (verdict.grade, failures.first()) {
            (Grade::NoProgram, _) => Grade::NoProgram,
            (_, Some(first)) => first.grade,
            (_, None) => Grade::Accepted,
        };
        // With early stopping nothing is known of the tests after a failing one; they don't count as passed.
        let passed = match grade {
            Grade::NoProgram => 0,
            Grade::Accepted => total,
            _ => verdict.passed.min(total.saturating_sub(failures.len())),
        };
        Self(Verdict {
            grade,
            passed,
            total,
            failures,
            cpu_ms: verdict.cpu_ms,
            wall_ms: verdict.wall_ms,
            fuel: verdict.fuel,
        })
    }

    /// The verdict on a completion without a program.
    pub fn no_program(problem: &Problem) -> Self {
        Self(Verdict::no_program(problem.public_tests.len()))
    }

    /// What it says.
    pub const fn verdict(&self) -> &Verdict {
        &self.0
    }
}
