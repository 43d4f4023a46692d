//! Call tests: one batch of runs of the call driver; each result comes back packed and is compared here.

use rlef_sandbox::{Limits, Outcome, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use super::run::{Run, trace_of};
use super::value::{Packed, python_text};
use super::{Failure, Grade, Runner, driver, head, tail};
use crate::comparator::Comparison;

/// A call test: function, arguments and expected result.
pub(super) struct Case<'a> {
    /// Function name, or `Solution.method`.
    pub(super) function: &'a str,
    /// Positional arguments.
    pub(super) arguments: &'a [Value],
    /// What it should return.
    pub(super) expected: &'a Value,
}

/// What the driver prints, exactly one of the three.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reply {
    Returned {
        result: Packed,
        text: String,
    },
    NotLoaded {
        failed: String,
        #[serde(default)]
        raised: String,
        trace: String,
    },
    Raised {
        raised: String,
        trace: String,
    },
}

/// Calls the function once a case, each time in a process of its own.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    source: &str,
    cases: &[Case<'_>],
    limits: &Limits,
    rule: &Comparison,
) -> Result<(), super::JudgeError> {
    let job = driver::call(source, run.compiled());
    let calls: Vec<String> = cases
        .iter()
        .map(|case| json!({"function": case.function, "arguments": case.arguments}).to_string())
        .collect();
    let inputs: Vec<&[u8]> = calls.iter().map(String::as_bytes).collect();
    run.batch(&job, &inputs, limits, &|index, outcome| {
        cases
            .get(index)
            .and_then(|case| failure(case, outcome, rule))
    })
}

fn failure(case: &Case<'_>, outcome: &Outcome, rule: &Comparison) -> Option<Failure> {
    let reply: Option<Reply> = serde_json::from_slice(&outcome.stdout).ok();
    let (grade, got, trace) = match (Grade::of(outcome.status), reply) {
        (None, Some(Reply::Returned { result, text })) => {
            if result.equals(case.expected, rule) {
                return None;
            }
            (Grade::WrongAnswer, head(text.as_bytes()), String::new())
        }
        (
            None,
            Some(Reply::NotLoaded {
                failed,
                raised,
                trace,
            }),
        ) => (load_grade(&failed, &raised), String::new(), trace),
        (None, Some(Reply::Raised { raised, trace })) => {
            (raised_grade(&raised), String::new(), trace)
        }
        (None, None) => (Grade::RuntimeError, String::new(), ended_early(outcome)),
        (Some(grade), _) => (
            grade,
            String::new(),
            trace_of(outcome, tail(&outcome.stderr)),
        ),
    };
    let arguments: Vec<String> = case.arguments.iter().map(python_text).collect();
    Some(Failure {
        test: 0,
        grade,
        input: head(format!("{}({})", case.function, arguments.join(", ")).as_bytes()),
        expected: head(python_text(case.expected).as_bytes()),
        got,
        trace: tail(trace.as_bytes()),
    })
}

/// The grade of a program that couldn't be loaded, from the driver's two words.
pub(super) fn load_grade(failed: &str, raised: &str) -> Grade {
    if failed == "compile" {
        Grade::CompileError
    } else {
        raised_grade(raised)
    }
}

/// The grade of an exception: memory that can't be had is a limit, as in a program that is killed for it.
pub(super) fn raised_grade(raised: &str) -> Grade {
    if raised == "MemoryError" {
        Grade::MemoryLimit
    } else {
        Grade::RuntimeError
    }
}

/// What is said of a program that ended before it answered.
pub(super) fn ended_early(outcome: &Outcome) -> String {
    let how = match outcome.status {
        Status::Exited(code) => {
            format!("the program ended with exit code {code} before it returned")
        }
        _ => "the program ended before it returned".to_owned(),
    };
    let stderr = tail(&outcome.stderr);
    if stderr.trim().is_empty() {
        how
    } else {
        format!("{}\n{how}", stderr.trim_end())
    }
}
