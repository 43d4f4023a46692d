//! Request text → its fields, each as the very text that was sent, with errors that name field, found and expected.
//!
//! A field's own text is what a problem is read from: a value that was parsed on the way would have its numbers rounded and its
//! repeated fields dropped. Knows no request.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::{DeserializeOwned, IgnoredAny};

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

/// How much a text holds, told without building anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// How deep values lie in one another.
    pub(crate) depth: usize,
    /// Values there are, about.
    pub(crate) values: usize,
}

/// The size of a text, be it valid or not.
pub(crate) fn size(text: &[u8]) -> Size {
    let (mut depth, mut deepest, mut values, mut at) = (0_usize, 0, 1, 0);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at) - 1,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        at += 1;
    }
    Size {
        depth: deepest,
        values,
    }
}

/// The byte after the string that starts at `at`.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while text.get(end).is_some_and(|&byte| byte != b'"') {
        end += 1 + usize::from(text[end] == b'\\');
    }
    (end + 1).min(text.len())
}

/// The byte after the value that starts at `at`.
fn value_end(text: &[u8], at: usize) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while let Some(&byte) = text.get(end) {
        match byte {
            b'"' => {
                end = string_end(text, end);
                if depth == 0 {
                    return end;
                }
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' | b',' | b':' if depth == 0 => return end,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return end + 1;
                }
            }
            _ => {}
        }
        end += 1;
    }
    end
}

fn blank(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
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

/// The texts of the values of a list, which has been checked; nothing where it is none.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut at = blank(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut found = Vec::new();
    loop {
        at = blank(bytes, at + 1);
        if matches!(bytes.get(at), None | Some(b']')) {
            return Some(found);
        }
        let end = value_end(bytes, at);
        found.push(text[at..end].trim_end());
        at = blank(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return Some(found);
        }
    }
}

/// An object of a checked text.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    fields: Vec<Field<'a>>,
    /// `problem.` for what lies within that field, empty at the top.
    prefix: String,
}

#[derive(Debug)]
struct Field<'a> {
    name: String,
    raw: &'a str,
    asked: AtomicBool,
}

impl<'a> Object<'a> {
    /// The object that a whole body is.
    pub(crate) fn of_body(text: &'a str) -> Result<Self, Bad> {
        check(text)?;
        Self::within(text, String::new())
    }

    /// The object that a text is which was checked with all around it.
    pub(crate) fn within(text: &'a str, prefix: String) -> Result<Self, Bad> {
        let bytes = text.as_bytes();
        let mut at = blank(bytes, 0);
        if bytes.get(at) != Some(&b'{') {
            let name = prefix.trim_end_matches('.');
            let found = kind(text.trim_start());
            return Err(if name.is_empty() {
                Bad(format!("the body: expected an object, found {found}"))
            } else {
                Bad::field(name, found, "an object")
            });
        }
        let mut fields: Vec<Field<'a>> = Vec::new();
        loop {
            at = blank(bytes, at + 1);
            if matches!(bytes.get(at), None | Some(b'}')) {
                break;
            }
            let end = string_end(bytes, at);
            let name: String = serde_json::from_str(&text[at..end])
                .map_err(|error| Bad(format!("a field's name is no string: {error}")))?;
            // Behind the colon.
            at = blank(bytes, blank(bytes, end) + 1);
            let end = value_end(bytes, at);
            if fields.iter().any(|field| field.name == name) {
                return Err(Bad(format!("field `{prefix}{name}` is there twice")));
            }
            fields.push(Field {
                name,
                raw: text[at..end].trim_end(),
                asked: AtomicBool::new(false),
            });
            at = blank(bytes, end);
            if bytes.get(at) != Some(&b',') {
                break;
            }
        }
        Ok(Self { fields, prefix })
    }

    /// The text of a field; nothing where it is absent or null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        field.asked.store(true, Ordering::Relaxed);
        (field.raw != "null").then_some(field.raw)
    }

    /// Notes that a field is known, though it changes nothing.
    pub(crate) fn ignore(&self, names: &[&str]) {
        for name in names {
            self.raw(name);
        }
    }

    /// The names of all fields and their texts.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.fields.iter().map(|field| {
            field.asked.store(true, Ordering::Relaxed);
            (field.name.as_str(), field.raw)
        })
    }

    /// A field as some type, or what is wrong with it.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, Bad> {
        self.raw(name)
            .map(|raw| serde_json::from_str(raw).map_err(|_| self.wrong(name, raw, expected)))
            .transpose()
    }

    /// A text, or nothing.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Bad> {
        self.get(name, "a string")
    }

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, Bad> {
        self.text(name)?
            .ok_or_else(|| self.wrong(name, "", "a string"))
    }

    /// A flag; `false` where it is absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Bad> {
        Ok(self.get(name, "true or false")?.unwrap_or(false))
    }

    /// An id: a text or a whole number.
    pub(crate) fn id(&self, name: &str) -> Result<Option<String>, Bad> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        if raw.starts_with('"') {
            return self.text(name);
        }
        match raw.parse::<i64>() {
            Ok(number) => Ok(Some(number.to_string())),
            Err(_) => Err(self.wrong(name, raw, "a string or a whole number")),
        }
    }

    /// A number of seconds or the like: finite and not negative.
    pub(crate) fn amount(&self, name: &str) -> Result<Option<f64>, Bad> {
        let expected = "a number that is not negative";
        match self.get::<f64>(name, expected)? {
            Some(number) if number < 0.0 => Err(self.wrong(name, "a negative number", expected)),
            number => Ok(number),
        }
    }

    /// An object within this one.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Object<'a>>, Bad> {
        self.raw(name)
            .map(|raw| Self::within(raw, format!("{}{name}.", self.prefix)))
            .transpose()
    }

    /// The texts of a list's values.
    pub(crate) fn items(&self, name: &str) -> Result<Option<Vec<&'a str>>, Bad> {
        self.raw(name)
            .map(|raw| items(raw).ok_or_else(|| self.wrong(name, raw, "a list")))
            .transpose()
    }

    /// What is wrong with a field; `found` is its text, a word, or nothing.
    pub(crate) fn wrong(&self, name: &str, found: &str, expected: &str) -> Bad {
        let found = match kind(found) {
            "nothing" if !found.is_empty() => found,
            kind => kind,
        };
        Bad::field(&format!("{}{name}", self.prefix), found, expected)
    }

    /// Refuses fields that nobody asked for, by name.
    pub(crate) fn finish(&self) -> Result<(), Bad> {
        match self
            .fields
            .iter()
            .find(|field| !field.asked.load(Ordering::Relaxed))
        {
            None => Ok(()),
            Some(field) => Err(Bad(format!(
                "field `{}{}` is not known here; leave it out",
                self.prefix, field.name
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
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
}
