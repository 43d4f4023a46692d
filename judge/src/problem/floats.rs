//! JSON text → value with every floating-point number exactly the one that is written.
//!
//! The parser reads some long decimals one unit in the last place too high or too low, which is enough for a right answer
//! to be unequal. Such numbers are found before and set after it runs. (Its feature `float_roundtrip` does the same for
//! every build that shares the crate.)

use serde_json::Value;

use super::unique;

/// What stands for a number until the text is parsed; no text of a problem holds it.
const MARK: &str = "\u{1}float \u{1}";

/// The value that a JSON text stands for.
pub(super) fn parse(text: &str) -> serde_json::Result<Value> {
    let Some(marked) = marked(text) else {
        return unique::parse(text);
    };
    match unique::parse(&marked) {
        Ok(mut value) => {
            set(&mut value);
            Ok(value)
        }
        // So that the error names places of the text as it is.
        Err(_) => unique::parse(text),
    }
}

/// The text with those numbers as marked strings that the parser would change; nothing where there are none.
fn marked(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out: Option<String> = None;
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        match byte {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|&byte| byte != b'"') {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                at += 1;
                continue;
            }
            b'-' | b'0'..=b'9' => {
                let part =
                    |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                at += bytes[at..].iter().take_while(part).count();
            }
            _ => {
                at += 1;
                continue;
            }
        }
        let token = &text[start..at];
        if !token.contains(['.', 'e', 'E']) {
            continue;
        }
        let (exact, read) = (token.parse::<f64>(), serde_json::from_str::<f64>(token));
        if let (Ok(exact), Ok(read)) = (exact, read)
            && exact.to_bits() != read.to_bits()
        {
            let out = out.get_or_insert_with(String::new);
            out.push_str(&text[copied..start]);
            out.push_str(&Value::from(format!("{MARK}{token}")).to_string());
            copied = at;
        }
    }
    out.map(|out| out + text.get(copied..).unwrap_or_default())
}

/// Puts the numbers in place of the marked strings.
fn set(value: &mut Value) {
    match value {
        Value::String(text) => {
            let number = text.strip_prefix(MARK).and_then(|text| text.parse().ok());
            if let Some(number) = number.and_then(serde_json::Number::from_f64) {
                *value = Value::Number(number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(set),
        Value::Object(fields) => fields.values_mut().for_each(set),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A number of the parser's own issue list that it reads one unit too low.
    const LONG: &str = "31.245270191439438";

    #[test]
    fn the_parser_alone_loses_a_unit_and_this_does_not() {
        assert_ne!(serde_json::from_str::<f64>(LONG).unwrap().to_string(), LONG);
        let text = format!(r#"{{"a": [{LONG}, "{LONG}", 1, -2.5e3], "b\"": -{LONG}}}"#);
        let value = parse(&text).unwrap();
        assert_eq!(value["a"][0].to_string(), LONG);
        assert_eq!(value["a"][1], LONG);
        assert_eq!(
            (&value["a"][2], &value["a"][3]),
            (&1.into(), &(-2500.0).into())
        );
        assert_eq!(value["b\""].to_string(), format!("-{LONG}"));
    }

    #[test]
    fn an_error_names_the_place_in_the_text_itself() {
        let text = format!("[{LONG}, ?]");
        let own = serde_json::from_str::<Value>(&text).unwrap_err();
        assert_eq!(parse(&text).unwrap_err().to_string(), own.to_string());
    }

    proptest! {
        #[test]
        fn every_number_is_the_one_written(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            for text in [format!("[{number:e}]"), format!("[{number:?}]")] {
                let value = parse(&text).unwrap();
                let read = value[0].as_f64().unwrap();
                prop_assert!(read == number, "{text} {read:?}");
            }
        }
    }
}
