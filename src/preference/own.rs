//! rlef's own form: an item with its kind, and nothing that it doesn't know.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{Found, Item, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "rlef",
    about: "kind, and the fields of a pair, a ranking, a labelled answer or steps, as rlef writes them",
    fields: &[],
    is: |object| object.contains_key("kind") || is_packed(object),
    read,
};

/// Whether it is an item's JSON text alone, as it is in Parquet.
fn is_packed(object: &Map<String, Value>) -> bool {
    object.len() == 1 && object.get("item").is_some_and(Value::is_string)
}

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let (name, read) = if is_packed(fields.object()) {
        ("item", serde_json::from_str(fields.text("item")?))
    } else {
        let object = Value::Object(fields.object().clone());
        ("kind", serde_json::from_value(object))
    };
    let item: Item = read.map_err(|error: serde_json::Error| {
        fields.wrong(name, "an item as rlef writes it", &error.to_string())
    })?;
    Ok(item.into())
}
