//! A number in a line of JSON. JSON has none that is not finite: such a one is written as a text, "NaN", "inf" or "-inf", and
//! read back from it; it never becomes `null` in silence.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
    Other(serde_json::Value),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.serialize_str(&value.to_string())
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Number(value) => Ok(value),
        Written::Text(text) => text
            .parse()
            .map_err(|_| D::Error::custom(format!("expected a number, found {text:?}"))),
        Written::Other(other) => Err(D::Error::custom(format!(
            "expected a number, found {other}"
        ))),
    }
}
