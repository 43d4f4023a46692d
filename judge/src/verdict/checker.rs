//! Stdin tests that a checker decides after the run.
//!
//! It is given the input, what was printed and the expected answer, in a sandbox of its own and only after the judged
//! program has ended; the judged program never shares one with it. A checker that can't tell is asked once more, and then
//! what it makes of the expected answer itself, on the same input. If it can't tell there either, the problem is at fault:
//! an error, never a verdict. If it can, it was the program's output that it failed on, and that is rejected: no program
//! may choose to have no verdict. What a checker accepts is accepted, but for a NaN or an infinity that nobody spoke of.

use rlef_sandbox::{Job, Language, Limits};

use super::decider::accepts;
use super::run::Run;
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
    let checking = job_of(checker, false, run.testlib());
    let checking_limits = Limits {
        int_digits: limits.int_digits,
        ..Limits::default()
    };
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
            .checks(&checking, &frames, &checking_limits)?
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
                let word = match accepts(checker.protocol, &checked) {
                    Ok(accepts) => (accepts, tail(&checked.stderr)),
                    Err(_) => again(
                        run,
                        &checking,
                        checker,
                        case,
                        &outcome.stdout,
                        &checking_limits,
                    )?,
                };
                match word {
                    (true, _) if is_boundless(case, &outcome.stdout) => {
                        let words = "a NaN or an infinity, of which neither input nor answer speak";
                        Some(stdin::failed(case, outcome, words.to_owned()))
                    }
                    (true, _) => None,
                    (false, words) => Some(stdin::failed(case, outcome, words)),
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

/// Asks a checker that could not tell once more, and what it makes of the expected answer: whether it accepts, and its words.
fn again<R: Runner>(
    run: &Run<'_, R>,
    checking: &Job,
    checker: &Checker,
    case: &Case<'_>,
    output: &[u8],
    limits: &Limits,
) -> Result<(bool, String), JudgeError> {
    let frames = [output, case.expected.as_bytes()].map(|output| frame(case, output));
    let said = run.checks(checking, &[&frames[0], &frames[1]], limits)?;
    let [output, expected] = said.as_slice() else {
        return Err(run.incomplete(frames.len()));
    };
    match accepts(checker.protocol, output) {
        Ok(accepts) => Ok((accepts, tail(&output.stderr))),
        Err(detail) if accepts(checker.protocol, expected).is_ok() => Ok((
            false,
            format!("the checker failed on what was printed, not on the expected answer: {detail}"),
        )),
        Err(detail) => Err(run.broken_checker(detail)),
    }
}

/// Whether numbers were printed that bounds don't bind, for a test that has none such: `abs(got - want) > 1e-6` does not
/// hold for a NaN, and an infinity is within any tolerance relative to itself. Checkers seldom think of that.
fn is_boundless(case: &Case<'_>, output: &[u8]) -> bool {
    let has = |text: &[u8]| {
        text.split(u8::is_ascii_whitespace).any(|word| {
            let number = std::str::from_utf8(word)
                .ok()
                .and_then(|word| word.parse::<f64>().ok());
            number.is_some_and(|number| !number.is_finite())
        })
    };
    has(output) && !has(case.expected.as_bytes()) && !has(case.input.as_bytes())
}

/// The job of a checker or an interactor.
pub(super) fn job_of(checker: &Checker, talks: bool, testlib: Option<&str>) -> Job {
    let names: &[&str] = match checker.protocol {
        Protocol::Testlib => &["input.txt", "output.txt", "answer.txt"],
        Protocol::Printed => &["input.txt", "answer.txt", "output.txt"],
        Protocol::Kattis => &["input.txt", "answer.txt", "feedback/"],
    };
    let flags = checker.flags.iter().map(String::as_str);
    let arguments: Vec<&str> = names.iter().copied().chain(flags).collect();
    let call = driver::Call {
        arguments: &arguments,
        talks,
        reads_output: checker.protocol == Protocol::Kattis && !talks,
    };
    if checker.language == Language::Cpp {
        driver::cpp_checker(&checker.source, &call, testlib)
    } else {
        driver::checker(&checker.source, &call)
    }
}

/// What of a checker or interactor can't be run here, if anything.
pub(super) fn lacks(rule: &Comparison, testlib: Option<&str>) -> Option<&'static str> {
    let (Comparison::Checker(one) | Comparison::Interactor(one)) = rule else {
        return None;
    };
    let talks = matches!(rule, Comparison::Interactor(_));
    match one.language {
        Language::Cpp if testlib.is_none() && one.source.lines().any(driver::includes_testlib) => {
            Some(
                "a checker or interactor that includes testlib.h, without RLEF_TESTLIB set to the path of that header,",
            )
        }
        Language::Python | Language::Cpp => None,
        _ if talks => Some("an interactor in another language than Python or C++"),
        _ => Some("a checker in another language than Python or C++"),
    }
}

/// Input, output and answer, announced by their lengths.
pub(super) fn frame(case: &Case<'_>, output: &[u8]) -> Vec<u8> {
    let (input, answer) = (case.input.as_bytes(), case.expected.as_bytes());
    let head = format!("{} {} {}\n", input.len(), output.len(), answer.len());
    [head.as_bytes(), input, output, answer].concat()
}
