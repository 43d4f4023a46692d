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

enum Number {
    Whole(i128),
    /// Past 128 bits: larger than any integer JSON is read with here.
    Huge,
    Float(f64),
    /// A number that is no double and no integer: the double nearest to it, which it only comes close to.
    Near(f64),
}

impl Number {
    fn equals(&self, got: &Self, rule: &Comparison) -> bool {
        let (absolute, relative) = comparator::tolerances(rule);
        match (self, got) {
            (Self::Huge | Self::Near(_), _) | (_, Self::Huge) => false,
            (Self::Whole(one), Self::Near(other)) => {
                fits(*one)
                    && absolute > 0.0
                    && comparator::close(*one as f64, *other, absolute, 0.0)
            }
            (Self::Float(one), Self::Near(other)) => {
                (absolute > 0.0 || relative > 0.0)
                    && comparator::close(*one, *other, absolute, relative)
            }
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
    let text = || value.get(1)?.as_str();
    match tag_of(value)? {
        "i" => Some(whole(text()?)),
        "f" => text()?.parse().ok().map(Number::Float),
        // Without an imaginary part it equals its real part.
        "c" => {
            let part = |index: usize| value.get(index)?.as_str()?.parse::<f64>().ok();
            (part(2)? == 0.0).then(|| part(1).map(Number::Float))?
        }
        "D" => decimal(text()?),
        "Q" => match (got_number(value.get(1)?)?, got_number(value.get(2)?)?) {
            (number, Number::Whole(1)) => Some(number),
            (Number::Whole(top), Number::Whole(bottom)) if bottom > 1 => {
                Some(fraction(top, bottom))
            }
            _ => None,
        },
        _ => None,
    }
}

fn whole(digits: &str) -> Number {
    i128::from_str_radix(digits, 16).map_or(Number::Huge, Number::Whole)
}

/// A fraction in lowest terms that is no integer.
fn fraction(top: i128, bottom: i128) -> Number {
    let near = top as f64 / bottom as f64;
    // A power of two below, and a numerator that a double holds: then the division was exact.
    if bottom & (bottom - 1) == 0 && fits(top) && (near == 0.0 || near.is_normal()) {
        Number::Float(near)
    } else {
        Number::Near(near)
    }
}

/// A number of Python's `decimal` as it prints it.
fn decimal(text: &str) -> Option<Number> {
    let near: f64 = text.parse().ok()?;
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let point = mantissa.find('.').map_or(0, |at| mantissa.len() - at - 1);
    let Some(exponent) = (exponent.parse::<i64>().ok()).filter(|_| near.is_finite()) else {
        return Some(Number::Near(near));
    };
    let exponent = exponent - i64::try_from(point).ok()?;
    let digits = mantissa.replace('.', "");
    let Ok(mut digits) = digits.parse::<i128>() else {
        // Every double has a decimal expansion that ends.
        let exact = format!("{near:.1100}");
        let is_double =
            text.contains('.') && exact.trim_end_matches('0') == text.trim_end_matches('0');
        return Some(if is_double {
            Number::Float(near)
        } else {
            Number::Near(near)
        });
    };
    // digits * 10^exponent, brought to an integer or to a fraction in lowest terms.
    let mut bottom = 1_i128;
    for _ in 0..exponent.unsigned_abs().min(80) {
        if digits == 0 {
            break;
        }
        if exponent > 0 {
            let Some(more) = digits.checked_mul(10) else {
                return Some(Number::Huge);
            };
            digits = more;
        } else if digits % 10 == 0 {
            digits /= 10;
        } else {
            let (less, more) = match (digits % 2 == 0, digits % 5 == 0) {
                (true, _) => (digits / 2, bottom.checked_mul(5)),
                (_, true) => (digits / 5, bottom.checked_mul(2)),
                _ => (digits, bottom.checked_mul(10)),
            };
            let Some(more) = more else {
                return Some(Number::Near(near));
            };
            (digits, bottom) = (less, more);
        }
    }
    Some(match (digits, bottom) {
        (0, _) => Number::Whole(0),
        (_, 1) if exponent.unsigned_abs() <= 80 => Number::Whole(digits),
        _ if exponent.unsigned_abs() <= 80 => fraction(digits, bottom),
        _ if exponent > 0 => Number::Huge,
        _ => Number::Near(near),
    })
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
    fn numbers_of_every_type_equal_as_in_python() {
        let is = |expected: Value, got: Value| assert!(atom(&expected, &got), "{expected} {got}");
        let is_not =
            |expected: Value, got: Value| assert!(!atom(&expected, &got), "{expected} {got}");
        is(json!(0.5), json!(["D", "0.50"]));
        is(json!(25), json!(["D", "2.5E+1"]));
        is(json!(0), json!(["D", "0E-99"]));
        is(json!(-1.25), json!(["D", "-1.25"]));
        let tenth = "0.1000000000000000055511151231257827021181583404541015625";
        is(json!(0.1), json!(["D", tenth]));
        is_not(json!(0.1), json!(["D", "0.1"]));
        is_not(json!(0.1), json!(["D", format!("{tenth}1")]));
        is_not(json!(1), json!(["D", "1E+999999999"]));
        is_not(json!(0), json!(["D", "1E-999999999"]));
        is_not(json!(1), json!(["D", "NaN"]));
        is_not(json!(1), json!(["D", "x"]));
        is(json!(0.5), json!(["Q", ["i", "1"], ["i", "2"]]));
        is(json!(-3), json!(["Q", ["i", "-3"], ["i", "1"]]));
        is_not(json!(0.1), json!(["Q", ["i", "1"], ["i", "a"]]));
        is_not(json!(1), json!(["Q", ["i", "1"], ["i", "0"]]));
        is(json!(2), json!(["c", "2.0", "-0.0"]));
        is_not(json!(2), json!(["c", "2.0", "1.0"]));
        is(json!(3), json!(["y", "<i8", "", ["i", "3"]]));
        is(json!(true), json!(["y", "|b1", "", true]));
        is_not(json!(3), json!(["y", "<M8[D]", "", null]));
        is(json!("r"), json!(["e", "C", "str", [], "RED", "r"]));
        is_not(json!(null), json!(["e", "C", null, [], "RED", null]));
        is_not(json!([1]), json!(["h", 0, "generator", "g"]));
        is_not(json!(null), json!(["h", 0, "generator", "g"]));
        let near = |expected: Value, got: Value| equal(&expected, &json!([]), &got, &TOLERANT);
        assert!(near(json!(0.1), json!(["D", "0.1"])));
        assert!(near(
            json!(0.333_333_333_3),
            json!(["Q", ["i", "1"], ["i", "3"]])
        ));
        assert!(!near(json!(0.34), json!(["Q", ["i", "1"], ["i", "3"]])));
    }

    #[test]
    fn dicts_and_tuples_of_every_kind_equal_by_content() {
        let pairs = json!([["a", ["i", "1"]]]);
        for node in [
            json!(["d", pairs]),
            json!(["C", pairs]),
            json!(["O", pairs]),
            json!(["E", ["int", pairs]]),
        ] {
            let nodes = json!([node]);
            assert!(equal(
                &json!({"a": 1}),
                &nodes,
                &json!(["r", 0]),
                &Comparison::Exact
            ));
            assert!(!equal(
                &json!({"a": 2}),
                &nodes,
                &json!(["r", 0]),
                &Comparison::Exact
            ));
        }
        let point = json!([["n", ["P", ["x", "y"], [["i", "1"], ["i", "2"]]]]]);
        assert!(equal(
            &json!([1, 2]),
            &point,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!([1]),
            &point,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        // What Python calls unequal to a list or to a dict stays so.
        for node in [
            json!(["q", [null, [["i", "1"]]]]),
            json!(["A", ["i", "AQAAAA=="]]),
            json!(["Y", ["<i8", [1], "AQAAAAAAAAA="]]),
            json!(["z", [["i", "1"]]]),
            json!(["o", ["P", null, [["a", ["i", "1"]]]]]),
            json!(["n", "x"]),
            json!(["E", 5]),
        ] {
            let nodes = json!([node]);
            assert!(!equal(
                &json!([1]),
                &nodes,
                &json!(["r", 0]),
                &Comparison::Exact
            ));
            assert!(!equal(
                &json!({"a": 1}),
                &nodes,
                &json!(["r", 0]),
                &Comparison::Exact
            ));
        }
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
