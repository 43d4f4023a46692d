//! A packed Python value vs an expected JSON value, by Python's equality: tuples and lists alike, `1 == 1.0 ==
//! True`, integers of any size exact, floating-point numbers within the rule's tolerance. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::comparator::{self, Comparison};

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
                (Value::Array(expected), "l" | "t") => content.as_array().is_some_and(|items| {
                    items.len() == expected.len()
                        && expected
                            .iter()
                            .zip(items)
                            .all(|(one, other)| self.same(one, other, rule))
                }),
                (Value::Object(expected), "d") => content.as_array().is_some_and(|pairs| {
                    pairs.len() == expected.len()
                        && expected
                            .iter()
                            .all(|(key, value)| self.has(pairs, key, value, rule))
                }),
                _ => false,
            };
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
            let key_matches = match &pair[0] {
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

enum Number {
    Whole(i128),
    /// Past 128 bits: larger than any integer JSON is read with here.
    Huge,
    Float(f64),
}

impl Number {
    fn equals(&self, got: &Self, rule: &Comparison) -> bool {
        let (absolute, relative) = comparator::tolerances(rule);
        match (self, got) {
            (Self::Huge, _) | (_, Self::Huge) => false,
            (Self::Whole(one), Self::Whole(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => {
                comparator::close(*one, *other, absolute, relative)
            }
            (Self::Whole(one), Self::Float(other)) => {
                equals_exactly(*one, *other)
                    || (fits(*one) && comparator::close(*one as f64, *other, absolute, 0.0))
            }
            (Self::Float(one), Self::Whole(other)) => {
                equals_exactly(*other, *one)
                    || (fits(*other) && comparator::close(*one, *other as f64, absolute, relative))
            }
        }
    }
}

/// Python compares an integer with a float without rounding the integer.
fn equals_exactly(whole: i128, float: f64) -> bool {
    float.fract() == 0.0 && float.abs() < 1e38 && float as i128 == whole
}

/// Whether the integer is exact as a double.
fn fits(whole: i128) -> bool {
    whole.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS
}

fn expected_number(value: &Value) -> Option<Number> {
    match value {
        Value::Bool(truth) => Some(Number::Whole(i128::from(*truth))),
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .map(Number::Whole)
            .or_else(|| number.as_f64().map(Number::Float)),
        _ => None,
    }
}

fn got_number(value: &Value) -> Option<Number> {
    if let Value::Bool(truth) = value {
        return Some(Number::Whole(i128::from(*truth)));
    }
    let text = value.get(1)?.as_str()?;
    match tag_of(value)? {
        "i" => Some(i128::from_str_radix(text, 16).map_or(Number::Huge, Number::Whole)),
        "f" => text.parse().ok().map(Number::Float),
        _ => None,
    }
}

fn tag_of(value: &Value) -> Option<&str> {
    value.as_array()?.first()?.as_str()
}

/// The value as Python prints it: what a policy that writes Python reads most easily.
pub(super) fn python_text(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains('\'') && !text.contains('"') => {
            format!("\"{}\"", escaped(text, '"'))
        }
        Value::String(text) => format!("'{}'", escaped(text, '\'')),
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(python_text).collect::<Vec<_>>().join(", ")
        ),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                format!(
                    "{}: {}",
                    python_text(&key.as_str().into()),
                    python_text(value)
                )
            };
            format!(
                "{{{}}}",
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn escaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            other if other == quote => out.extend(['\\', other]),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOLERANT: Comparison = Comparison::Floats {
        absolute: 1e-6,
        relative: 1e-6,
    };

    fn equal(expected: &Value, nodes: &Value, got: &Value, rule: &Comparison) -> bool {
        let packed: Packed =
            serde_json::from_value(json!({"nodes": nodes, "values": [got]})).unwrap();
        packed.equals(expected, rule)
    }

    fn atom(expected: &Value, got: &Value) -> bool {
        equal(expected, &json!([]), got, &Comparison::Exact)
    }

    #[test]
    fn atoms_equal_as_in_python() {
        assert!(atom(&json!(null), &json!(null)));
        assert!(atom(&json!("a"), &json!("a")));
        assert!(atom(&json!(true), &json!(["i", "1"])));
        assert!(atom(&json!(1), &json!(true)));
        assert!(atom(&json!(1), &json!(["f", "1.0"])));
        assert!(atom(&json!(1.0), &json!(["i", "1"])));
        assert!(atom(&json!(-255), &json!(["i", "-ff"])));
        assert!(!atom(&json!("1"), &json!(["i", "1"])));
        assert!(!atom(&json!(1), &json!("1")));
        assert!(!atom(&json!(null), &json!(false)));
        assert!(!atom(&json!(0), &json!(null)));
        assert!(!atom(&json!(true), &json!("True")));
        assert!(!atom(&json!("a"), &json!(["b", "61"])));
    }

    #[test]
    fn integers_are_exact_and_floats_take_the_tolerance() {
        assert!(!atom(
            &json!(9_007_199_254_740_993_u64),
            &json!(["i", "20000000000000"])
        ));
        assert!(!atom(
            &json!(9_007_199_254_740_993_u64),
            &json!(["f", "9007199254740992.0"])
        ));
        assert!(!atom(
            &json!(1),
            &json!(["i", "100000000000000000000000000000000000000000001"])
        ));
        assert!(!atom(&json!(0.3), &json!(["f", "0.30000000000000004"])));
        let close = |expected: &Value, got: &Value| equal(expected, &json!([]), got, &TOLERANT);
        assert!(close(&json!(0.3), &json!(["f", "0.30000000000000004"])));
        assert!(close(&json!(2), &json!(["f", "2.0000001"])));
        assert!(!close(&json!(1_000_000_007), &json!(["i", "3b9aca00"])));
        assert!(!close(&json!(1_000_000_007), &json!(["f", "1000000000.0"])));
        assert!(!close(&json!(0.5), &json!(["f", "nan"])));
        assert!(!close(&json!(0.5), &json!(["f", "inf"])));
    }

    #[test]
    fn containers_equal_by_content() {
        let nodes = json!([
            ["l", [["r", 1], ["r", 2]]],
            ["t", [["i", "1"], ["i", "2"]]],
            ["d", [["a", ["r", 1]], [["i", "a"], null]]],
            ["s", [["i", "1"]]]
        ]);
        assert!(equal(
            &json!([[1, 2], {"a": [1, 2], "10": null}]),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!([[1, 2]]),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!([1]),
            &nodes,
            &json!(["r", 3]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!([1]),
            &nodes,
            &json!(["r", 9]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!({"a": 1}),
            &json!([["d", [1]]]),
            &json!(["r", 0]),
            &Comparison::Exact
        ));
    }

    #[test]
    fn a_list_that_holds_itself_ends() {
        let nodes = json!([["l", [["r", 0]]]]);
        assert!(!equal(
            &json!([[[1]]]),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
    }

    #[test]
    fn values_print_as_python_prints_them() {
        let value = json!([null, true, 1, 0.5, "it's", "\"a'\n", {"k": []}]);
        assert_eq!(
            python_text(&value),
            r#"[None, True, 1, 0.5, "it's", '"a\'\n', {'k': []}]"#
        );
    }
}
