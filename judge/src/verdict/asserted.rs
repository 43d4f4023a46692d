//! Asserted tests: the test code in one sandbox, the program in another, calls across a pipe.
//!
//! The tester's report decides, not an exit code, and it counts only after a nonce that was drawn for this run.
//! Nothing the program does can write to the tester's standard error.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use rlef_sandbox::{Limits, Outcome, Side, Status};
use serde::Deserialize;

use super::call::{ended_early, load_grade, raised_grade};
use super::run::{Fault, Run, trace_of};
use super::{Failure, Grade, JudgeError, Runner, driver, head, source, tail};

/// How much longer than the program the test code may take, for CPU and wall time, in milliseconds.
const TESTER_EXTRA_MS: u64 = 10_000;

/// Characters of a diagnostic that an error quotes.
const DETAIL_CHARACTERS: usize = 400;

/// An asserted test and what it needs of its problem.
pub(super) struct Case<'a> {
    /// Source put before the program; its helpers serve the test code too.
    pub(super) preamble: &'a str,
    /// Name of the function the program must define.
    pub(super) entry_point: &'a str,
    /// The test code.
    pub(super) code: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    cause: String,
    calls: usize,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    raised: String,
    #[serde(default)]
    input: String,
    #[serde(default)]
    expected: String,
    #[serde(default)]
    got: String,
    #[serde(default)]
    trace: String,
}

/// Runs one asserted test.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &str,
    case: &Case<'_>,
    limits: &Limits,
) -> Result<(), JudgeError> {
    let nonce = nonce();
    let tester = driver::tester(
        case.preamble,
        case.code,
        case.entry_point,
        &nonce,
        run.compiled(),
    );
    let judged = source::judged(case.preamble, program, Some(case.entry_point));
    let candidate = driver::candidate(&judged, case.entry_point, run.compiled());
    let tester_limits = tester_limits(limits);
    run.pair(
        Side::new(&tester, &tester_limits),
        Side::new(&candidate, limits),
        &|tester, candidate| {
            let report = report(tester, &nonce);
            if report.is_none() && has_begun(tester, &nonce) {
                return Ok(Some(cut_short(tester, candidate)));
            }
            failure(report.as_ref(), tester, candidate)
        },
    )
}

/// Limits of the test code, which waits while the program works: its clock must be the longer one.
pub(super) fn tester_limits(limits: &Limits) -> Limits {
    Limits {
        cpu_ms: limits.cpu_ms.saturating_add(TESTER_EXTRA_MS),
        wall_ms: limits.wall_ms.saturating_add(TESTER_EXTRA_MS),
        // The test code is of the same age as the program.
        int_digits: limits.int_digits,
        ..Limits::default()
    }
}

/// The failure, if any; `Err` says what is wrong with the tester or the test code itself.
fn failure(
    report: Option<&Report>,
    tester: &Outcome,
    candidate: &Outcome,
) -> Result<Option<Failure>, Fault> {
    let Some(report) = report else {
        // Values the program returned may be too much for the test code; that is the program's doing. Its own
        // limits come first, as they explain the tester's.
        let grade = [candidate.status, tester.status]
            .into_iter()
            .find_map(limit_grade);
        return match grade {
            Some(grade) => Ok(Some(blank(grade, String::new()))),
            None => Err(Fault::Tester(detail(tester))),
        };
    };
    let trace = tail(report.trace.as_bytes());
    let mut failure = match report.cause.as_str() {
        // Nobody would fail it.
        "" if report.calls == 0 => {
            return Err(Fault::Tests("it ends without a call".to_owned()));
        }
        "" => return Ok(None),
        "load" => blank(load_grade(&report.kind, &report.raised), trace),
        "raised" => blank(raised_grade(&report.raised), trace),
        "gone" => match Grade::of(candidate.status) {
            Some(grade) => blank(grade, trace_of(candidate, ended_early(candidate))),
            None => blank(
                Grade::RuntimeError,
                format!("{} ({})", ended_early(candidate), report.trace),
            ),
        },
        // What the test code passes is its own choice, whatever the program did before.
        "arguments" => return Err(Fault::Tests(report.trace.clone())),
        _ if report.calls == 0 => {
            return Err(Fault::Tests(report.trace.clone() + &report.expected));
        }
        "assertion" | "tests" => blank(Grade::WrongAnswer, trace),
        other => {
            return Err(Fault::Tester(format!(
                "its report names the unknown cause `{other}`"
            )));
        }
    };
    failure.input = head(report.input.as_bytes());
    failure.expected = head(report.expected.as_bytes());
    failure.got = head(report.got.as_bytes());
    Ok(Some(failure))
}

/// A tester that got an answer of the program's and then ended without a report: no other program's answer would have
/// had it end so, as far as anybody knows, so it is this one's doing, and no program may choose to have no verdict.
fn cut_short(tester: &Outcome, candidate: &Outcome) -> Failure {
    let grade = [candidate.status, tester.status]
        .into_iter()
        .find_map(limit_grade);
    let trace = match grade {
        Some(_) => String::new(),
        None => format!(
            "the tests ended with {:?} over what was returned",
            tester.status
        ),
    };
    blank(grade.unwrap_or(Grade::WrongAnswer), trace)
}

fn blank(grade: Grade, trace: String) -> Failure {
    Failure {
        test: 0,
        grade,
        input: String::new(),
        expected: String::new(),
        got: String::new(),
        trace,
    }
}

/// The grade of a run that came to a limit.
pub(super) fn limit_grade(status: Status) -> Option<Grade> {
    Grade::of(status).filter(|grade| {
        matches!(
            grade,
            Grade::TimeLimit | Grade::MemoryLimit | Grade::OutputLimit | Grade::Unsupported
        )
    })
}

fn report(tester: &Outcome, nonce: &str) -> Option<Report> {
    if tester.status != Status::Exited(0) {
        return None;
    }
    let stderr = std::str::from_utf8(&tester.stderr).ok()?;
    serde_json::from_str(stderr.lines().next_back()?.strip_prefix(nonce)?).ok()
}

/// Whether the program has answered a call.
fn has_begun(tester: &Outcome, nonce: &str) -> bool {
    tester
        .stderr
        .split(|&byte| byte == b'\n')
        .any(|line| line.strip_prefix(nonce.as_bytes()) == Some(b"begun".as_slice()))
}

/// How the tester ended, in its own words.
pub(super) fn detail(tester: &Outcome) -> String {
    let stderr: String = tail(&tester.stderr)
        .chars()
        .take(DETAIL_CHARACTERS)
        .collect();
    format!(
        "it ended with {:?} and without a report; it said: {stderr:?}",
        tester.status
    )
}

/// 128 bits nobody can guess, as hexadecimal digits.
fn nonce() -> String {
    // Every RandomState is keyed from the system's randomness.
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }
}
