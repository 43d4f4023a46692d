//! Stdin tests that a program decides: a checker after the run, or an interactor during it.
//!
//! The checker is given the input, what was printed and the expected answer, in a sandbox of its own and only after the
//! judged program has ended; the judged program never shares one with any of them. An interactor holds input and answer
//! and talks with the program through two pipes. A checker that fails by itself is an error, never a verdict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rlef_sandbox::{Job, Language, Limits, Outcome, Status};

use super::asserted::Fault;
use super::run::{Run, trace_of};
use super::stdin::{self, Case};
use super::{Grade, JudgeError, Runner, StopAt, driver, tail};
use crate::comparator::{Checker, Comparison, Protocol};
use crate::problem::FileNames;
use crate::program::Program;

/// Runs of the program between two of the checker, where judging may stop at the first failure.
const CHUNK: usize = 8;

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
    let checking = job_of(checker, None, run.testlib());
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
                Some(stdin::failed(case, outcome, String::new()))
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
    for case in cases {
        let talking = job_of(interactor, Some(case), None);
        run.pair(&talking, &patient, &job, limits, &|said, outcome| {
            let accepted = accepts(Protocol::Testlib, said).map_err(Fault::Tester)?;
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

/// The checker's job; an interactor's holds the texts of its case.
fn job_of(checker: &Checker, case: Option<&Case<'_>>, testlib: Option<&str>) -> Job {
    let arguments: &[&str] = match checker.protocol {
        Protocol::Testlib => &["input.txt", "output.txt", "answer.txt"],
        Protocol::Printed => &["input.txt", "answer.txt", "output.txt"],
    };
    if checker.language == Language::Cpp {
        return driver::cpp_checker(&checker.source, arguments, testlib);
    }
    let texts = case.map(|case| {
        [case.input, "", case.expected]
            .map(|text| STANDARD.encode(text))
            .to_vec()
    });
    driver::checker(&checker.source, arguments, texts.as_deref())
}

/// What of a checker or interactor can't be run here, if anything.
pub(super) fn lacks(rule: &Comparison, testlib: Option<&str>) -> Option<&'static str> {
    let includes = |source: &str| source.lines().any(driver::includes_testlib);
    match rule {
        Comparison::Interactor(one) if one.language != Language::Python => {
            Some("an interactor in another language than Python")
        }
        Comparison::Checker(one) => match one.language {
            Language::Cpp if testlib.is_none() && includes(&one.source) => Some(
                "a checker that includes testlib.h, without RLEF_TESTLIB set to the path of that header,",
            ),
            Language::Python | Language::Cpp => None,
            _ => Some("a checker in another language than Python or C++"),
        },
        _ => None,
    }
}

/// Input, output and answer, announced by their lengths.
fn frame(case: &Case<'_>, output: &[u8]) -> Vec<u8> {
    let (input, answer) = (case.input.as_bytes(), case.expected.as_bytes());
    let head = format!("{} {} {}\n", input.len(), output.len(), answer.len());
    [head.as_bytes(), input, output, answer].concat()
}
