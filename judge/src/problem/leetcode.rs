//! LeetCodeDataset rows (`newfacade/LeetCodeDataset`) → Problem with one asserted test.
//!
//! As HumanEval's, but `prompt` is only the imports and helpers that go before every program, the task stands in
//! `problem_description` (else in `query`), and the entry point is written `Solution().m`, which the judge calls
//! `Solution.m`. `completion` is the reference.

use rlef_sandbox::Language;

use super::common::with_starter;
use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase, asserts};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "task_id",
        "prompt",
        "entry_point",
        "test",
        "problem_description",
        "query",
        "starter_code",
        "completion",
        "question_id",
        "difficulty",
        "tags",
        "estimated_date",
    ],
    harmless: &[
        ("input_output", "the calls of test once more, as text"),
        ("input_output.*", "the calls of test once more, as text"),
        ("response", "the completion in an answer"),
        ("meta", "says where it comes from"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let written = fields.text("entry_point")?;
    let entry_point = match written.split_once("().") {
        Some((class, method)) => format!("{class}.{method}"),
        None => written.to_owned(),
    };
    let test = fields.text("test")?;
    if !test.contains("def check(") {
        return Err(fields.wrong_text("test", "a function `check(candidate)`", "none"));
    }
    if !asserts::can_fail(test) {
        return Err(fields.wrong_text("test", "test code that can fail", "none"));
    }
    let statement = match fields.text_or_empty("problem_description")? {
        "" => fields.text("query")?.to_owned(),
        text => with_starter(text, fields.text_or_empty("starter_code")?),
    };
    let references = match fields.text_or_empty("completion")? {
        "" => Vec::new(),
        source => vec![Reference {
            language: Language::Python,
            source: source.to_owned(),
        }],
    };
    Ok(Problem {
        id: fields.name("task_id")?,
        statement,
        private_tests: vec![TestCase::Asserted {
            entry_point,
            code: format!("{}\n\ncheck(candidate)\n", test.trim_end()),
            language: Language::Python,
        }],
        preamble: fields.text("prompt")?.to_owned(),
        references,
        labels: fields.labels(&["question_id", "difficulty", "tags", "estimated_date"]),
        ..Problem::default()
    })
}
