//! Any text is taken apart as a parser reads it, and what is wrong with it is named.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn fields_are_the_texts_that_were_sent() {
    let text =
        r#" {"a": 31.245270191439438 , "b\"": "x,}]", "c":[1, {"d": null}, "]"], "e":null} "#;
    let object = Object::of_body(text).unwrap();
    assert_eq!(object.raw("a"), Some("31.245270191439438"));
    assert_eq!(object.text("b\"").unwrap().unwrap(), "x,}]");
    assert_eq!(
        object.items("c").unwrap().unwrap(),
        ["1", r#"{"d": null}"#, r#""]""#]
    );
    assert_eq!(object.raw("e"), None);
    assert_eq!(object.finish(), Ok(()));
}

#[test]
fn what_is_wrong_is_named() {
    let said = |text: &str, ask: &dyn Fn(&Object<'_>) -> Result<(), Bad>| {
        let object = Object::of_body(text);
        object
            .and_then(|object| ask(&object))
            .unwrap_err()
            .to_string()
    };
    let finish = |object: &Object<'_>| object.finish();
    assert!(said("[1]", &finish).contains("expected an object, found a list"));
    assert!(said(r#"{"a": 1, "a": 2}"#, &finish).contains("`a` is there twice"));
    assert!(said(r#"{"a": 1}"#, &finish).contains("`a` is not known"));
    assert!(said("{", &finish).contains("no JSON"));
    let text = |object: &Object<'_>| object.required("a").map(drop);
    assert_eq!(
        said(r#"{"a": 1}"#, &text),
        "field `a`: expected a string, found a number"
    );
    assert_eq!(
        said("{}", &text),
        "field `a`: expected a string, found nothing"
    );
    let within = |object: &Object<'_>| object.object("a")?.unwrap().finish();
    assert!(said(r#"{"a": {"b": 1}}"#, &within).contains("`a.b`"));
    let deep = "[".repeat(DEPTH + 1) + &"]".repeat(DEPTH + 1);
    assert!(said(&deep, &finish).contains("nests 65"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,4}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn taken_apart_it_is_what_a_parser_reads(
        value in prop::collection::btree_map(".{0,6}", value(), 0..5),
        pretty in any::<bool>(),
    ) {
        let value = json!(value);
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let object = Object::of_body(&text).unwrap();
        let read: serde_json::Map<String, Value> = object
            .all()
            .map(|(name, raw)| (name.to_owned(), serde_json::from_str(raw).unwrap()))
            .collect();
        prop_assert_eq!(Value::Object(read), value);
    }

    /// Whatever the bytes, nothing panics, and the size is found.
    #[test]
    fn no_text_is_too_odd(text in r#"[\[\]{},:"\\a1 é]{0,60}"#) {
        let _ = size(text.as_bytes());
        let _ = items(&text);
        if let Ok(object) = Object::of_body(&text) {
            let _ = object.finish();
        }
    }
}
