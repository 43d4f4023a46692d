//! A packed Python value vs an expected JSON value, by Python's equality: tuples and lists alike, `1 == 1.0 ==
//! True`, integers of any size exact, floating-point numbers within the rule's tolerance. Pure.

use serde::Deserialize;
use serde_json::Value;

use self::number::{Number, expected_number, got_number};
pub(super) use self::text::python_text;
use crate::comparator::Comparison;

mod number;
mod text;

/// What `wire.py` packs: containers in a flat list, values that refer to them.
#[derive(Debug, Deserialize)]
pub(super) struct Packed {
    nodes: Vec<(String, Value)>,
    values: Vec<Value>,
}

impl Packed {
    /// Whether the first value equals `expected`. Malformed references are unequal to everything.
    pub(super) fn equals(&self, expected: &Value, rule: &Comparison) -> bool {
        self.values
            .first()
            .is_some_and(|got| self.same(expected, got, rule))
    }

    // The recursion follows `expected`, which is finite; a result that holds itself can't make it endless.
    fn same(&self, expected: &Value, got: &Value, rule: &Comparison) -> bool {
        if let Some((tag, content)) = self.node(got) {
            return match (expected, tag) {
                (Value::Array(expected), "l" | "t" | "n") => {
                    let items = if tag == "n" { &content[2] } else { content };
                    items.as_array().is_some_and(|items| {
                        items.len() == expected.len()
                            && expected
                                .iter()
                                .zip(items)
                                .all(|(one, other)| self.same(one, other, rule))
                    })
                }
                (Value::Object(expected), "d" | "C" | "O" | "E") => {
                    let pairs = if tag == "E" { &content[1] } else { content };
                    pairs.as_array().is_some_and(|pairs| {
                        pairs.len() == expected.len()
                            && expected
                                .iter()
                                .all(|(key, value)| self.has(pairs, key, value, rule))
                    })
                }
                // Sets, deques, arrays and objects equal nothing that JSON can say.
                _ => false,
            };
        }
        if let Some(plain) = plain(got) {
            return self.same(expected, plain, rule);
        }
        match (expected, got) {
            (Value::Null, Value::Null) => true,
            (Value::String(one), Value::String(other)) => one == other,
            _ => match (expected_number(expected), got_number(got)) {
                (Some(one), Some(other)) => one.equals(&other, rule),
                _ => false,
            },
        }
    }

    /// Whether a dict has this entry; JSON can't express integer keys, so an integer matches its digits.
    fn has(&self, pairs: &[Value], key: &str, value: &Value, rule: &Comparison) -> bool {
        pairs.iter().any(|pair| {
            let found = plain(&pair[0]).unwrap_or(&pair[0]);
            let key_matches = match found {
                Value::String(text) => text == key,
                other => matches!(got_number(other), Some(Number::Whole(number)) if number.to_string() == key),
            };
            key_matches && self.same(value, &pair[1], rule)
        })
    }

    fn node(&self, item: &Value) -> Option<(&str, &Value)> {
        if tag_of(item)? != "r" {
            return None;
        }
        let (tag, content) = self.nodes.get(usize::try_from(item[1].as_u64()?).ok()?)?;
        Some((tag, content))
    }
}

/// The plain value that a NumPy scalar, a member of an enumeration or a wrapper equals, if any.
fn plain(value: &Value) -> Option<&Value> {
    match tag_of(value)? {
        "W" => match value.get(1)?.as_str()? {
            "mappingproxy" | "UserDict" | "UserList" | "UserString" => value.get(2),
            "ChainMap" => value.get(3),
            _ => None,
        },
        "y" => value.get(3),
        "e" => value.get(5).filter(|plain| !plain.is_null()),
        _ => None,
    }
}

fn tag_of(value: &Value) -> Option<&str> {
    value.as_array()?.first()?.as_str()
}

#[cfg(test)]
mod tests;
