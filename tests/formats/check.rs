//! Does a value fit a schema? The part of JSON Schema (2020-12) that the schemas here use; a word that is not known here is a
//! fault of the schema.

use serde_json::{Map, Value};

/// Why a value doesn't fit, with the place; nothing where it does.
pub(super) fn fault(value: &Value, schema: &Value, whole: &Value, place: &str) -> Option<String> {
    let wrong = |words: String| Some(format!("{place}: {words}"));
    let schema = schema.as_object().expect("a schema is an object");
    for (word, told) in schema {
        let found = match &**word {
            // Fields are looked at below; the rest is for people.
            "$schema"
            | "$id"
            | "$defs"
            | "title"
            | "description"
            | "examples"
            | "properties"
            | "additionalProperties" => None,
            "$ref" => {
                let pointer = told.as_str().unwrap().strip_prefix('#').unwrap();
                let part = whole.pointer(pointer).expect("a reference leads to a part");
                fault(value, part, whole, place)
            }
            "type" => {
                let kinds = match told {
                    Value::Array(kinds) => kinds.iter().collect(),
                    kind => vec![kind],
                };
                let fits = kinds.iter().any(|kind| is(value, kind.as_str().unwrap()));
                (!fits)
                    .then_some(())
                    .and_then(|()| wrong(format!("expected {told}, found {value}")))
            }
            "const" => (value != told)
                .then_some(())
                .and_then(|()| wrong(format!("expected {told}, found {value}"))),
            "enum" => {
                let fits = told.as_array().unwrap().contains(value);
                (!fits)
                    .then_some(())
                    .and_then(|()| wrong(format!("expected one of {told}, found {value}")))
            }
            "anyOf" | "oneOf" => {
                let parts = told.as_array().unwrap();
                let faults: Vec<_> = parts
                    .iter()
                    .map(|part| fault(value, part, whole, place))
                    .collect();
                let fitting = faults.iter().filter(|fault| fault.is_none()).count();
                let fits = fitting == 1 || (fitting > 1 && word == "anyOf");
                (!fits).then_some(()).and_then(|()| {
                    let faults: Vec<String> = faults.into_iter().flatten().collect();
                    wrong(format!(
                        "fits {fitting} of the forms: {}",
                        faults.join(" | ")
                    ))
                })
            }
            "minimum" => {
                let least = told.as_f64().unwrap();
                value
                    .as_f64()
                    .filter(|value| *value < least)
                    .and_then(|_| wrong(format!("expected at least {told}, found {value}")))
            }
            "required" => {
                let names = told
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| name.as_str().unwrap());
                let missing = value
                    .as_object()
                    .and_then(|object| names.into_iter().find(|name| !object.contains_key(*name)));
                missing.and_then(|name| wrong(format!("it lacks {name}")))
            }
            "items" => list(value)
                .iter()
                .enumerate()
                .find_map(|(index, item)| fault(item, told, whole, &format!("{place}[{index}]"))),
            "prefixItems" => {
                let parts = told.as_array().unwrap().iter().zip(list(value)).enumerate();
                let mut faults = parts.filter_map(|(index, (part, item))| {
                    fault(item, part, whole, &format!("{place}[{index}]"))
                });
                faults.next()
            }
            "minItems" | "maxItems" => {
                let count = value.as_array().map(|items| items.len() as u64);
                let bound = told.as_u64().unwrap();
                let fits = |count: u64| {
                    if word == "minItems" {
                        count >= bound
                    } else {
                        count <= bound
                    }
                };
                count
                    .filter(|count| !fits(*count))
                    .and_then(|count| wrong(format!("{word} is {bound}, found {count}")))
            }
            other => panic!("{place}: the schema says {other}, which is not known here"),
        };
        if found.is_some() {
            return found;
        }
    }
    let object = value.as_object()?;
    let none = Map::new();
    let known = schema
        .get("properties")
        .map_or(&none, |known| known.as_object().unwrap());
    object.iter().find_map(|(name, inner)| {
        let place = format!("{place}.{name}");
        match (known.get(name), schema.get("additionalProperties")) {
            (Some(part), _) | (None, Some(part @ Value::Object(_))) => {
                fault(inner, part, whole, &place)
            }
            (None, Some(Value::Bool(false))) => {
                Some(format!("{place}: the schema does not know this field"))
            }
            (None, _) => None,
        }
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the schema has the type {other}, which there is not"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    use serde_json::json;

    let schema = json!({"$defs": {"part": {"oneOf": [{"const": "a"}, {"const": "b"}]}}, "type": "object", "additionalProperties": false,
        "required": ["one"], "properties": {"one": {"type": "integer", "minimum": 0}, "two": {"$ref": "#/$defs/part"},
        "three": {"type": "array", "items": {"type": ["string", "null"]}}, "four": {"type": "object", "additionalProperties": {"type": "number"}},
        "five": {"type": "array", "prefixItems": [{"type": "boolean"}], "minItems": 1, "maxItems": 1}}});
    let fault = |value: Value| fault(&value, &schema, &schema, "it");
    let good =
        json!({"one": 1, "two": "b", "three": ["x", null], "four": {"x": 0.5}, "five": [true]});
    assert_eq!(fault(good.clone()), None);
    for (name, value, words) in [
        ("one", json!(-1), "it.one: expected at least 0"),
        ("one", json!(1.5), "it.one: expected \"integer\""),
        ("two", json!("c"), "it.two: fits 0"),
        ("three", json!([1]), "it.three[0]"),
        ("four", json!({"x": "y"}), "it.four.x"),
        ("five", json!([]), "minItems"),
        ("five", json!([1]), "it.five[0]"),
        ("six", json!(1), "it.six: the schema does not know"),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        let found = fault(bad).unwrap_or_default();
        assert!(found.contains(words), "{name}: {found}");
    }
    assert!(fault(json!({})).unwrap().contains("lacks one"));
}
