//! BigCodeBench rows → Problem with one asserted test made of their `unittest` class.
//!
//! The tests import the libraries the task is about; where one is missing on this machine the test code fails before
//! it calls the program, which `doctor --problems` reports as a broken test and not as a wrong program.

use rlef_sandbox::Language;

use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, Reference, TestCase, asserts};

/// Runs the test class as the benchmark does; the judge lets the first failure of a suite through.
pub(super) const RUN: &str = r#"

import unittest as __unittest

__cases = __unittest.defaultTestLoader.loadTestsFromTestCase(TestCases)
if not __cases.countTestCases():
    raise RuntimeError("the test class has no tests")
__cases.run(__unittest.TestResult())
"#;

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "task_id",
        "complete_prompt",
        "entry_point",
        "test",
        "canonical_solution",
        "libs",
    ],
    harmless: &[
        ("instruct_prompt", "the same task in other words"),
        ("code_prompt", "the head of complete_prompt"),
        ("doc_struct", "the docstring in parts"),
    ],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let prompt = fields.text("complete_prompt")?;
    let entry_point = fields.text("entry_point")?;
    let test = fields.text("test")?;
    if !test.contains("class TestCases") {
        return Err(fields.wrong_text("test", "a class `TestCases`", "none"));
    }
    if !asserts::can_fail(test) {
        return Err(fields.wrong_text("test", "test code that can fail", "none"));
    }
    let references = match fields.text_or_empty("canonical_solution")? {
        "" => Vec::new(),
        source => vec![Reference {
            language: Language::Python,
            source: source.to_owned(),
        }],
    };
    Ok(Problem {
        id: fields.name("task_id")?,
        statement: prompt.to_owned(),
        private_tests: vec![TestCase::Asserted {
            entry_point: entry_point.to_owned(),
            code: format!("{test}{RUN}"),
            language: Language::Python,
        }],
        preamble: prompt.to_owned(),
        references,
        labels: fields.labels(&["libs"]),
        ..Problem::default()
    })
}
