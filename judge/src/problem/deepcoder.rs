//! DeepCoder rows (`problem`, `tests`) → Problem with stdin or call tests.
//!
//! The schema merges public and private tests and has no ids, limits or comparison rule. A test is public when
//! the statement prints it as an example (its input and output, word by word, between the headings `Input` and
//! `Output`); the rest only grade. Limits come from the statement's last lines (`Time Limit: {'seconds': 2,
//! 'nanos': 0}`, `Memory Limit: 256000000 Bytes`) where they are there. Ids are the file's name and the row.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::cases::{
    FUNCTION_CALL, call, calls, calls_are_wrapped, func_name, function_call, json_text, paired,
    stdin_text,
};
use super::common::{is_shown, limits_of, with_starter, words};
use super::known::Known;
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, Reference, TestCase};
use crate::comparator::Comparison;
use crate::program::{Program, Wanted};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "problem",
        "solutions",
        "starter_code",
        "metadata",
        "metadata.func_name",
        "tests",
        "tests.inputs",
        "tests.outputs",
        "tests.fn_name",
        "tests.assert_case",
        "tests.input",
        "tests.output",
        "tests.type",
        "tests.testtype",
        "tests.metadata",
        "tests.metadata.func_name",
    ],
    harmless: &[],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let statement = fields.text("problem")?;
    let tests = fields.required("tests", "an object or a list of tests")?;
    let tests = match unwrap_json(fields, "tests", tests)? {
        Value::Array(cases) => listed(fields, "tests", &cases, &func_name(fields)?)?,
        object => {
            let lists = fields.below("tests", &object)?;
            let named = func_name(fields)?;
            if !named.is_empty() && lists.text_or_empty("fn_name")?.is_empty() {
                let expected = format!("`{named}`, which `metadata` names");
                return Err(lists.wrong_text("fn_name", &expected, "none"));
            }
            paired(&lists)?
        }
    };
    let shown = words(statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    let stem = fields
        .place
        .path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let row = fields.number();
    Ok(Problem {
        id: format!("{}/{row}", stem.split('.').next().unwrap_or_default()),
        statement: with_starter(statement, fields.text_or_empty("starter_code")?),
        public_tests,
        private_tests,
        limits: stated_limits(statement),
        comparison: Comparison::Contest,
        preamble: String::new(),
        references: solutions(fields)?,
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::new(),
    })
}

/// `solutions`, where there is such a list, in Python, with or without a fence.
fn solutions(fields: &Fields<'_>) -> Result<Vec<Reference>, ProblemError> {
    let program = |source: &str| Reference {
        language: Language::Python,
        source: Program::find(source, &Wanted::any(Language::Python))
            .map_or_else(|_| source.to_owned(), |found| found.program.source),
    };
    Ok(fields
        .texts("solutions")?
        .into_iter()
        .map(program)
        .collect())
}

/// `[{"input": .., "output": .., "testtype" or "type"?, "fn_name"? or "metadata"?: {"func_name"}}, ...]`, which stands at
/// `field`; `function` is what the row itself says.
pub(super) fn listed(
    fields: &Fields<'_>,
    field: &str,
    cases: &[Value],
    function: &str,
) -> Result<Vec<TestCase>, ProblemError> {
    let wrapped = calls_are_wrapped(cases);
    cases
        .iter()
        .map(|value| {
            let case = fields.below(field, value)?;
            let input = case.required("input", "the input")?;
            let output = case.required("output", "the output")?;
            case.without(
                &["inputs", "outputs", "assert_case"],
                "each test has an input and an output",
            )?;
            let own = [
                case.text_or_empty("fn_name")?.to_owned(),
                func_name(&case)?,
                function.to_owned(),
            ];
            let named = own.iter().find(|name| !name.is_empty());
            if !calls(&case, named.is_some())? {
                case.without(&["fn_name"], "the test is of standard input")?;
                let (input, expected) = (
                    stdin_text(&case, "input", input)?,
                    stdin_text(&case, "output", output)?,
                );
                return Ok(TestCase::Stdin { input, expected });
            }
            let function = named
                .ok_or_else(|| case.wrong_text("metadata", "an object with `func_name`", "none"))?;
            if case.text_or_empty("type")? == FUNCTION_CALL {
                return function_call(&case, function, wrapped);
            }
            let expected = json_text(&case, "output", output)?;
            call(&case, function, "input", input, expected)
        })
        .collect()
}

fn stated_limits(statement: &str) -> Limits {
    let line = |heading: &str| {
        statement
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix(heading))
    };
    let number = |text: &str, after: &str| -> Option<u64> {
        let rest = text.split_once(after)?.1.trim_start();
        rest.split(|character: char| !character.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    let cpu_ms = line("Time Limit:").and_then(|text| {
        let (seconds, nanos) = (number(text, "'seconds':")?, number(text, "'nanos':")?);
        Some(
            seconds
                .saturating_mul(1000)
                .saturating_add(nanos / 1_000_000),
        )
    });
    let memory_bytes = line("Memory Limit:").and_then(|text| {
        if text.trim_end().ends_with("Bytes") {
            number(text, "")
        } else {
            None
        }
    });
    limits_of(cpu_ms, memory_bytes)
}
