//! Request text → its fields, each as the very text that was sent, with errors that name field, found and expected.
//!
//! A field's own text is what a problem is read from: a value that was parsed on the way would have its numbers rounded and its
//! repeated fields dropped. Knows no request.

use std::fmt;

use serde::de::IgnoredAny;

mod cut;
mod object;
#[cfg(test)]
mod tests;

pub(crate) use cut::{items, size};
pub(crate) use object::Object;

/// How deep values may lie in one another.
pub(crate) const DEPTH: usize = 64;

/// Why a request can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad(String);

impl Bad {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// Of a field, what was found and what was expected.
    pub(crate) fn field(name: &str, found: &str, expected: &str) -> Self {
        Self(format!(
            "field `{name}`: expected {expected}, found {found}"
        ))
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Refuses what is no JSON or too deep.
pub(crate) fn check(text: &str) -> Result<(), Bad> {
    let depth = size(text.as_bytes()).depth;
    if depth > DEPTH {
        return Err(Bad(format!(
            "the body nests {depth} values in one another; at most {DEPTH} are read"
        )));
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Bad(format!("the body is no JSON: {error}"))),
    }
}

/// What kind of value a text is, for people.
pub(crate) fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "nothing",
    }
}
