//! SandboxFusion's CommonOJ rows (`id`, `content`, `test`) → Problem with stdin tests.
//!
//! Its LiveCodeBench rows have the same fields with packed tests, see `livecodebench::read_packed`; those whose test is code
//! are read by `fusion`.
//!
//! Tests printed as examples in the statement are public, the rest only grade (see `deepcoder`). The rule is
//! the one of CodeContests, where the public sample comes from.

use rlef_sandbox::{Language, Limits};
use serde_json::Value;

use super::cases::only;
use super::common::{is_shown, labels, words};
use super::known::Known;
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, Reference, TestCase, fusion, livecodebench};
use crate::comparator::Comparison;

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "id",
        "content",
        "test",
        "test.input",
        "test.output",
        "test.input.stdin",
        "test.output.stdout",
        "test.inputs",
        "test.outputs",
        "test.fn_name",
        "test.assert_case",
        "test.code",
        "test.test",
        "test.asset",
        "labels",
        "labels.entry_point",
        "labels.language",
        "labels.programming_language",
        "labels.execution_language",
        "canonical_solution",
        "canonical_solution.*",
    ],
    harmless: &[("__internal_uuid__", "a name")],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    match fields.get("test") {
        Some(value @ Value::String(text)) => match livecodebench::Form::of(text) {
            livecodebench::Form::Json => {}
            livecodebench::Form::Packed => return livecodebench::read_packed(fields, text),
            livecodebench::Form::Other => return fusion::read(fields, value),
        },
        Some(value @ Value::Object(_)) => return fusion::read(fields, value),
        _ => {}
    }
    let id = fields.name("id")?;
    let statement = fields.text("content")?;
    let test = fields.required("test", "a list of tests")?;
    let unwrapped = unwrap_json(fields, "test", test)?;
    let cases = unwrapped
        .as_array()
        .ok_or_else(|| fields.wrong("test", "a list of tests", &unwrapped))?;
    let tests = cases
        .iter()
        .map(|case| {
            let case = fields.below("test", case)?;
            case.without(
                &["inputs", "outputs", "fn_name", "assert_case"],
                "each test has an input and an output",
            )?;
            let input = only(&case, "input", "stdin")?;
            let expected = only(&case, "output", "stdout")?;
            Ok(TestCase::Stdin { input, expected })
        })
        .collect::<Result<Vec<_>, ProblemError>>()?;
    let shown = words(statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    Ok(Problem {
        id,
        statement: statement.to_owned(),
        public_tests,
        private_tests,
        limits: Limits::default(),
        comparison: Comparison::Contest,
        preamble: String::new(),
        references: references(fields)?,
        wrong: Vec::new(),
        files: None,
        labels: labels(fields)?,
    })
}

/// `{"python": source or [sources]}`; other languages are left out.
fn references(fields: &Fields<'_>) -> Result<Vec<Reference>, ProblemError> {
    let Some(value) = fields.get("canonical_solution") else {
        return Ok(Vec::new());
    };
    let value = unwrap_json(fields, "canonical_solution", value)?;
    let by_language = fields.below("canonical_solution", &value)?;
    let sources = match by_language.get("python") {
        None => Vec::new(),
        Some(Value::String(source)) => vec![source.as_str()],
        Some(_) => by_language.texts("python")?,
    };
    let reference = |source: &str| Reference {
        language: Language::Python,
        source: source.to_owned(),
    };
    Ok(sources.into_iter().map(reference).collect())
}
