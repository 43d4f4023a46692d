//! DeepCoder rows (`problem`, `tests`) → Problem with stdin or call tests.
//!
//! The schema merges public and private tests and has no ids, limits or comparison rule. A test is public when
//! the statement prints it as an example (its input and output, word by word, between the headings `Input` and
//! `Output`); the rest only grade. Limits come from the statement's last lines (`Time Limit: {'seconds': 2,
//! 'nanos': 0}`, `Memory Limit: 256000000 Bytes`) where they are there. Ids are the file's name and the row.

use std::collections::BTreeMap;

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::apps::with_starter;
use super::codecontests::limits_of;
use super::known::Known;
use super::row::{Fields, oversized_integer, shorten, unwrap_json};
use super::{Problem, ProblemError, Reference, TestCase, asserts};
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
        Value::Array(cases) => listed(fields, &cases, &func_name(fields)?)?,
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

/// `metadata.func_name`, where `metadata` is an object or JSON in a string; empty where it isn't there.
pub(super) fn func_name(fields: &Fields<'_>) -> Result<String, ProblemError> {
    let Some(value) = fields.get("metadata") else {
        return Ok(String::new());
    };
    let metadata = unwrap_json(fields, "metadata", value)?;
    if metadata.is_null() {
        return Ok(String::new());
    }
    let metadata = fields.below("metadata", &metadata)?;
    Ok(metadata.text_or_empty("func_name")?.to_owned())
}

/// `{"inputs": [...], "outputs": [...], "fn_name"?, "assert_case"?}`. Where there are assertions, pairs of empty texts are
/// placeholders.
pub(super) fn paired(lists: &Fields<'_>) -> Result<Vec<TestCase>, ProblemError> {
    let only_asserted = lists.get("assert_case").is_some();
    let list = |name| match lists.get(name) {
        None if only_asserted => Ok(&[][..]),
        _ => lists
            .required(name, "a list")?
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| lists.wrong(name, "a list", lists.get(name).unwrap_or(&Value::Null))),
    };
    let (inputs, outputs) = (list("inputs")?, list("outputs")?);
    if inputs.len() != outputs.len() {
        let expected = format!("as many outputs as inputs ({})", inputs.len());
        return Err(lists.wrong_text("outputs", &expected, &outputs.len().to_string()));
    }
    let function = lists.text_or_empty("fn_name")?;
    lists.without(
        &["input", "output", "metadata"],
        "the tests are lists of inputs and outputs",
    )?;
    if let Some(is_call) = is_call(lists)?
        && is_call == function.is_empty()
    {
        let expected = "a name where the tests call a function, and none where they don't";
        return Err(lists.wrong_text("fn_name", expected, &format!("`{function}`")));
    }
    let asserted = asserts::tests(lists, function)?;
    let is_empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let cases = inputs.iter().zip(outputs).filter(|(input, output)| {
        let empty = is_empty(input) && (is_empty(output) || output.is_null());
        asserted.is_empty() || !empty
    });
    if inputs.is_empty() && !function.is_empty() {
        return Ok(asserted);
    }
    if function.is_empty() {
        let mut tests = cases
            .map(|(input, output)| {
                Ok(TestCase::Stdin {
                    input: stdin_text(lists, "inputs", input)?,
                    expected: stdin_text(lists, "outputs", output)?,
                })
            })
            .collect::<Result<Vec<_>, ProblemError>>()?;
        tests.extend(asserted);
        return Ok(tests);
    }
    // The schema wraps results in a list of one, or doesn't; only a whole column tells which.
    let wrapped = outputs
        .iter()
        .all(|output| output.as_array().is_some_and(|items| items.len() == 1));
    let mut tests = cases
        .map(|(input, output)| {
            let expected = match (wrapped, output) {
                (true, Value::Array(items)) => items.first().cloned().unwrap_or_default(),
                _ => json_text(lists, "outputs", output)?,
            };
            call(lists, function, "inputs", input, expected)
        })
        .collect::<Result<Vec<_>, ProblemError>>()?;
    tests.extend(asserted);
    Ok(tests)
}

