//! The fields of a GGUF file, taken out one by one: what is left was not understood.

use std::collections::BTreeMap;
use std::fmt;

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Whole(i128),
    Real(f64),
    Truth(bool),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<f64>),
}

impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(to, "{number}"),
            Self::Real(number) => write!(to, "{number}"),
            Self::Truth(truth) => write!(to, "{truth}"),
            Self::Text(text) => {
                let start: String = text.chars().take(60).collect();
                let more = if start.len() < text.len() { " ..." } else { "" };
                write!(to, "{start:?}{more}")
            }
            Self::Texts(all) => write!(to, "an array of {} texts", all.len()),
            Self::Numbers(all) => write!(to, "an array of {} numbers", all.len()),
        }
    }
}

/// Fields not taken yet.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    left: BTreeMap<String, Value>,
}

impl Metadata {
    /// Puts a field in; what stood there before comes back.
    pub(super) fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        self.left.insert(name, value)
    }

    fn take<T>(
        &mut self,
        name: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.left.remove(name) else {
            return Ok(None);
        };
        match convert(&value) {
            Some(found) => Ok(Some(found)),
            None => Err(format!("field {name}: expected {expected}, found {value}")),
        }
    }

    /// A whole number from 0 on.
    pub(super) fn whole(&mut self, name: &str) -> Result<Option<usize>, String> {
        self.take(name, "a whole number from 0 on", |value| match value {
            Value::Whole(number) => usize::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A whole number that must be there.
    pub(super) fn need(&mut self, name: &str) -> Result<usize, String> {
        self.whole(name)?
            .ok_or_else(|| format!("field {name}: expected a whole number, found none"))
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.take(name, "a number", |value| match value {
            Value::Whole(number) => Some(*number as f64),
            Value::Real(number) => Some(*number),
            _ => None,
        })
    }

    /// True or false.
    pub(super) fn truth(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.take(name, "true or false", |value| match value {
            Value::Truth(truth) => Some(*truth),
            _ => None,
        })
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.take(name, "a text", |value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// An array of texts; one without entries has no type.
    pub(super) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, String> {
        self.take(name, "an array of texts", |value| match value {
            Value::Texts(texts) => Some(texts.clone()),
            Value::Numbers(none) if none.is_empty() => Some(Vec::new()),
            _ => None,
        })
    }

    /// An array of numbers.
    pub(super) fn numbers(&mut self, name: &str) -> Result<Option<Vec<f64>>, String> {
        self.take(name, "an array of numbers", |value| match value {
            Value::Numbers(numbers) => Some(numbers.clone()),
            _ => None,
        })
    }

    /// Takes a field that may say one thing alone: with anything else, something else is computed.
    pub(super) fn fixed(&mut self, name: &str, only: &Value) -> Result<(), String> {
        match self.left.remove(name) {
            Some(found) if found != *only => {
                Err(format!("field {name}: expected {only}, found {found}"))
            }
            _ => Ok(()),
        }
    }

    /// Leaves fields out that change nothing.
    pub(super) fn drop(&mut self, changes_nothing: impl Fn(&str) -> bool) {
        self.left.retain(|name, _| !changes_nothing(name));
    }

    /// Refuses what was not taken and stands below one of `parts`, each a name's beginning; what other tools note of a file
    /// stands elsewhere.
    pub(super) fn all_taken(&self, parts: &[String]) -> Result<(), String> {
        let mut left = self.left.iter();
        match left.find(|(name, _)| parts.iter().any(|part| name.starts_with(part.as_str()))) {
            None => Ok(()),
            Some((name, value)) => Err(format!(
                "field {name}: expected none of that name, found {value}; a field this reader doesn't know may change what the model computes"
            )),
        }
    }
}
