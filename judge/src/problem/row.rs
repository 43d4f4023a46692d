//! One JSON row → Problem: tells the schema from the fields, and gives the schemas typed access to fields
//! with errors that name them.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::digits;
use super::schema::{self, Schema};
use super::{Place, Problem, ProblemError, Where};

/// A JSON value and where it was read.
pub(super) struct Row {
    /// File and row.
    pub(super) place: Place,
    /// The row itself.
    pub(super) value: Value,
}

/// The problem that a row describes, in the schema its fields tell, or in the `named` one.
pub(super) fn problem_of(row: &Row, named: Option<&Schema>) -> Result<Problem, ProblemError> {
    let fields = Fields::of(row)?;
    if let Some(schema) = named.or_else(|| Schema::of(&fields)) {
        return Ok(digits::ruled(schema.read(row, &fields)?, schema.name));
    }
    let names: Vec<&str> = fields.object.keys().map(String::as_str).collect();
    let found = if names.is_empty() {
        "no fields".to_owned()
    } else {
        format!("the fields {}", names.join(", "))
    };
    Err(ProblemError::UnknownSchema {
        place: row.place.clone(),
        found,
        known: schema::known(),
    })
}

/// Typed access to the fields of an object, at any depth of a row.
pub(super) struct Fields<'a> {
    /// Where the row is.
    pub(super) place: &'a Place,
    object: &'a Map<String, Value>,
    /// `public_tests.` within that field, empty at the top.
    prefix: String,
}

impl<'a> Fields<'a> {
    fn of(row: &'a Row) -> Result<Self, ProblemError> {
        match &row.value {
            Value::Object(object) => Ok(Self {
                place: &row.place,
                object,
                prefix: String::new(),
            }),
            other => Err(ProblemError::UnknownSchema {
                place: row.place.clone(),
                found: kind(other).to_owned(),
                known: schema::known(),
            }),
        }
    }

    /// Whether there is a field of this name, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// The row's number in its file, from 0; a name for problems that have none.
    pub(super) fn number(&self) -> usize {
        match self.place.at {
            Where::Line(number) | Where::Row(number) => number.saturating_sub(1),
        }
    }

    /// A text or a whole number, as text.
    pub(super) fn name(&self, name: &str) -> Result<String, ProblemError> {
        match self.required(name, "a string or a number")? {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.wrong(name, "a string or a number", other)),
        }
    }

    /// A number, or `None` where it's absent.
    pub(super) fn real(&self, name: &str) -> Result<Option<f64>, ProblemError> {
        self.get(name)
            .map(|value| {
                value
                    .as_f64()
                    .ok_or_else(|| self.wrong(name, "a number", value))
            })
            .transpose()
    }

    /// A list of anything; empty where the field is absent.
    pub(super) fn items(&self, name: &str) -> Result<&'a [Value], ProblemError> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(self.wrong(name, "a list", other)),
        }
    }

    /// These fields as labels, where they are there.
    pub(super) fn labels(&self, names: &[&str]) -> BTreeMap<String, String> {
        let label = |name: &&str| {
            let text = match self.get(name)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            Some(((*name).to_owned(), text)).filter(|(_, text)| !text.is_empty())
        };
        names.iter().filter_map(label).collect()
    }

    /// The fields of `value`, which stands at `name` below these.
    pub(super) fn below(&self, name: &str, value: &'a Value) -> Result<Self, ProblemError> {
        match value {
            Value::Object(object) => Ok(Self {
                place: self.place,
                object,
                prefix: format!("{}{name}.", self.prefix),
            }),
            other => Err(self.wrong(name, "an object", other)),
        }
    }

    /// A field, or `None` where it's absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &str, expected: &str) -> Result<&'a Value, ProblemError> {
        self.get(name)
            .ok_or_else(|| self.wrong(name, expected, &Value::Null))
    }

    /// A text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, ProblemError> {
        let value = self.required(name, "a string")?;
        value
            .as_str()
            .ok_or_else(|| self.wrong(name, "a string", value))
    }

    /// A text, or the empty one where it's absent.
    pub(super) fn text_or_empty(&self, name: &str) -> Result<&'a str, ProblemError> {
        if self.get(name).is_some() {
            self.text(name)
        } else {
            Ok("")
        }
    }

    /// A list of texts; empty where the field is absent.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, ProblemError> {
        let expected = "a list of strings";
        let Some(value) = self.get(name) else {
            return Ok(Vec::new());
        };
        let items = value
            .as_array()
            .ok_or_else(|| self.wrong(name, expected, value))?;
        items
            .iter()
            .map(|item| {
                item.as_str()
                    .ok_or_else(|| self.wrong(name, expected, item))
            })
            .collect()
    }

    /// A whole number, or `None` where it's absent.
    pub(super) fn whole(&self, name: &str) -> Result<Option<u64>, ProblemError> {
        self.get(name)
            .map(|value| {
                value
                    .as_u64()
                    .ok_or_else(|| self.wrong(name, "a whole number", value))
            })
            .transpose()
    }

    /// The error for a field with a wrong value.
    pub(super) fn wrong(&self, name: &str, expected: &str, found: &Value) -> ProblemError {
        let found = match found {
            Value::String(text) => format!("the string {:?}", shorten(text)),
            Value::Number(number) => format!("the number {number}"),
            other => kind(other).to_owned(),
        };
        self.wrong_text(name, expected, &found)
    }

    /// The same, with what was found in words.
    pub(super) fn wrong_text(&self, name: &str, expected: &str, found: &str) -> ProblemError {
        ProblemError::Field {
            place: self.place.clone(),
            field: format!("{}{name}", self.prefix),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 {
        text.to_owned()
    } else {
        text.chars().take(40).chain("...".chars()).collect()
    }
}

/// JSON (or a Python literal) inside a string, or the value itself: several data sets write either.
pub(super) fn unwrap_json(
    fields: &Fields<'_>,
    name: &str,
    value: &Value,
) -> Result<Value, ProblemError> {
    match value {
        Value::String(text) => super::python_literal::json_or_literal(text).map_err(|error| {
            fields.wrong_text(
                name,
                "JSON inside the string",
                &format!("broken JSON ({error})"),
            )
        }),
        other => Ok(other.clone()),
    }
}

/// Where in `text` an integer stands that doesn't fit 64 bits, which a JSON parser would round without a word.
pub(super) fn oversized_integer(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'"' => {
                index += 1;
                while index < bytes.len() && bytes[index] != b'"' {
                    index += 1 + usize::from(bytes[index] == b'\\');
                }
                index += 1;
            }
            b'-' | b'0'..=b'9' => {
                let start = index;
                while index < bytes.len()
                    && matches!(bytes[index], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    index += 1;
                }
                let token = &text[start..index];
                let whole = !token.contains(['.', 'e', 'E']);
                if whole && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
                    return Some(start..index);
                }
            }
            _ => index += 1,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oversized(text: &str) -> Option<&str> {
        oversized_integer(text).map(|range| &text[range])
    }

    #[test]
    fn integers_past_64_bits_are_found_outside_strings() {
        assert_eq!(
            oversized("[1, 18446744073709551615, -9223372036854775808, 1e300, 0.5]"),
            None
        );
        assert_eq!(oversized(r#"["99999999999999999999\"9", 3]"#), None);
        assert_eq!(
            oversized("[18446744073709551616]"),
            Some("18446744073709551616")
        );
        assert_eq!(
            oversized(r#"{"a\"": -9223372036854775809}"#),
            Some("-9223372036854775809")
        );
        assert_eq!(oversized("\"unterminated 99999999999999999999\\"), None);
    }
}
