//! rlef's own schema: a row is a `Problem` as serde writes it, or as `parquet` does; unknown fields are refused.

use serde_json::Value;

use super::{Problem, ProblemError, Row, parquet, python_literal};

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
    serde::Deserialize::deserialize(&value).map_err(|cause| ProblemError::Native {
        place: row.place.clone(),
        cause,
    })
}
