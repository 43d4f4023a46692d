//! Eurus-2 (PRIME) rows → Problem with stdin or call tests.
//!
//! `reward_model.ground_truth` holds the tests as APPS does, or as a list of tests (rLLM) or of assertions (Skywork). Rows about mathematics have no tests and are refused:
//! filter on `ability` first. The whole prompt is the statement.

use super::cases::paired;
use super::common::{COMPARISON, IMPORTS, is_shown, prompt, words};
use super::known::Known;
use super::row::{Fields, unwrap_json};
use super::{Problem, ProblemError, TestCase, asserts, deepcoder};
use serde_json::{Map, Value};

/// What is done with each field.
pub(super) const KNOWN: Known = Known {
    honoured: &[
        "data_source",
        "prompt",
        "prompt.role",
        "prompt.content",
        "ability",
        "reward_model",
        "reward_model.style",
        "reward_model.ground_truth",
        "reward_model.ground_truth.inputs",
        "reward_model.ground_truth.outputs",
        "reward_model.ground_truth.fn_name",
        "reward_model.ground_truth.assert_case",
        "reward_model.ground_truth.input",
        "reward_model.ground_truth.output",
        "reward_model.ground_truth.type",
        "reward_model.ground_truth.testtype",
        "reward_model.ground_truth.metadata",
        "reward_model.ground_truth.metadata.func_name",
        "extra_info",
        "extra_info.index",
    ],
    harmless: &[("extra_info.split", "says which part of the set it is")],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(fields: &Fields<'_>) -> Result<Problem, ProblemError> {
    let ability = fields.text_or_empty("ability")?;
    if !matches!(ability, "" | "code" | "coding") {
        return Err(fields.wrong_text("ability", "`code`", &format!("`{ability}`")));
    }
    let statement = prompt(fields)?;
    let model = fields.required("reward_model", "an object")?;
    let model = unwrap_json(fields, "reward_model", model)?;
    let model = fields.below("reward_model", &model)?;
    let style = model.text_or_empty("style")?;
    if !matches!(style, "" | "rule") {
        return Err(model.wrong_text("style", "`rule`", &format!("`{style}`")));
    }
    let truth = model.required("ground_truth", "an object with inputs and outputs")?;
    let truth = unwrap_json(&model, "ground_truth", truth)?;
    // A list of tests, or of assertions, is what others write in the same columns.
    let tests = match &truth {
        Value::Array(cases) if cases.iter().any(Value::is_string) => {
            let object = Value::Object(Map::from_iter([("assert_case".to_owned(), truth.clone())]));
            asserts::tests(&model.below("ground_truth", &object)?, "")?
        }
        Value::Array(cases) => deepcoder::listed(&model, "ground_truth", cases, "")?,
        object => paired(&model.below("ground_truth", object)?)?,
    };
    let calls = matches!(tests.first(), Some(TestCase::Call { .. }));
    let shown = words(&statement);
    let (public_tests, private_tests) = tests.into_iter().partition(|test| is_shown(test, &shown));
    let index = match fields.get("extra_info") {
        None => None,
        Some(info) => {
            let info = unwrap_json(fields, "extra_info", info)?;
            let info = fields.below("extra_info", &info)?;
            let index = info.get("index").map(|_| info.name("index"));
            index.transpose()?
        }
    };
    let index = index.unwrap_or_else(|| fields.number().to_string());
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
