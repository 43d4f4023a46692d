//! Drivers + payload → the source of a job. The drivers are files of their own beside this one.

use std::fmt::Write as _;

use rlef_sandbox::{Job, Language, Start};
use serde::Serialize;

use super::decider::PARTIAL_BASE;

const WIRE: &str = include_str!("wire.py");
const UNPACK: &str = include_str!("unpack.py");
const PROGRAM: &str = include_str!("program.py");
const CALL: &str = include_str!("call.py");
const CANDIDATE: &str = include_str!("candidate.py");
const TESTER: &str = include_str!("tester.py");
const CHECKER: &str = include_str!("checker.py");
const CPP_CHECKER: &str = include_str!("checker.cpp");

/// Parts of the drivers that few runs need: they travel as text and are compiled when they are first asked for.
#[derive(Serialize)]
struct Later {
    values: &'static str,
    rarer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    handles: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    things: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<&'static str>,
}

impl Later {
    /// What every driver may need.
    const VALUES: Self = Self {
        values: include_str!("values.py"),
        rarer: include_str!("rarer.py"),
        things: None,
        handles: None,
        remote: None,
        kept: None,
        trouble: None,
        bounds: None,
    };
    /// What the program's side of an asserted test may need.
    const CANDIDATE: Self = Self {
        handles: Some(include_str!("handles.py")),
        ..Self::VALUES
    };
    /// What the side of the tests may need.
    const TESTER: Self = Self {
        remote: Some(include_str!("remote.py")),
        things: Some(include_str!("things.py")),
        kept: Some(include_str!("kept.py")),
        trouble: Some(include_str!("trouble.py")),
        bounds: Some(include_str!("bounds.py")),
        ..Self::VALUES
    };
}

#[derive(Serialize)]
struct ProgramPayload<'a> {
    source: &'a str,
    entry_point: &'a str,
    later: Later,
}

#[derive(Serialize)]
struct TesterPayload<'a> {
    preamble: &'a str,
    code: &'a str,
    entry_point: &'a str,
    nonce: &'a str,
    later: Later,
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
    job(&[CHECKER], &CheckerPayload { source, call })
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
pub(super) fn call(source: &str) -> Job {
    job(
        &[WIRE, PROGRAM, CALL],
        &ProgramPayload {
            source,
            entry_point: "",
            later: Later::VALUES,
        },
    )
}

/// A job that loads the program and answers the tester's calls.
pub(super) fn candidate(source: &str, entry_point: &str) -> Job {
    job(
        &[WIRE, UNPACK, PROGRAM, CANDIDATE],
        &ProgramPayload {
            source,
            entry_point,
            later: Later::CANDIDATE,
        },
    )
}

/// A job that runs the test code and reports on standard error after `nonce`.
pub(super) fn tester(preamble: &str, code: &str, entry_point: &str, nonce: &str) -> Job {
    job(
        &[WIRE, UNPACK, TESTER],
        &TesterPayload {
            preamble,
            code,
            entry_point,
            nonce,
            later: Later::TESTER,
        },
    )
}

fn job(parts: &[&str], payload: &impl Serialize) -> Job {
    // Plain structs of strings always serialise.
    let payload = serde_json::to_string(payload).unwrap_or_default();
    let mut source = format!(
        "import json\nPAYLOAD = json.loads(r'''{}''')\n",
        ascii(&payload)
    );
    for part in parts {
        source.push_str(part);
    }
    Job {
        language: Language::Python,
        source: source.into_bytes(),
        start: Start::Fork,
        files: None,
    }
}

/// JSON text in ASCII without apostrophes, so that it fits a raw Python literal.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\'' && character != '\x7f' {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.extend(['\\', 'u']);
                text.extend((0..4).rev().filter_map(|digit| {
                    char::from_digit(u32::from((*unit >> (4 * digit)) & 15), 16)
                }));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_the_literal() {
        let text = "'''\\ \n\t\u{7f}\u{e9}\u{1f600}\\'";
        let json = serde_json::to_string(text).unwrap();
        let literal = ascii(&json);
        assert!(literal.is_ascii() && !literal.contains('\''), "{literal}");
        assert_eq!(serde_json::from_str::<String>(&literal).unwrap(), text);
    }
}
