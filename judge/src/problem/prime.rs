//! Eurus-2 (PRIME) rows → Problem with stdin or call tests.
//!
//! `reward_model.ground_truth` holds the tests as APPS does. Rows about mathematics have no tests and are refused:
//! filter on `ability` first. The whole prompt is the statement.

use serde_json::Value;

use super::apps::{COMPARISON, IMPORTS};
use super::deepcoder::{is_shown, paired, words};
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, TestCase};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let ability = fields.text_or_empty("ability")?;
    if !matches!(ability, "" | "code" | "coding") {
        return Err(fields.wrong_text("ability", "`code`", &format!("`{ability}`")));
    }
    let statement = prompt(fields)?;
    let model = fields.below(
        "reward_model",
        fields.required("reward_model", "an object")?,
    )?;
    let truth = model.required("ground_truth", "an object with inputs and outputs")?;
    let truth = unwrap_json(&model, "ground_truth", truth)?;
    let tests = paired(&model.below("ground_truth", &truth)?)?;
    let calls = matches!(tests.first(), Some(TestCase::Call { .. }));
    let shown = words(&statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    let index = fields
        .get("extra_info")
        .and_then(|info| info.get("index"))
        .map_or_else(|| fields.number().to_string(), Value::to_string);
    Ok(Problem {
        id: format!("{}/{index}", fields.text("data_source")?),
        statement,
        public_tests,
        private_tests,
        comparison: COMPARISON,
        preamble: if calls {
            IMPORTS.to_owned()
        } else {
            String::new()
        },
        labels: fields.labels(&["data_source"]),
        ..Problem::default()
    })
}

/// The text of the user's messages: a string, or a list of `{"role", "content"}`.
pub(super) fn prompt(fields: &Fields<'_>) -> Result<String, ProblemError> {
    let Some(Value::Array(messages)) = fields.get("prompt") else {
        return Ok(fields.text("prompt")?.to_owned());
    };
    let mut texts = Vec::new();
    for message in messages {
        let message = fields.below("prompt", message)?;
        if message.text("role")? == "user" {
            texts.push(message.text("content")?);
        }
    }
    if texts.is_empty() {
        return Err(fields.wrong_text("prompt", "a message of the user", "none"));
    }
    Ok(texts.join("\n\n"))
}
