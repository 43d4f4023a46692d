//! The forms that preference data has: their names, how a row is known to be in one, and who reads it.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{
    Found, binarized, hf, hh, math_shepherd, nectar, own, prm800k, summarize, ultrafeedback,
};
use crate::problem::{Place, ProblemError};

/// A form that rows can have.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Fields that its reader takes, and those known to decide nothing; empty where the reader refuses others by itself.
    pub(super) fields: &'static [&'static str],
    /// Whether a row is in it.
    pub(super) is: fn(&Map<String, Value>) -> bool,
    /// What a row holds.
    pub(super) read: fn(&Fields<'_>) -> Result<Found, ProblemError>,
}

/// All of them, the more special before the more general.
pub const SCHEMAS: [Schema; 11] = [
    own::SCHEMA,
    nectar::SCHEMA,
    ultrafeedback::SCHEMA,
    summarize::SCHEMA,
    prm800k::SCHEMA,
    math_shepherd::SCHEMA,
    hf::STEPWISE,
    hf::UNPAIRED,
    hh::SCHEMA,
    binarized::SCHEMA,
    hf::PAIRS,
];

impl Schema {
    /// The schema of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| schema.name == name)
    }

    /// The first schema that a row is in.
    pub(super) fn of(value: &Value, place: &Place) -> Result<&'static Self, ProblemError> {
        let unknown = |found: String| ProblemError::UnknownSchema {
            place: place.clone(),
            found,
            known: known(),
        };
        let Value::Object(object) = value else {
            return Err(unknown("no object".to_owned()));
        };
        let found = SCHEMAS.iter().find(|schema| (schema.is)(object));
        found.ok_or_else(|| {
            let names: Vec<&str> = object.keys().map(String::as_str).collect();
            unknown(if names.is_empty() {
                "no fields".to_owned()
            } else {
                format!("the fields {}", names.join(", "))
            })
        })
    }
}

/// All names with what they are.
pub(super) fn known() -> String {
    let one = |schema: &Schema| format!("{} ({})", schema.name, schema.about);
    SCHEMAS.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Whether an object has all of some fields, null or not.
pub(super) fn has(object: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().all(|name| object.contains_key(*name))
}
