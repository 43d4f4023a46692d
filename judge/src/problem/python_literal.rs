//! A Python literal → JSON value: several data sets keep dictionaries as Python prints them. Pure.
//!
//! Tuples and sets become lists. What JSON cannot hold (bytes, complex numbers, integers past 64 bits, numbers that
//! are no numbers, keys that are no strings or integers) is refused, never rounded.

use serde_json::{Map, Number, Value};

/// Brackets within brackets, at most.
const DEEPEST: usize = 200;

/// JSON where the text is JSON, else a Python literal; the error says at which byte and why.
pub(super) fn json_or_literal(text: &str) -> Result<Value, String> {
    json(text).or_else(|error| {
        // Where both fail, the more helpful of the two is JSON's unless there is an apostrophe about.
        read(text).map_err(|literal| if text.contains('\'') { literal } else { error })
    })
}

/// JSON text, none of whose integers a reader would round.
pub(super) fn json(text: &str) -> Result<Value, String> {
    match super::integers::oversized_integer(text) {
        Some(integer) => Err(format!("an integer past 64 bits at byte {}", integer.start)),
        None => super::floats::parse(text).map_err(|error| error.to_string()),
    }
}

/// The value of a Python literal.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let value = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.wrong("the end"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, expected: &str) -> String {
        format!(
            "expected {expected} at byte {} of the Python literal",
            self.at
        )
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self) -> Result<Value, String> {
        self.space();
        if self.depth > DEEPEST {
            return Err(self.wrong("fewer brackets"));
        }
        for (word, value) in [
            ("None", Value::Null),
            ("True", true.into()),
            ("False", false.into()),
        ] {
            if self.take(word) {
                return Ok(value);
            }
        }
        match self.rest().bytes().next() {
            Some(b'[') => self.list("]"),
            Some(b'(') => self.list(")"),
            Some(b'{') => self.braces(),
            Some(b'\'' | b'"' | b'r' | b'u') => self.strings().map(Value::String),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            _ => Err(self.wrong("a literal")),
        }
    }

    fn list(&mut self, close: &str) -> Result<Value, String> {
        self.at += 1;
        self.depth += 1;
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            self.space();
            if self.take(close) {
                break;
            }
            items.push(self.value()?);
            self.space();
            if !self.take(",") {
                if !self.take(close) {
                    return Err(self.wrong("a comma or the closing bracket"));
                }
                break;
            }
            comma = true;
        }
        self.depth -= 1;
        // Parentheses around one value without a comma only group.
        if close == ")" && items.len() == 1 && !comma {
            return Ok(items.remove(0));
        }
        Ok(Value::Array(items))
    }

    /// A dictionary or a set.
    fn braces(&mut self) -> Result<Value, String> {
        self.at += 1;
        self.depth += 1;
        let mut entries = Map::new();
        let mut members = Vec::new();
        loop {
            self.space();
            if self.take("}") {
                break;
            }
            let key = self.value()?;
            self.space();
            if self.take(":") {
                let key = match key {
                    Value::String(key) => key,
                    Value::Number(key) if key.is_i64() => key.to_string(),
                    _ => return Err(self.wrong("a key that is a string or an integer before this")),
                };
                if entries.contains_key(&key) {
                    return Err(self.wrong("a key that is not there twice before this"));
                }
                let value = self.value()?;
                entries.insert(key, value);
            } else {
                members.push(key);
            }
            self.space();
            if !self.take(",") {
                if !self.take("}") {
                    return Err(self.wrong("a comma or the closing brace"));
                }
                break;
            }
        }
        self.depth -= 1;
        match (entries.is_empty(), members.is_empty()) {
            (true, false) => Ok(Value::Array(members)),
            (_, true) => Ok(Value::Object(entries)),
            _ => Err(self.wrong("keys and values, or members")),
        }
    }

    /// One string, or several side by side, which Python joins.
    fn strings(&mut self) -> Result<String, String> {
        let mut whole = self.string()?;
        loop {
            self.space();
            if !matches!(self.rest().bytes().next(), Some(b'\'' | b'"')) {
                return Ok(whole);
            }
            whole.push_str(&self.string()?);
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let raw = self.take("r");
        let _ = !raw && self.take("u");
        let quote = ["\"\"\"", "'''", "\"", "'"]
            .into_iter()
            .find(|quote| self.take(quote))
            .ok_or_else(|| self.wrong("a quotation mark"))?;
        let mut out = String::new();
        loop {
            if self.take(quote) {
                return Ok(out);
            }
            let Some(character) = self.rest().chars().next() else {
                return Err(self.wrong("the closing quotation mark"));
            };
            self.at += character.len_utf8();
            if character != '\\' {
                out.push(character);
            } else if raw {
                out.push('\\');
                let next = self.rest().chars().next().unwrap_or_default();
                self.at += next.len_utf8();
                out.push(next);
            } else {
                self.escape(&mut out)?;
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), String> {
        let Some(character) = self.rest().chars().next() else {
            return Err(self.wrong("an escape"));
        };
        self.at += character.len_utf8();
        let plain = match character {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'v' => Some('\x0b'),
            '\\' | '\'' | '"' => Some(character),
            _ => None,
        };
        if let Some(plain) = plain {
            out.push(plain);
            return Ok(());
        }
        let digits = match character {
            '\n' => return Ok(()),
            '0'..='7' => {
                self.at -= 1;
                let digits = self.rest().bytes().take(3);
                let digits = digits.take_while(|byte| matches!(byte, b'0'..=b'7'));
                return self.code(out, digits.count(), 8);
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // Python leaves what it does not know as it is.
            other => {
                out.push('\\');
                out.push(other);
                return Ok(());
            }
        };
        self.code(out, digits, 16)
    }

    fn code(&mut self, out: &mut String, digits: usize, base: u32) -> Result<(), String> {
        let text = self.rest().get(..digits).unwrap_or_default();
        let character = u32::from_str_radix(text, base)
            .ok()
            .and_then(char::from_u32);
        out.push(character.ok_or_else(|| self.wrong("a character code"))?);
        self.at += digits;
        Ok(())
    }

    fn number(&mut self) -> Result<Value, String> {
        let end = self
            .rest()
            .find(|character: char| {
                !matches!(character, '0'..='9' | '+' | '-' | '.' | 'e' | 'E' | '_')
            })
            .unwrap_or(self.rest().len());
        let word: String = self.rest()[..end].replace('_', "");
        let word = word.strip_prefix('+').unwrap_or(&word);
        let number = if word.contains(['.', 'e', 'E']) {
            word.parse::<f64>().ok().and_then(Number::from_f64)
        } else {
            let signed = word.parse::<i64>().ok().map(Number::from);
            signed.or_else(|| word.parse::<u64>().ok().map(Number::from))
        };
        let number = number.ok_or_else(|| self.wrong("a number of at most 64 bits"))?;
        self.at += end;
        Ok(Value::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_become_json() {
        let text = r#"{'inputs': ["a\n", 'it\'s \x41\u00e9', r'\d'], 'n': (1, -2.5, (3), (4,)), 7: {1, 2}, "x": None,}"#;
        let expected = json!({"inputs": ["a\n", "it's A\u{e9}", "\\d"], "n": [1, -2.5, 3, [4]], "7": [1, 2], "x": null});
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read("'a' \"b\"").unwrap(), json!("ab"));
        assert_eq!(read("{}").unwrap(), json!({}));
        assert_eq!(json_or_literal("[true]").unwrap(), json!([true]));
        assert_eq!(json_or_literal("[True]").unwrap(), json!([true]));
    }

    #[test]
    fn what_json_cannot_hold_is_refused() {
        for text in [
            "99999999999999999999",
            "b'a'",
            "1j",
            "{(1, 2): 3}",
            "{'a': 1, 2}",
            "[1",
            "'a",
            "1 2",
            "nan",
            "__import__('os')",
            "'\\ud800'",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\](){}'\"a,:0-9.\\\\xnré-]{0,40}") {
            let _ = read(&text);
        }
    }
}
