//! `KEY=VALUE` → a value in a table of TOML, and one table over another. Knows no key.

use std::str::FromStr;

use toml::{Table, Value};

/// One key and what it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    text: String,
    keys: Vec<String>,
    value: Value,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected KEY=VALUE, as rollout.sampling.max_tokens=512, found {text:?}");
        let (key, value) = text.split_once('=').ok_or_else(expected)?;
        let keys: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(expected());
        }
        Ok(Self {
            text: text.to_owned(),
            keys,
            value: value_of(value.trim()),
        })
    }
}

/// A value as TOML writes it; what is none is a text without its quotes.
fn value_of(text: &str) -> Value {
    let line = format!("value = {text}");
    let parsed = line.parse::<Table>().ok().filter(|table| table.len() == 1);
    let parsed = parsed.and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}

impl Assignment {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of a key that was built rather than typed.
    pub fn new(key: &str, value: impl Into<Value>) -> Self {
        Self {
            text: key.to_owned(),
            keys: key.split('.').map(str::to_owned).collect(),
            value: value.into(),
        }
    }

    /// Puts it into `table`; a number is a place in a list, as in `judges.0.weight=0.5`.
    pub fn put(&self, table: &mut Table) -> Result<(), String> {
        let (last, before) = self.keys.split_last().expect("a key has a part");
        let Some((first, rest)) = before.split_first() else {
            table.insert(last.clone(), self.value.clone());
            return Ok(());
        };
        let new = || Value::Table(Table::new());
        let mut at = table.entry(first.clone()).or_insert_with(new);
        // What was switched off is a table again.
        if at.as_bool() == Some(false) {
            *at = new();
        }
        for part in rest {
            at = inner(at, part)?;
        }
        match at {
            Value::Table(table) => {
                table.insert(last.clone(), self.value.clone());
            }
            other => *inner(other, last)? = self.value.clone(),
        }
        Ok(())
    }
}

/// The value that `at` holds under a name or at a place; a table makes room for it.
fn inner<'a>(at: &'a mut Value, part: &str) -> Result<&'a mut Value, String> {
    match at {
        Value::Table(table) => {
            let new = || Value::Table(Table::new());
            Ok(table.entry(part.to_owned()).or_insert_with(new))
        }
        Value::Array(all) => {
            let count = all.len();
            let place = part.parse::<usize>().ok();
            place.and_then(|place| all.get_mut(place)).ok_or_else(|| {
                format!("expected a place from 0 to below {count} in a list, found {part:?}")
            })
        }
        other => Err(format!(
            "{part:?} would be inside of {other}, which is no table"
        )),
    }
}

/// Puts `over` over `base`: tables into tables, everything else in the place of what was there.
pub fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(table: &str, text: &str) -> Result<String, String> {
        let mut table: Table = table.parse().unwrap();
        text.parse::<Assignment>()?.put(&mut table)?;
        Ok(toml::to_string(&table).unwrap())
    }

    #[test]
    fn values_are_toml_and_else_text() {
        for (text, value) in [
            ("a=1", "a = 1\n"),
            ("a=1e-6", "a = 0.000001\n"),
            ("a = true", "a = true\n"),
            ("a=contest:train", "a = \"contest:train\"\n"),
            ("a=\"7\"", "a = \"7\"\n"),
            ("a=[\"x\", \"y\"]", "a = [\"x\", \"y\"]\n"),
            ("a=x=y", "a = \"x=y\"\n"),
            ("a=", "a = \"\"\n"),
            ("a.b.c=2", "[a.b]\nc = 2\n"),
        ] {
            assert_eq!(put("", text).unwrap(), value, "{text}");
        }
        // Nothing after the value may smuggle in another key.
        assert_eq!(value_of("1\nb = 2"), Value::String("1\nb = 2".to_owned()));
    }

    #[test]
    fn lists_are_reached_by_place() {
        let judges = "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"rules\"\n";
        let found = put(judges, "judges.1.weight=0.5").unwrap();
        assert!(
            found.ends_with("kind = \"rules\"\nweight = 0.5\n"),
            "{found}"
        );
        let message = put(judges, "judges.2.weight=0.5").unwrap_err();
        assert!(message.contains("below 2"), "{message}");
    }

    #[test]
    fn what_is_no_assignment_is_told() {
        for text in ["a", "=1", "a..b=1", ".=1"] {
            let message = put("", text).unwrap_err();
            assert!(message.contains("KEY=VALUE"), "{message}");
        }
        let message = put("a = 1", "a.b=2").unwrap_err();
        assert!(message.contains("no table"), "{message}");
        assert_eq!(put("a = false", "a.b=2").unwrap(), "[a]\nb = 2\n");
    }

    #[test]
    fn a_table_over_another_keeps_what_it_does_not_name() {
        let mut base: Table = "a = 1\n[b]\nc = 2\nd = 3\n[e]\nf = 4\n".parse().unwrap();
        merge(&mut base, "e = false\n[b]\nc = 9\n".parse().unwrap());
        let expected: Table = "a = 1\ne = false\n[b]\nc = 9\nd = 3\n".parse().unwrap();
        assert_eq!(base, expected);
    }
}
