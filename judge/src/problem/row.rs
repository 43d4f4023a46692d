//! One JSON row, and typed access to its fields with errors that name them. Knows no schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::budget::{Budget, cost_of_text};
use super::known::{Known, Notices};
use super::{Place, ProblemError, Where};

/// A JSON value and where it was read.
pub(super) struct Row {
    /// File and row.
    pub(super) place: Place,
    /// The row itself.
    pub(super) value: Value,
}

/// What reading a row takes from and adds to.
pub(super) struct Ledger<'a> {
    /// Name of the schema.
    pub(super) schema: &'static str,
    /// What it does with each field.
    pub(super) known: &'static Known,
    pub(super) notices: &'a Notices,
    pub(super) budget: &'a Budget,
}

/// Typed access to the fields of an object, at any depth of a row. All of them are known or harmless: whoever opens an
/// object checks that.
pub(super) struct Fields<'a> {
    /// Where the row is.
    pub(super) place: &'a Place,
    ledger: &'a Ledger<'a>,
    object: &'a Map<String, Value>,
    /// `public_tests.` within that field, empty at the top.
    prefix: String,
}

impl<'a> Fields<'a> {
    /// The fields of a row.
    pub(super) fn of(
        place: &'a Place,
        object: &'a Map<String, Value>,
        ledger: &'a Ledger<'a>,
    ) -> Result<Self, ProblemError> {
        let fields = Self {
            place,
            ledger,
            object,
            prefix: String::new(),
        };
        fields.check()?;
        Ok(fields)
    }

    fn check(&self) -> Result<(), ProblemError> {
        let of = (self.ledger.schema, self.place, self.ledger.notices);
        self.ledger.known.check(self.object, &self.prefix, of)
    }

    /// Refuses labels, which decide nothing, whose names say that they do.
    pub(super) fn check_labels(&self, name: &str, value: &Value) -> Result<(), ProblemError> {
        let of = (self.ledger.schema, self.place, self.ledger.notices);
        let prefix = format!("{}{name}.", self.prefix);
        self.ledger.known.check_within(value, &prefix, of)
    }

    /// What the row may still unpack, in bytes.
    pub(super) fn budget(&self) -> &'a Budget {
        self.ledger.budget
    }

    /// Says of a field that something was done with it.
    pub(super) fn notice(&self, name: &str, what: &str) {
        let field = format!("{}{name}", self.prefix);
        self.ledger.notices.add(self.place, field, what.to_owned());
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
        let value = self.required(name, "a string or a number")?;
        super::id::of(value).ok_or_else(|| self.wrong(name, "a string or a whole number", value))
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
            Value::Object(object) => {
                let fields = Self {
                    place: self.place,
                    ledger: self.ledger,
                    object,
                    prefix: format!("{}{name}.", self.prefix),
                };
                fields.check()?;
                Ok(fields)
            }
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

    /// A number from 0 on, or `None` where it's absent.
    pub(super) fn amount(&self, name: &str) -> Result<Option<f64>, ProblemError> {
        let expected = "a number that is not negative";
        match self.real(name)? {
            Some(number) if number < 0.0 => {
                Err(self.wrong_text(name, expected, &number.to_string()))
            }
            number => Ok(number),
        }
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

    /// Refuses fields that would be read where the tests have another form, and here would be dropped.
    pub(super) fn without(&self, names: &[&str], because: &str) -> Result<(), ProblemError> {
        let is_there = |name: &&&str| {
            self.get(name).is_some_and(|value| match value {
                Value::String(text) => !text.trim().is_empty(),
                Value::Array(items) => !items.is_empty(),
                _ => true,
            })
        };
        match names.iter().find(is_there) {
            Some(name) => {
                Err(self.wrong_text(name, &format!("no such field, as {because}"), "a value"))
            }
            None => Ok(()),
        }
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

/// What a value is, for people.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn shorten(text: &str) -> String {
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
        Value::String(text) => {
            let budget = fields.budget();
            budget.take_row(fields.place, cost_of_text(text.as_bytes()))?;
            super::python_literal::json_or_literal(text).map_err(|error| {
                fields.wrong_text(
                    name,
                    "JSON inside the string",
                    &format!("broken JSON ({error})"),
                )
            })
        }
        other => Ok(other.clone()),
    }
}
