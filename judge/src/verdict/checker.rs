//! Stdin tests that a program decides: a checker after the run, or an interactor during it.
//!
//! The checker is given the input, what was printed and the expected answer, in a sandbox of its own and only after the
//! judged program has ended; the judged program never shares one with any of them. An interactor reads input and answer
//! before anything the program says, and talks with it through two pipes. A checker that fails by itself is an error, never a verdict.

use rlef_sandbox::{Job, Language, Limits, Outcome, Side, Status};

use super::asserted::Fault;
use super::run::{Run, trace_of};
use super::stdin::{self, Case};
use super::{Grade, JudgeError, Runner, StopAt, driver, tail};
use crate::comparator::{Checker, Comparison, Protocol};
use crate::problem::{FileNames, TestCase};
use crate::program::Program;

/// Runs of the program between two of the checker, where judging may stop at the first failure.
const CHUNK: usize = 8;
/// The signal of who writes to nobody.
const BROKEN_PIPE: i32 = 13;
/// Bytes of input and answer that an interactor can be given through a pipe.
const PREFACE: usize = 900_000;

/// Runs the program on every case, then the checker on what it printed.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    cases: &[Case<'_>],
    limits: &Limits,
    checker: &Checker,
    files: Option<&FileNames>,
) -> Result<(), JudgeError> {
    let job = stdin::job(program, files);
    let checking = job_of(checker, false, run.testlib());
    let chunk = if run.stop() == StopAt::Never {
        cases.len()
    } else {
        CHUNK
    };
    for cases in cases.chunks(chunk.max(1)) {
        let inputs: Vec<&[u8]> = cases.iter().map(|case| case.input.as_bytes()).collect();
        let outcomes = run.outcomes(&job, &inputs, limits, &|outcome| {
            Grade::of(outcome.status).is_none()
        })?;
        let frames: Vec<Vec<u8>> = cases
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| Grade::of(outcome.status).is_none())
            .map(|(case, outcome)| frame(case, &outcome.stdout))
            .collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        let mut said = run
            .checks(&checking, &frames, &Limits::default())?
            .into_iter();
        for (case, outcome) in cases.iter().zip(&outcomes) {
            let failure = if Grade::of(outcome.status).is_some() {
                let mut failure = stdin::failed(case, outcome, String::new());
                // Of half an output only the checker could say whether it is wrong already; no program chooses that.
                if failure.grade == Grade::Unsupported && !outcome.stdout.is_empty() {
                    failure.grade = Grade::RuntimeError;
                }
                Some(failure)
            } else {
                let checked = said.next().ok_or_else(|| run.incomplete(cases.len()))?;
                match accepts(checker.protocol, &checked) {
                    Ok(true) => None,
                    Ok(false) => Some(stdin::failed(case, outcome, tail(&checked.stderr))),
                    Err(detail) => return Err(run.broken_checker(detail)),
                }
            };
            run.record(failure, outcome);
            if run.is_done() {
                return Ok(());
            }
        }
        if outcomes.len() < cases.len() {
            return Err(run.incomplete(cases.len()));
        }
    }
    Ok(())
}

/// Lets the program talk with the interactor, once for each case.
pub(super) fn interact<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    cases: &[Case<'_>],
    limits: &Limits,
    interactor: &Checker,
) -> Result<(), JudgeError> {
    let job = stdin::job(program, None);
    // The interactor waits while the program works, so its clock must be the longer one.
    let patient = Limits {
        cpu_ms: limits.cpu_ms.saturating_add(Limits::default().cpu_ms),
        wall_ms: limits.wall_ms.saturating_add(Limits::default().wall_ms),
        ..Limits::default()
    };
    let talking = job_of(interactor, true, run.testlib());
    for case in cases {
        let side = Side {
            preface: &frame(case, b""),
            ..Side::new(&talking, &patient)
        };
        run.pair(side, Side::new(&job, limits), &|said, outcome| {
            // Where the program has gone, what the interactor writes ends it.
            let accepted = said.status != Status::Signalled(BROKEN_PIPE)
                && accepts(Protocol::Testlib, said).map_err(Fault::Tester)?;
            // A program that broke a limit or crashed is not saved by what it said before.
            Ok(match Grade::of(outcome.status) {
                Some(_) => Some(stdin::failed(case, outcome, String::new())),
                None if accepted => None,
                None => Some(stdin::failed(case, outcome, tail(&said.stderr))),
            })
        })?;
        if run.is_done() {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the checker accepts; `Err` says why it can't tell.
fn accepts(protocol: Protocol, said: &Outcome) -> Result<bool, String> {
    let broken = || {
        let stderr = tail(&said.stderr);
        format!(
            "it ended with {:?} and said {:?}; {}",
            said.status,
            String::from_utf8_lossy(&said.stdout[..said.stdout.len().min(200)]),
            trace_of(said, stderr)
        )
    };
    match (protocol, said.status) {
        (Protocol::Testlib, Status::Exited(0)) => Ok(true),
        (Protocol::Testlib, Status::Exited(1 | 2 | 7)) => Ok(false),
        (Protocol::Printed, Status::Exited(0)) => {
            let text = String::from_utf8_lossy(&said.stdout);
            match text.split_whitespace().next() {
                Some("true" | "True") => Ok(true),
                Some("false" | "False") => Ok(false),
                Some(word) => word
                    .parse::<f64>()
                    .map(|score| score >= 1.0)
                    .map_err(|_| broken()),
                None => Err(broken()),
            }
        }
        _ => Err(broken()),
    }
}

/// The job of a checker or an interactor.
fn job_of(checker: &Checker, talks: bool, testlib: Option<&str>) -> Job {
    let arguments: &[&str] = match checker.protocol {
        Protocol::Testlib => &["input.txt", "output.txt", "answer.txt"],
        Protocol::Printed => &["input.txt", "answer.txt", "output.txt"],
    };
    if checker.language == Language::Cpp {
        driver::cpp_checker(&checker.source, arguments, testlib)
    } else {
        driver::checker(&checker.source, arguments, talks)
    }
}

/// What of a checker or interactor can't be run here, if anything.
pub(super) fn lacks(
    rule: &Comparison,
    tests: &[&TestCase],
    testlib: Option<&str>,
) -> Option<&'static str> {
    let (Comparison::Checker(one) | Comparison::Interactor(one)) = rule else {
        return None;
    };
    let talks = matches!(rule, Comparison::Interactor(_));
    let too_long = |test: &&TestCase| match test {
        TestCase::Stdin { input, expected } => input.len() + expected.len() > PREFACE,
        _ => false,
    };
    match one.language {
        Language::Cpp if testlib.is_none() && one.source.lines().any(driver::includes_testlib) => {
            Some(
                "a checker or interactor that includes testlib.h, without RLEF_TESTLIB set to the path of that header,",
            )
        }
        Language::Python | Language::Cpp => {
            let fails = talks && tests.iter().any(too_long);
            fails.then_some("an interactive test of more than 900 KB")
        }
        _ if talks => Some("an interactor in another language than Python or C++"),
        _ => Some("a checker in another language than Python or C++"),
    }
}

/// Input, output and answer, announced by their lengths.
fn frame(case: &Case<'_>, output: &[u8]) -> Vec<u8> {
    let (input, answer) = (case.input.as_bytes(), case.expected.as_bytes());
    let head = format!("{} {} {}\n", input.len(), output.len(), answer.len());
    [head.as_bytes(), input, output, answer].concat()
}