/// `[{"input": .., "output": .., "testtype" or "type"?, "fn_name"? or "metadata"?: {"func_name"}}, ...]`; `function` is
/// what the row itself says.
fn listed(
    fields: &Fields<'_>,
    cases: &[Value],
    function: &str,
) -> Result<Vec<TestCase>, ProblemError> {
    cases
        .iter()
        .map(|value| {
            let case = fields.below("tests", value)?;
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
            let expected = json_text(&case, "output", output)?;
            call(&case, function, "input", input, expected)
        })
        .collect()
}

/// Whether a test calls a function, where `testtype` or `type` says so.
pub(super) fn is_call(case: &Fields<'_>) -> Result<Option<bool>, ProblemError> {
    for name in ["testtype", "type"] {
        match case.text_or_empty(name)? {
            "" => {}
            "stdin" | "stdin_stdout" => return Ok(Some(false)),
            "functional" | "function_call" => return Ok(Some(true)),
            other => {
                let expected = "`stdin` or `functional`";
                return Err(case.wrong_text(name, expected, &format!("`{other}`")));
            }
        }
    }
    Ok(None)
}

/// The same, where a function that is `named` leaves no doubt.
pub(super) fn calls(case: &Fields<'_>, named: bool) -> Result<bool, ProblemError> {
    match is_call(case)? {
        None if named => {
            let expected = "`stdin` or `functional`, for a function is named";
            Err(case.wrong_text("testtype", expected, "none"))
        }
        told => Ok(told.unwrap_or(false)),
    }
}

pub(super) fn call(
    fields: &Fields<'_>,
    function: &str,
    name: &str,
    input: &Value,
    expected: Value,
) -> Result<TestCase, ProblemError> {
    let arguments = match input {
        Value::Array(arguments) => arguments.clone(),
        Value::String(text) => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            lines
                .map(|line| parse(fields, name, line))
                .collect::<Result<_, _>>()?
        }
        other => {
            return Err(fields.wrong(name, "a list of arguments, or one JSON value a line", other));
        }
    };
    Ok(TestCase::Call {
        function: function.to_owned(),
        arguments,
        expected,
    })
}

pub(super) fn json_text(
    fields: &Fields<'_>,
    name: &str,
    value: &Value,
) -> Result<Value, ProblemError> {
    match value {
        Value::String(text) => parse(fields, name, text),
        other => Ok(other.clone()),
    }
}

fn parse(fields: &Fields<'_>, name: &str, text: &str) -> Result<Value, ProblemError> {
    if let Some(integer) = oversized_integer(text) {
        let integer = text.get(integer).unwrap_or_default();
        return Err(fields.wrong_text(name, "integers of at most 64 bits", &shorten(integer)));
    }
    super::floats::parse(text).map_err(|error| {
        fields.wrong_text(
            name,
            "a JSON value",
            &format!("{error} in {:?}", shorten(text)),
        )
    })
}

pub(super) fn stdin_text(
    fields: &Fields<'_>,
    name: &str,
    value: &Value,
) -> Result<String, ProblemError> {
    let wrong = |found| fields.wrong(name, "a string or a list of lines", found);
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(lines) => {
            let lines: Vec<&str> = lines
                .iter()
                .map(|line| line.as_str().ok_or_else(|| wrong(line)))
                .collect::<Result<_, _>>()?;
            Ok(lines.join("\n"))
        }
        other => Err(wrong(other)),
    }
}

/// The words of a text, each followed by one space; the headings `Input:` and `Output:` without their colon.
pub(super) fn words(text: &str) -> String {
    let plain = |word| match word {
        "Input:" => "Input",
        "Output:" => "Output",
        other => other,
    };
    text.split_whitespace()
        .flat_map(|word| [plain(word), " "])
        .collect()
}

/// Whether the statement, as [`words`], prints this test as an example.
pub(super) fn is_shown(test: &TestCase, statement: &str) -> bool {
    let TestCase::Stdin { input, expected } = test else {
        return false;
    };
    let (input, expected) = (words(input), words(expected));
    let needle = format!("Input {input}Output {expected}");
    !input.is_empty() && !expected.is_empty() && statement.contains(&needle)
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
