//! Stdin tests: one batch of runs; what each printed is compared here.

use rlef_sandbox::{Job, Limits, Outcome, Start};

use super::run::Run;
use super::{Failure, Grade, Runner, head, tail};
use crate::comparator::{self, Comparison};
use crate::program::Program;

/// A stdin test: input and expected output.
pub(super) struct Case<'a> {
    /// What the program reads.
    pub(super) input: &'a str,
    /// What it should print.
    pub(super) expected: &'a str,
}

/// Runs the program on every case, and stops where `run` says so.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    cases: &[Case<'_>],
    limits: &Limits,
    rule: &Comparison,
) -> Result<(), super::JudgeError> {
    let job = Job {
        language: program.language,
        source: program.source.clone().into_bytes(),
        start: Start::default(),
    };
    let inputs: Vec<&[u8]> = cases.iter().map(|case| case.input.as_bytes()).collect();
    run.batch(&job, &inputs, limits, &|index, outcome| {
        cases
            .get(index)
            .and_then(|case| failure(case, outcome, rule))
    })
}

fn failure(case: &Case<'_>, outcome: &Outcome, rule: &Comparison) -> Option<Failure> {
    let grade = match Grade::of(outcome.status) {
        Some(grade) => grade,
        None if comparator::accepts(rule, case.expected.as_bytes(), &outcome.stdout) => {
            return None;
        }
        None => Grade::WrongAnswer,
    };
    Some(Failure {
        test: 0,
        grade,
        input: head(case.input.as_bytes()),
        expected: head(case.expected.as_bytes()),
        got: head(&outcome.stdout),
        trace: if grade == Grade::WrongAnswer {
            String::new()
        } else {
            super::run::trace_of(outcome, tail(&outcome.stderr))
        },
    })
}
