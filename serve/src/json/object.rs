//! An object of a request: its fields as texts, and what is asked of them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;

use super::cut::{blank, items, string_end, value_end};
use super::{Bad, check, kind};

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
                Bad::new(format!("the body: expected an object, found {found}"))
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
                .map_err(|error| Bad::new(format!("a field's name is no string: {error}")))?;
            // Behind the colon.
            at = blank(bytes, blank(bytes, end) + 1);
            let end = value_end(bytes, at);
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
        // A body may have very many.
        let mut names = HashSet::with_capacity(fields.len());
        if let Some(twice) = fields.iter().find(|field| !names.insert(&field.name)) {
            return Err(Bad::new(format!(
                "field `{prefix}{}` is there twice",
                twice.name
            )));
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
            Some(field) => Err(Bad::new(format!(
                "field `{}{}` is not known here; leave it out",
                self.prefix, field.name
            ))),
        }
    }
}
