//! LiveCodeBench rows → Problem with stdin or call tests.
//!
//! `public_test_cases` are public, `private_test_cases` only grade. The private ones are JSON, or JSON pickled as a
//! string, packed by zlib and written in base64; `pickle` reads the one string and refuses everything else.
//! Programs have 6 s for a test and 4 GB, as in the benchmark; lines are compared trimmed, numbers by value,
//! non-integers nearly (`Comparison::Decimals`); in the schema named `livecodebench-exact` by value, too.
//!
//! SandboxFusion's form (`id`, `content`, `test`) packs a dictionary whose `input_output` is as in APPS. Its
//! `canonical_solution` is a placeholder that exits at once and no reference.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use rlef_sandbox::Limits;
use serde_json::Value;

use super::cases::{call, calls, func_name, json_text, paired, stdin_text};
use super::common::{IMPORTS, is_shown, labels, limits_of, with_starter, words};
use super::known::Known;
use super::pickle::{self, Pickled};
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, TestCase};
use crate::comparator::Comparison;

const CPU_MS: u64 = 6000;
const MEMORY_BYTES: u64 = 4 << 30;

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "question_id",
        "question_content",
        "starter_code",
        "public_test_cases",
        "public_test_cases.input",
        "public_test_cases.output",
        "public_test_cases.testtype",
        "private_test_cases",
        "private_test_cases.input",
        "private_test_cases.output",
        "private_test_cases.testtype",
        "metadata",
        "metadata.func_name",
        "question_title",
        "platform",
        "contest_id",
        "contest_date",
        "difficulty",
    ],
    harmless: &[],
    refused: &[],
};

/// The row as a problem whose non-integers are compared by value, as the benchmark does.
pub(super) fn read_exact(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    Ok(Problem {
        comparison: Comparison::ExactDecimals,
        ..read(fields)?
    })
}

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let function = func_name(fields)?;
    let public_tests = tests(fields, "public_test_cases", &function)?;
    let private_tests = tests(fields, "private_test_cases", &function)?;
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

fn tests(fields: &Fields<'_>, name: &str, function: &str) -> Result<Vec<TestCase>, ProblemError> {
    let Some(value) = fields.get(name) else {
        return Ok(Vec::new());
    };
    let unpacked;
    let value = match value {
        Value::String(text) if Form::of(text) != Form::Json => {
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
            match (calls(&case, !function.is_empty())?, function) {
                (true, "") => {
                    Err(fields.wrong_text("metadata", "`func_name` for tests that call it", "none"))
                }
                (true, function) => {
                    let expected = json_text(&case, "output", output)?;
                    call(&case, function, "input", input, expected)
                }
                _ => Ok(TestCase::Stdin {
                    input: stdin_text(&case, "input", input)?,
                    expected: stdin_text(&case, "output", output)?,
                }),
            }
        })
        .collect()
}

/// How a text holds tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As JSON or a Python literal; nothing counts as that.
    Json,
    /// Packed and in base64, by its letters.
    Packed,
    /// In another way.
    Other,
}

impl Form {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.starts_with(['[', '{']) {
            return Self::Json;
        }
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if text.bytes().all(is_letter) {
            Self::Packed
        } else {
            Self::Other
        }
    }
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
        labels: labels(fields)?,
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
    let most = fields.budget().of_a_row();
    ZlibDecoder::new(packed.as_slice())
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(format!("broken zlib data ({error})")))?;
    if bytes.len() as u64 > most {
        return Err(fields.budget().row_too_large(fields.place));
    }
    pickle::read(&bytes).map_err(|error| wrong(format!("a pickle with {error}")))
}
