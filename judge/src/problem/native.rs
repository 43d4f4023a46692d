//! rlef's own schema: a row is a `Problem` as serde writes it, or as `parquet` does; unknown fields are refused.

use serde_json::{Value, json};

use super::known::Known;
use super::{Problem, ProblemError, Row, parquet, python_literal};

/// What is done with each field is said by the types: they refuse what they don't know, at every depth.
pub(super) const KNOWN: Known = Known {
    honoured: &["*"],
    harmless: &[],
    refused: &[],
};

/// The row as a problem.
pub(super) fn read(row: &Row) -> Result<Problem, ProblemError> {
    let mut value = row.value.clone();
    // A Parquet column of JSON text: nothing of rlef's own writes a string here.
    for name in parquet::NESTED {
        let Some(Value::String(text)) = value.get(name) else {
            continue;
        };
        let parsed = python_literal::json(text).map_err(|cause| ProblemError::Field {
            place: row.place.clone(),
            field: name.to_owned(),
            expected: "JSON inside the string".to_owned(),
            found: format!("broken JSON ({cause})"),
        })?;
        value[name] = parsed;
    }
    // What a column says by null, JSON says by leaving it out.
    if let Some(object) = value.as_object_mut() {
        object.retain(|name, value| !(value.is_null() && parquet::NESTED.contains(&name.as_str())));
    }
    let problem: Problem = match serde::Deserialize::deserialize(&value) {
        Ok(problem) => problem,
        Err(cause) => return Err(refusal(row, &value, cause)),
    };
    // The types refuse what they don't know, but for rules that have no fields at all.
    let kept = serde_json::to_value(&problem.comparison).unwrap_or_default();
    let given = value.get("comparison").and_then(Value::as_object);
    if let Some(name) = given.and_then(|given| given.keys().find(|name| kept.get(name).is_none())) {
        return Err(ProblemError::Field {
            place: row.place.clone(),
            field: format!("comparison.{name}"),
            expected: format!("only the fields of the rule {}", kept["rule"]),
            found: "another".to_owned(),
        });
    }
    Ok(problem)
}

/// What a field holds, in words that its writer can copy.
fn expected(field: &str) -> &'static str {
    match field {
        "public_tests" | "private_tests" => {
            r#"a list of tests, as [{"kind": "stdin", "input": "1\n", "expected": "1\n"}]"#
        }
        "references" | "wrong" => {
            r#"a list of programs, as [{"language": "python", "source": "print(1)"}]"#
        }
        "labels" => r#"texts by name, as {"difficulty": "hard"}"#,
        "limits" => r#"whole numbers by name, as {"cpu_ms": 2000}"#,
        "comparison" => r#"a rule, as {"rule": "lines"}"#,
        "id" | "statement" | "preamble" => "a text",
        _ => "what rlef's own schema has there",
    }
}

/// The error, with the field that it is of where one can be told by leaving the others out.
fn refusal(row: &Row, value: &Value, cause: serde_json::Error) -> ProblemError {
    let plain = ProblemError::Native {
        place: row.place.clone(),
        cause,
    };
    let Some(object) = value.as_object() else {
        return plain;
    };
    let fault = |name: &str, inner: &Value| {
        let mut alone = json!({"id": "", "statement": ""});
        alone[name] = inner.clone();
        let read: Result<Problem, _> = serde::Deserialize::deserialize(&alone);
        read.err()
    };
    // Where a field is missing or unknown the error names it.
    let found = object
        .iter()
        .find_map(|(name, inner)| Some((name, inner, fault(name, inner)?)));
    let Some((name, inner, cause)) = found else {
        return plain;
    };
    if cause.to_string().contains("unknown field") {
        return plain;
    }
    // What is missing below is missing of the whole.
    let is_wrong = |cause: &serde_json::Error| {
        let words = cause.to_string();
        words.starts_with("invalid") && !words.starts_with("invalid type: map")
    };
    let deeper = match inner {
        _ if !is_wrong(&cause) => None,
        Value::Object(fields) => fields.iter().find_map(|(below, value)| {
            let cause = fault(name, &json!({below: value}))?;
            Some((format!("{name}.{below}"), cause))
        }),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, value)| {
            let cause = fault(name, &json!([value]))?;
            Some((format!("{name}[{index}]"), cause))
        }),
        _ => None,
    };
    let (field, cause) = deeper.unwrap_or_else(|| (name.clone(), cause));
    ProblemError::Field {
        place: row.place.clone(),
        field,
        expected: expected(name).to_owned(),
        found: format!("another ({cause})"),
    }
}
