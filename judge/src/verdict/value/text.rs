//! A value as Python prints it. Pure.

use serde_json::Value;

/// The value as Python prints it: what a policy that writes Python reads most easily.
pub(in crate::verdict) fn python_text(value: &Value) -> String {
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
