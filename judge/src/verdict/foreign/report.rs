//! How the two processes of such a test ended → the failure, if any. Pure.

use rlef_sandbox::{Outcome, Status};

use super::Case;
use crate::judge::is_of_library;
use crate::verdict::asserted;
use crate::verdict::call::ended_early;
use crate::verdict::run::{Fault, trace_of};
use crate::verdict::{Failure, Grade, head, tail};

// Exit codes of the tests' process.
/// A value of the program fails a test.
const FAILED: i32 = 20;
/// The program has ended before it answered.
const GONE: i32 = 21;
/// The program answered a call with an error.
const RAISED: i32 = 22;
/// The tests ended without a call.
const NO_CALL: i32 = 23;
/// The tests fail by themselves.
const BROKEN: i32 = 24;
/// A value can't cross between the processes.
const CROSSING: i32 = 25;
/// The program has no function of that name.
const MISSING: i32 = 26;

/// The failure, if any; `Err` says what is wrong with the tests or their process.
pub(super) fn failure(
    case: &Case<'_>,
    tester: &Outcome,
    program: &Outcome,
) -> Result<Option<Failure>, Fault> {
    let name = case.entry_point;
    if [program, tester]
        .iter()
        .any(|side| side.status == Status::Unsupported)
    {
        let trace = trace_of(program, tail(&program.stderr));
        return Ok(Some(blank(name, Grade::Unsupported, trace)));
    }
    if tester.status == Status::CompileError {
        return Err(unbuilt(&tail(&tester.stderr)));
    }
    if program.status == Status::CompileError {
        let trace = trace_of(program, tail(&program.stderr));
        let grade = if lacks_library(case.preamble, &trace) {
            Grade::Unsupported
        } else {
            Grade::CompileError
        };
        return Ok(Some(blank(name, grade, trace)));
    }
    let said = String::from_utf8_lossy(&tester.stderr).into_owned();
    let last = |mark: &str| said.lines().rev().find_map(|line| line.strip_prefix(mark));
    let words = last("rlef-words ").unwrap_or_default().to_owned();
    let begun = said.lines().any(|line| line == "rlef-begun");
    let (grade, trace) = match tester.status {
        Status::Exited(0) => return Ok(None),
        Status::Exited(FAILED) => (Grade::WrongAnswer, words),
        Status::Exited(GONE) => match Grade::of(program.status) {
            Some(grade) => {
                let trace = trace_of(program, ended_early(program));
                let misses = grade == Grade::RuntimeError && lacks_library(case.preamble, &trace);
                (if misses { Grade::Unsupported } else { grade }, trace)
            }
            None => (Grade::RuntimeError, ended_early(program)),
        },
        Status::Exited(RAISED) if words.starts_with("java.lang.OutOfMemoryError") => {
            (Grade::MemoryLimit, words)
        }
        Status::Exited(RAISED) => (Grade::RuntimeError, words),
        Status::Exited(MISSING) => {
            let trace =
                format!("the program defines no function `{name}` that takes these arguments");
            (Grade::RuntimeError, trace)
        }
        Status::Exited(NO_CALL) => {
            return Err(Fault::Tests(
                "it ends without a call of the function".to_owned(),
            ));
        }
        Status::Exited(CROSSING) => return Err(Fault::Crossing(words)),
        Status::Exited(BROKEN) => return Err(Fault::Tests(words)),
        _ => {
            let limit = |outcome: &Outcome| asserted::limit_grade(outcome.status);
            match limit(program).or_else(|| limit(tester)) {
                Some(grade) => (grade, String::new()),
                // No other program's value would have had them end so, as far as anybody knows.
                None if begun => {
                    let how = format!(
                        "the tests ended with {:?} over what was returned",
                        tester.status
                    );
                    (Grade::WrongAnswer, how)
                }
                None => return Err(Fault::Tester(asserted::detail(tester))),
            }
        }
    };
    Ok(Some(Failure {
        input: head(last("rlef-call ").unwrap_or_default().as_bytes()),
        got: head(last("rlef-got ").unwrap_or_default().as_bytes()),
        ..blank(name, grade, tail(trace.as_bytes()))
    }))
}

/// Why tests do not compile, which the program has no part in.
fn unbuilt(said: &str) -> Fault {
    if let Some(kind) = [
        "`: rlef::RlefPut`",
        ": RlefPut`",
        ": rlef::RlefGet`",
        ": RlefGet`",
        "RlefPut",
        "RlefGet",
    ]
    .iter()
    .find_map(|bound| said.split_once(bound))
    .map(|(before, _)| before.rsplit('`').next().unwrap_or_default())
    {
        return Fault::Crossing(kind.trim().trim_end_matches(':').to_owned());
    }
    Fault::Tests(format!("it does not compile: {said}"))
}

/// Whether a program fails for want of a library that its problem imports, and so promises.
fn lacks_library(preamble: &str, said: &str) -> bool {
    let is_named = |word: &str| {
        preamble.lines().any(|line| {
            let line = line.trim_start();
            let imports = line.starts_with("use ")
                || line.starts_with("import ")
                || line.contains("require(");
            imports
                && line
                    .split(|letter: char| !(letter.is_alphanumeric() || "_.-/".contains(letter)))
                    .any(|part| {
                        part == word
                            || part
                                .strip_prefix(word)
                                .is_some_and(|rest| rest.starts_with(['.', '/']))
                    })
        })
    };
    said.lines().filter(|line| is_of_library(line)).any(|line| {
        let names =
            line.split(|letter: char| !(letter.is_alphanumeric() || "_.-/".contains(letter)));
        names
            .filter(|name| name.len() > 1 && !["use", "import"].contains(name))
            .any(is_named)
    })
}

fn blank(name: &str, grade: Grade, trace: String) -> Failure {
    Failure {
        test: 0,
        grade,
        input: name.to_owned(),
        expected: String::new(),
        got: String::new(),
        trace,
    }
}
