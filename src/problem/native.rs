//! rlef's own schema: a line is a `Problem` as serde writes it; unknown fields are refused.

use super::{Problem, ProblemError, Row};

/// The row as a problem.
pub(super) fn read(row: &Row) -> Result<Problem, ProblemError> {
    Problem::deserialize_from(&row.value).map_err(|cause| ProblemError::Native {
        place: row.place.clone(),
        cause,
    })
}

impl Problem {
    fn deserialize_from(value: &serde_json::Value) -> Result<Self, serde_json::Error> {
        serde::Deserialize::deserialize(value)
    }
}
