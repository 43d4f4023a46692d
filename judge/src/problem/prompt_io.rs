//! The plainest rows: `prompt` with `input` and `output`, or with lists of them → Problem with stdin tests.
//!
//! Programs read the input and print the output; lines are compared without their trailing space. `id` or `task_id` names the
//! problem, else its row does. All tests only grade.

use serde_json::Value;

use super::cases::stdin_text;
use super::known::Known;
use super::row::Fields;
use super::{Problem, ProblemError, TestCase};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "prompt",
        "input",
        "output",
        "inputs",
        "outputs",
        "id",
        "task_id",
        "difficulty",
        "language",
    ],
    harmless: &[],
    refused: &[
        (
            "instruction",
            "a row of instructions: its output is an answer, not what a program prints; remove the field where it is",
        ),
        (
            "completion",
            "a row of answers: its output may be none that a program prints; remove the field where it is",
        ),
    ],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let (one, many) = (
        fields.get("input").is_some(),
        fields.get("inputs").is_some(),
    );
    if one && many {
        return Err(fields.wrong_text("inputs", "either `input` or `inputs`", "both"));
    }
    let names = if many {
        ["inputs", "outputs"]
    } else {
        ["input", "output"]
    };
    let all = |name: &str| -> Result<Vec<String>, ProblemError> {
        let value = fields.required(name, "a string, or a list of them")?;
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| stdin_text(fields, name, item))
                .collect(),
            other => Ok(vec![stdin_text(fields, name, other)?]),
        }
    };
    let (inputs, outputs) = (all(names[0])?, all(names[1])?);
    if inputs.len() != outputs.len() {
        let expected = format!("as many as there are inputs ({})", inputs.len());
        return Err(fields.wrong_text(names[1], &expected, &outputs.len().to_string()));
    }
    let id = match ["id", "task_id"]
        .iter()
        .find(|name| fields.get(name).is_some())
    {
        Some(name) => fields.name(name)?,
        None => fields.number().to_string(),
    };
    let tests = inputs.into_iter().zip(outputs);
    Ok(Problem {
        id,
        statement: fields.text("prompt")?.to_owned(),
        private_tests: tests
            .map(|(input, expected)| TestCase::Stdin { input, expected })
            .collect(),
        labels: fields.labels(&["difficulty", "language"]),
        ..Problem::default()
    })
}
