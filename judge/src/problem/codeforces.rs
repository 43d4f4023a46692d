//! open-r1/codeforces rows → Problem with stdin or file tests.
//!
//! `examples` are public, `official_tests` (without those) only grade; where they are cut short
//! (`official_tests_complete` is false) a label says so. `generated_checker`, a Python program, decides where it's
//! there. In `input_mode` `file` the program reads `input.txt` and writes `output.txt`. A problem with an
//! interaction format but no interactor can't be judged, and a label says so.

use rlef_sandbox::Language;
use serde_json::Value;

use super::common::limits_of;
use super::known::Known;
use super::row::Fields;
use super::{FileNames, Problem, ProblemError, TestCase};
use crate::comparator::{Checker, Comparison, Protocol};

/// The rule where there is no checker: Codeforces' usual tolerance.
const COMPARISON: Comparison = Comparison::Floats {
    absolute: 1e-6,
    relative: 1e-6,
};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "id",
        "title",
        "description",
        "input_format",
        "output_format",
        "interaction_format",
        "note",
        "examples",
        "examples.input",
        "examples.output",
        "official_tests",
        "official_tests.input",
        "official_tests.output",
        "official_tests_complete",
        "time_limit",
        "memory_limit",
        "input_mode",
        "generated_checker",
        "contest_id",
        "index",
        "rating",
        "tags",
        "language",
    ],
    harmless: &[
        ("aliases", "other names of the same problem"),
        ("contest_name", "says where it comes from"),
        ("contest_type", "says where it comes from"),
        ("contest_start", "says when it was set"),
        ("contest_start_year", "says when it was set"),
        ("editorial", "explains the solution"),
        (
            "testset_size",
            "how many tests the judge of the contest has",
        ),
        (
            "executable",
            "whether official_tests and the checker suffice, which the labels say",
        ),
        (
            "generated_tests",
            "how many tests there are in other files, none of them in the row",
        ),
        ("prompt", "the statement with an instruction around it"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let public_tests = tests(fields, "examples")?;
    let mut private_tests = tests(fields, "official_tests")?;
    private_tests.retain(|test| !public_tests.contains(test));
    let comparison = match fields.text_or_empty("generated_checker")? {
        "" => COMPARISON,
        source if source.contains("#include") => {
            let expected = "a program in Python, as this set has them";
            return Err(fields.wrong_text("generated_checker", expected, "one in C++"));
        }
        source => Comparison::Checker(Checker {
            language: Language::Python,
            source: source.to_owned(),
            protocol: Protocol::Printed,
            flags: Vec::new(),
        }),
    };
    let files = match fields.text_or_empty("input_mode")? {
        "" | "stdio" => None,
        "file" => Some(FileNames {
            input: "input.txt".to_owned(),
            output: "output.txt".to_owned(),
        }),
        other => {
            return Err(fields.wrong_text(
                "input_mode",
                "`stdio` or `file`",
                &format!("`{other}`"),
            ));
        }
    };
    let limits = limits_of(
        fields
            .amount("time_limit")?
            .map(|seconds| (seconds * 1e3) as u64),
        fields
            .amount("memory_limit")?
            .map(|megabytes| (megabytes * 1e6) as u64),
    );
    let mut labels = fields.labels(&["contest_id", "index", "rating", "tags", "language"]);
    if fields.get("official_tests_complete") == Some(&Value::Bool(false)) {
        labels.insert("tests".to_owned(), "cut short".to_owned());
    }
    if !fields.text_or_empty("interaction_format")?.is_empty() {
        labels.insert("interactive".to_owned(), "no interactor".to_owned());
    }
    Ok(Problem {
        id: fields.name("id")?,
        statement: statement(fields)?,
        public_tests,
        private_tests,
        limits,
        comparison,
        files,
        labels,
        ..Problem::default()
    })
}

fn statement(fields: &Fields<'_>) -> Result<String, ProblemError> {
    let mut text = format!(
        "{}\n\n{}",
        fields.text_or_empty("title")?,
        fields.text("description")?
    );
    for (name, heading) in [
        ("input_format", "Input"),
        ("output_format", "Output"),
        ("interaction_format", "Interaction"),
    ] {
        let part = fields.text_or_empty(name)?;
        if !part.is_empty() {
            text.extend([format!("\n\n{heading}\n\n{part}")]);
        }
    }
    for example in fields.items("examples")? {
        let example = fields.below("examples", example)?;
        text.extend([format!(
            "\n\nInput\n\n{}\n\nOutput\n\n{}",
            example.text("input")?.trim_end(),
            example.text("output")?.trim_end()
        )]);
    }
    let note = fields.text_or_empty("note")?;
    if !note.is_empty() {
        text.extend([format!("\n\nNote\n\n{note}")]);
    }
    Ok(text.trim_start().to_owned() + "\n")
}

fn tests(fields: &Fields<'_>, name: &str) -> Result<Vec<TestCase>, ProblemError> {
    fields
        .items(name)?
        .iter()
        .map(|value| {
            let case = fields.below(name, value)?;
            Ok(TestCase::Stdin {
                input: case.text("input")?.to_owned(),
                expected: case.text("output")?.to_owned(),
            })
        })
        .collect()
}
