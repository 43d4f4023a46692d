//! Stdin tests: one batch of runs; what each printed is compared here.

use rlef_sandbox::{Files, Job, Limits, Outcome, Start};

use super::run::Run;
use super::{Failure, Grade, Runner, head, tail};
use crate::comparator::{self, ByteRule};
use crate::problem::FileNames;
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
    rule: ByteRule<'_>,
    files: Option<&FileNames>,
) -> Result<(), super::JudgeError> {
    let job = job(program, files);
    let inputs: Vec<&[u8]> = cases.iter().map(|case| case.input.as_bytes()).collect();
    run.batch(&job, &inputs, limits, &|index, outcome| {
        cases
            .get(index)
            .and_then(|case| failure(case, outcome, rule))
    })
}

/// The job of a program, with files in place of its standard streams where they are named.
pub(super) fn job(program: &Program, files: Option<&FileNames>) -> Job {
    Job {
        language: program.language,
        source: program.source.clone().into_bytes(),
        start: Start::default(),
        files: files.map(|files| Files {
            input: files.input.clone(),
            output: files.output.clone(),
        }),
    }
}

fn failure(case: &Case<'_>, outcome: &Outcome, rule: ByteRule<'_>) -> Option<Failure> {
    if Grade::of(outcome.status).is_none()
        && comparator::accepts(rule, case.expected.as_bytes(), &outcome.stdout)
    {
        return None;
    }
    let mut failure = failed(case, outcome, String::new());
    if failure.grade == Grade::Unsupported
        && comparator::contradicts(rule, case.expected.as_bytes(), &outcome.stdout)
    {
        failure.grade = Grade::WrongAnswer;
    }
    Some(failure)
}

/// What is said of a run that ended badly, or well with something else than expected; `words` are the checker's.
pub(super) fn failed(case: &Case<'_>, outcome: &Outcome, words: String) -> Failure {
    let ended = Grade::of(outcome.status);
    Failure {
        test: 0,
        grade: ended.unwrap_or(Grade::WrongAnswer),
        input: head(case.input.as_bytes()),
        expected: head(case.expected.as_bytes()),
        got: head(&outcome.stdout),
        trace: match ended {
            None => words,
            Some(_) => super::run::trace_of(outcome, tail(&outcome.stderr)),
        },
    }
}
