//! LiveCodeBench rows → Problem with stdin or call tests.
//!
//! `public_test_cases` are public, `private_test_cases` only grade. The private ones are JSON, or JSON pickled as a
//! string, packed by zlib and written in base64; `pickle` reads the one string and refuses everything else.
//! Programs have 6 s for a test and 4 GB, as in the benchmark; lines are compared trimmed, numbers by value.
//!
//! SandboxFusion's form (`id`, `content`, `test`) packs a dictionary whose `input_output` is as in APPS. Its
//! `canonical_solution` is a placeholder that exits at once and no reference.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use rlef_sandbox::Limits;
use serde_json::Value;

use super::apps::{IMPORTS, with_starter};
use super::codecontests::limits_of;
use super::deepcoder::{call, is_shown, json_text, paired, stdin_text, words};
use super::pickle::{self, Pickled};
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, TestCase, common_oj};
use crate::comparator::Comparison;

const CPU_MS: u64 = 6000;
const MEMORY_BYTES: u64 = 4 << 30;

/// The largest unpacked tests of one problem, in bytes: the release has some of over 100 MB.
const LARGEST: u64 = 1 << 30;

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let metadata = match fields.get("metadata") {
        None => Value::Null,
        Some(value) => unwrap_json(fields, "metadata", value)?,
    };
    let function = metadata.get("func_name").and_then(Value::as_str);
    let public_tests = tests(fields, "public_test_cases", function)?;
    let private_tests = tests(fields, "private_test_cases", function)?;
    let calls = |tests: &[TestCase]| matches!(tests.first(), Some(TestCase::Call { .. }));
    let calls = calls(&public_tests) || calls(&private_tests);
    let id = if fields.get("question_id").is_some() {
        fields.name("question_id")?
    } else {
        fields.number().to_string()
    };
    Ok(Problem {
        id,
        statement: with_starter(
            fields.text("question_content")?,
            fields.text_or_empty("starter_code")?,
        ),
        public_tests,
        private_tests,
        limits: limits(),
        comparison: Comparison::Decimals,
        preamble: if calls {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        labels: fields.labels(&[
            "question_title",
            "platform",
            "contest_id",
            "contest_date",
            "difficulty",
        ]),
        ..Problem::default()
    })
}

fn limits() -> Limits {
    limits_of(Some(CPU_MS), Some(MEMORY_BYTES))
}

fn tests(
    fields: &Fields<'_>,
    name: &str,
    function: Option<&str>,
) -> Result<Vec<TestCase>, ProblemError> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let unpacked;
    let value = match value {
        Value::String(text) if is_packed(text) => {
            unpacked = match unpack(fields, name, text)? {
                Pickled::Text(text) => Value::from(text),
                Pickled::Texts(_) => {
                    return Err(fields.wrong_text(
                        name,
                        "a pickled string",
                        "a pickled dictionary",
                    ));
                }
            };
            &unpacked
        }
        other => other,
    };
    let list = unwrap_json(fields, name, value)?;
    let cases = list
        .as_array()
        .ok_or_else(|| fields.wrong(name, "a list of tests", &list))?;
    cases
        .iter()
        .map(|value| {
            let case = fields.below(name, value)?;
            let (input, output) = (
                case.required("input", "the input")?,
                case.required("output", "the output")?,
            );
            match (case.text_or_empty("testtype")?, function) {
                ("functional", Some(function)) => {
                    let expected = json_text(&case, "output", output)?;
                    call(&case, function, "input", input, expected)
                }
                ("functional", None) => {
                    Err(fields.wrong_text("metadata", "`func_name` for tests that call it", "none"))
                }
                _ => Ok(TestCase::Stdin {
                    input: stdin_text(&case, "input", input)?,
                    expected: stdin_text(&case, "output", output)?,
                }),
            }
        })
        .collect()
}

/// Whether a text is packed tests and no JSON.
pub(super) fn is_packed(text: &str) -> bool {
    !text.trim().is_empty() && !text.trim_start().starts_with(['[', '{'])
}

/// SandboxFusion's form of a row, with its packed tests.
pub(super) fn read_packed(fields: &Fields<'_>, packed: &str) -> Result<Problem, ProblemError> {
    let Pickled::Texts(texts) = unpack(fields, "test", packed)? else {
        return Err(fields.wrong_text(
            "test",
            "a pickled dictionary of strings",
            "a pickled string",
        ));
    };
    let tests = texts
        .get("input_output")
        .ok_or_else(|| fields.wrong_text("test", "an item `input_output`", "none"))?;
    let object = unwrap_json(fields, "test", &Value::from(tests.as_str()))?;
    let tests = paired(&fields.below("test", &object)?)?;
    let calls = matches!(tests.first(), Some(TestCase::Call { .. }));
    let statement = fields.text("content")?;
    let shown = words(statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    Ok(Problem {
        id: fields.name("id")?,
        statement: statement.to_owned(),
        public_tests,
        private_tests,
        limits: limits(),
        comparison: Comparison::Decimals,
        preamble: if calls {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        labels: common_oj::labels(fields)?,
        ..Problem::default()
    })
}

fn unpack(fields: &Fields<'_>, name: &str, text: &str) -> Result<Pickled, ProblemError> {
    let expected = "JSON, or a string pickled, packed by zlib and written in base64";
    let wrong = |found: String| fields.wrong_text(name, expected, &found);
    let packed = STANDARD
        .decode(text.trim())
        .map_err(|error| wrong(format!("broken base64 ({error})")))?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed.as_slice())
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(format!("broken zlib data ({error})")))?;
    if bytes.len() as u64 == LARGEST {
        return Err(wrong("more than 1 GiB of data".to_owned()));
    }
    pickle::read(&bytes).map_err(|error| wrong(format!("a pickle with {error}")))
}
