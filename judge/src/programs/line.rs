//! One judgement → one line, for machines or for people. What a private test asked is left out unless wanted.

use rlef_sandbox::Isolation;
use serde::Serialize;

use super::Answer;
use crate::judge::{JudgeError, Judgement, Score};
use crate::problem::{Problem, printable, printable_json, printable_lines};
use crate::program::Extraction;
use crate::verdict::{Failure, Grade, Scope, Verdict};

#[derive(Serialize)]
struct Judged<'a> {
    /// The problem.
    problem_id: &'a str,
    /// Which block of the answer is the program and why, or why there is none.
    program: Extraction,
    /// Null where the sandbox failed or the problem is at fault.
    verdict: Option<Grade>,
    /// Tests passed.
    passed: usize,
    /// Tests there are.
    total: usize,
    /// CPU milliseconds over all tests that ran.
    cpu_ms: f64,
    /// Wall milliseconds over all tests that ran.
    wall_ms: f64,
    /// What ran the tests: "process", or "wasm" and the fuel it burnt. Null where none was run.
    isolation: Option<&'static str>,
    /// Fuel burnt under WebAssembly, the same in every run.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    /// The first test that failed; null where none did.
    first_failure: Option<FirstFailure<'a>>,
    /// What judges besides the tests said.
    #[serde(skip_serializing_if = "<[Score]>::is_empty")]
    scores: &'a [Score],
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct FirstFailure<'a> {
    /// The test, from zero, public ones first.
    test: usize,
    /// Whether it may be shown to a policy.
    public: bool,
    /// Why it failed.
    verdict: Grade,
    /// What the test asked and got; left out for a private one.
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
struct Details<'a> {
    /// What the program was given, shortened.
    input: &'a str,
    /// What was expected, shortened.
    expected: &'a str,
    /// What it printed or returned, shortened.
    got: &'a str,
    /// The end of its trace or diagnostics; empty unless it crashed.
    trace: &'a str,
}

pub(super) fn json(
    answer: &Answer<'_>,
    result: &Result<Judgement, JudgeError>,
    show_private: bool,
) -> String {
    let problem = answer.problem;
    let mut line = Judged {
        problem_id: &problem.id,
        program: answer.extraction(),
        verdict: None,
        passed: 0,
        total: Scope::All.tests(problem).len(),
        cpu_ms: 0.0,
        wall_ms: 0.0,
        isolation: None,
        fuel: None,
        first_failure: None,
        scores: &[],
        error: None,
    };
    match result {
        Ok(Judgement {
            verdict, scores, ..
        }) => {
            line.scores = scores;
            let Some(verdict) = verdict else {
                return text_of(&line);
            };
            line.verdict = Some(verdict.grade);
            (line.passed, line.cpu_ms, line.wall_ms) =
                (verdict.passed, verdict.cpu_ms, verdict.wall_ms);
            line.isolation = used(verdict);
            line.fuel = verdict.fuel;
            line.first_failure = verdict
                .failures
                .first()
                .map(|failure| first_failure(failure, problem, show_private));
        }
        Err(error) => line.error = Some(format!("failed to {error}")),
    }
    text_of(&line)
}

fn text_of(line: &Judged<'_>) -> String {
    // Texts and finite numbers always serialise.
    printable_json(&serde_json::to_string(line).unwrap_or_default()).into_owned()
}

/// What ran the tests of a verdict.
fn used(verdict: &Verdict) -> Option<&'static str> {
    let isolation = match verdict.fuel {
        Some(_) => Isolation::Wasm,
        None => Isolation::Process,
    };
    (verdict.grade != Grade::NoProgram).then(|| isolation.name())
}

fn first_failure<'a>(
    failure: &'a Failure,
    problem: &Problem,
    show_private: bool,
) -> FirstFailure<'a> {
    let public = failure.test < problem.public_tests.len();
    let details = (public || show_private).then_some(Details {
        input: &failure.input,
        expected: &failure.expected,
        got: &failure.got,
        trace: &failure.trace,
    });
    FirstFailure {
        test: failure.test,
        public,
        verdict: failure.grade,
        details,
    }
}

pub(super) fn row(
    answer: &Answer<'_>,
    result: &Result<Judgement, JudgeError>,
    width: usize,
) -> String {
    let id = printable(&answer.problem.id);
    let tests = result.as_ref().map(|judgement| &judgement.verdict);
    match (tests, &answer.found) {
        (Err(error), _) => {
            // Indented, so that no line of theirs looks like a verdict.
            let words = printable_lines(error.to_string().trim_end()).replace('\n', "\n    ");
            format!("{id:width$}  not judged: failed to {words}")
        }
        (Ok(_), Err(reason)) => {
            let words = printable(&reason.to_string()).into_owned();
            format!("{id:width$}  {}: {words}", Grade::NoProgram.name())
        }
        (Ok(None), Ok(_)) => format!("{id:width$}  no verdict"),
        (Ok(Some(verdict)), Ok(_)) => format!(
            "{id:width$}  {:<13} {:>4}/{:<4} {:>9.1} ms cpu {:>9.1} ms wall{}",
            verdict.grade.name(),
            verdict.passed,
            verdict.total,
            verdict.cpu_ms,
            verdict.wall_ms,
            // Processes are what is meant where nothing is said.
            if verdict.fuel.is_some() { "  wasm" } else { "" }
        ),
    }
}
