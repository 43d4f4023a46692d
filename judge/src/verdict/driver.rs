//! Drivers + payload → the source of a job. The drivers are files of their own beside this one (`python`).

use std::fmt::Write as _;

use rlef_sandbox::{Job, Language, Start};
use serde::Serialize;

use super::decider::PARTIAL_BASE;
use super::python::{CALL, CANDIDATE, Compiled, TESTER, assigned, job};

const CHECKER: &str = include_str!("checker.py");
const CPP_CHECKER: &str = include_str!("checker.cpp");

#[derive(Serialize)]
struct ProgramPayload<'a> {
    source: &'a str,
    entry_point: &'a str,
}

#[derive(Serialize)]
struct TesterPayload<'a> {
    preamble: &'a str,
    code: &'a str,
    entry_point: &'a str,
    nonce: &'a str,
}

/// How a checker or interactor is called.
#[derive(Serialize)]
pub(super) struct Call<'a> {
    pub(super) arguments: &'a [&'a str],
    /// Whether it talks with the program, of which it then may be left alone.
    pub(super) talks: bool,
    /// Whether it reads the output from standard input.
    pub(super) reads_output: bool,
}

#[derive(Serialize)]
struct CheckerPayload<'a> {
    source: &'a str,
    #[serde(flatten)]
    call: &'a Call<'a>,
}

/// A job that runs a checker or interactor written in Python.
pub(super) fn checker(source: &str, call: &Call<'_>) -> Job {
    job(assigned("PAYLOAD", &CheckerPayload { source, call }) + CHECKER)
}

/// A job that runs a checker or interactor written in C++; `testlib` stands where the source includes that header.
pub(super) fn cpp_checker(source: &str, call: &Call<'_>, testlib: Option<&str>) -> Job {
    // A flag is the problem's own text, and JSON's escapes are C's.
    let names: Vec<String> = call
        .arguments
        .iter()
        .map(|name| serde_json::Value::from(*name).to_string())
        .collect();
    let mut text = CPP_CHECKER.replace("ARGUMENTS", &names.join(", ")).replace(
        "READS_OUTPUT",
        if call.reads_output { "true" } else { "false" },
    );
    for (index, line) in source.split_inclusive('\n').enumerate() {
        match testlib.filter(|_| includes_testlib(line)) {
            Some(header) => {
                // What the compiler says of later lines still names the checker's own.
                let after = index + 2;
                let _ = write!(
                    text,
                    "#ifndef PC_BASE_EXIT_CODE\n#define PC_BASE_EXIT_CODE {PARTIAL_BASE}\n#endif\n\
                     #line 1 \"testlib.h\"\n{header}\n#line {after} \"checker.cpp\"\n"
                );
            }
            None => text.push_str(line),
        }
    }
    Job {
        language: Language::Cpp,
        source: text.into_bytes(),
        start: Start::default(),
        files: None,
    }
}

/// Whether a line of C++ includes `testlib.h`.
pub(super) fn includes_testlib(line: &str) -> bool {
    let line: String = line.split_whitespace().collect();
    line.starts_with("#include\"testlib.h\"") || line.starts_with("#include<testlib.h>")
}

/// A job that reads one call from standard input and prints its result.
pub(super) fn call(source: &str, compiled: Option<&Compiled>) -> Job {
    let payload = ProgramPayload {
        source,
        entry_point: "",
    };
    CALL.job(&assigned("PAYLOAD", &payload), compiled)
}

/// A job that loads the program and answers the tester's calls.
pub(super) fn candidate(source: &str, entry_point: &str, compiled: Option<&Compiled>) -> Job {
    let payload = ProgramPayload {
        source,
        entry_point,
    };
    CANDIDATE.job(&assigned("PAYLOAD", &payload), compiled)
}

/// A job that runs the test code and reports on standard error after `nonce`.
pub(super) fn tester(
    preamble: &str,
    code: &str,
    entry_point: &str,
    nonce: &str,
    compiled: Option<&Compiled>,
) -> Job {
    let payload = TesterPayload {
        preamble,
        code,
        entry_point,
        nonce,
    };
    TESTER.job(&assigned("PAYLOAD", &payload), compiled)
}
