//! A server's own words about what went wrong, in one short line and without the key.

use serde_json::Value;

/// Characters of a server's message that are shown.
const CHARACTERS: usize = 300;

/// Fields that hold the words, the most telling first.
const FIELDS: [&str; 6] = ["message", "detail", "msg", "error", "raw", "reason"];

/// What a body says: the words of its error where it has one, else all of it.
pub(crate) fn message(body: &str, key: Option<&str>) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let said = told(&value).unwrap_or_else(|| body.to_owned());
    let clean = clean(said.trim(), key);
    if clean.is_empty() {
        "it says nothing more".to_owned()
    } else {
        clean
    }
}

/// The words in a value, wherever servers put them.
pub(super) fn told(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(items) => {
            let all: Vec<String> = items.iter().filter_map(told).collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        Value::Object(fields) => {
            // An error comes before what stands beside it.
            if let Some(words) = fields.get("error").and_then(told) {
                return Some(words);
            }
            let words = FIELDS.iter().find_map(|name| told(fields.get(*name)?))?;
            // Whoever passes a request on puts the words of who answered it here.
            let inner = fields.get("metadata").and_then(told);
            // Which field of the request it is about.
            let place = fields.get("loc").and_then(Value::as_array).map(|path| {
                let path = path.iter().filter_map(Value::as_str);
                path.collect::<Vec<_>>().join(".")
            });
            let words = match place {
                Some(place) => format!("{place}: {words}"),
                None => words,
            };
            Some(match inner {
                Some(inner) => format!("{words}: {inner}"),
                None => words,
            })
        }
        _ => None,
    }
}

/// One short line without the key, which servers like to repeat.
pub(super) fn clean(text: &str, key: Option<&str>) -> String {
    let hidden = match key {
        Some(key) => text.replace(key, "[key]"),
        None => text.to_owned(),
    };
    let line: String = hidden
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(CHARACTERS)
        .collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_servers_put_them() {
        for (body, said) in [
            (r#"{"error":{"message":"slow down"}}"#, "slow down"),
            (r#"{"error":"no such model"}"#, "no such model"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"{"object":"error","message":"too long"}"#, "too long"),
            (
                r#"{"message":{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}}"#,
                "body.seed: Extra inputs are not permitted",
            ),
            (
                r#"{"error":{"message":"Provider returned error","metadata":{"raw":"upstream is full"}}}"#,
                "Provider returned error: upstream is full",
            ),
            ("plain\nwords", "plain words"),
            ("", "it says nothing more"),
            (r#"{"error":{"message":"bad key sk-1"}}"#, "bad key [key]"),
        ] {
            assert_eq!(message(body, Some("sk-1")), said, "{body}");
        }
    }
}
