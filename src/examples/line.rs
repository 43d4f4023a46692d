//! One line of JSON → who says what in it, and what of that is learnt. Knows no tokens.

use serde_json::{Map, Value};

use crate::objective::Shape;

/// One row of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversation {
    /// A text that nobody says to anybody.
    Text(String),
    /// Messages and their answers, one at least.
    Turns(Vec<Turn>),
}

/// A message and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) user: String,
    pub(super) assistant: String,
    /// Whether the answer is learnt: those of a prompt are not.
    pub(super) learnt: bool,
}

/// The rows of one example; the error says what was found and what was expected.
pub(super) fn read(line: &[u8], shape: Shape) -> Result<Vec<Conversation>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Value::Object(fields) = value else {
        return Err(format!("expected an object, found {}", kind(&value)));
    };
    let has = |name: &str| fields.contains_key(name);
    match shape {
        Shape::Pairs => {
            let prompt = messages(&fields, "prompt", "user")?;
            let row = |name: &str| {
                let answer = messages(&fields, name, "assistant")?;
                turns(&prompt, &answer, name)
            };
            Ok(vec![row("chosen")?, row("rejected")?])
        }
        Shape::Labelled => {
            let prompt = messages(&fields, "prompt", "user")?;
            let answer = messages(&fields, "completion", "assistant")?;
            Ok(vec![turns(&prompt, &answer, "completion")?])
        }
        Shape::Texts if has("text") => match &fields["text"] {
            Value::String(text) if !text.is_empty() => Ok(vec![Conversation::Text(text.clone())]),
            other => Err(format!(
                "field text: expected a text that is not empty, found {}",
                kind(other)
            )),
        },
        Shape::Texts if has("messages") => {
            let all = messages(&fields, "messages", "user")?;
            Ok(vec![turns(&[], &all, "messages")?])
        }
        Shape::Texts if has("prompt") => {
            let prompt = messages(&fields, "prompt", "user")?;
            let answer = messages(&fields, "completion", "assistant")?;
            Ok(vec![turns(&prompt, &answer, "completion")?])
        }
        Shape::Texts => Err(
            "expected the fields prompt and completion, or messages, or text, found none of them"
                .to_owned(),
        ),
    }
}

/// The label of a labelled answer.
pub(super) fn label(line: &[u8]) -> Result<bool, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    match value.get("label") {
        Some(Value::Bool(label)) => Ok(*label),
        Some(other) => Err(format!(
            "field label: expected true or false, found {other}"
        )),
        None => Err("field label: expected true or false, found none".to_owned()),
    }
}

/// What somebody says.
struct Message {
    is_user: bool,
    content: String,
}

/// The messages of a field, which may be one text of `speaker`.
fn messages(
    fields: &Map<String, Value>,
    name: &str,
    speaker: &str,
) -> Result<Vec<Message>, String> {
    let items = match fields.get(name) {
        None => {
            return Err(format!(
                "field {name}: expected a text or messages, found none"
            ));
        }
        Some(Value::String(content)) => {
            return Ok(vec![Message {
                is_user: speaker == "user",
                content: content.clone(),
            }]);
        }
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(format!(
                "field {name}: expected a text or messages, found {}",
                kind(other)
            ));
        }
    };
    let read = |(index, item): (usize, &Value)| {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let fault = |expected: &str, found: String| {
            format!("field {name}[{index}]: expected {expected}, found {found}")
        };
        let Some(content) = text("content") else {
            return Err(fault("an object with a text in content", item.to_string()));
        };
        let is_user = match text("role") {
            Some("user") => true,
            Some("assistant") => false,
            Some("system") => {
                return Err(fault(
                    "a user or an assistant",
                    "a system message, which nothing here shows to a policy: put it into the user's first"
                        .to_owned(),
                ));
            }
            other => {
                let found = other.map_or("no role".to_owned(), |role| format!("{role:?}"));
                return Err(fault("a user or an assistant", found));
            }
        };
        Ok(Message {
            is_user,
            content: content.to_owned(),
        })
    };
    items.iter().enumerate().map(read).collect()
}

/// Pairs up the messages of a prompt and of what follows it, `name`, of which every answer is learnt.
fn turns(prompt: &[Message], rest: &[Message], name: &str) -> Result<Conversation, String> {
    let all: Vec<&Message> = prompt.iter().chain(rest).collect();
    let alternate = all
        .iter()
        .enumerate()
        .all(|(place, message)| message.is_user == place.is_multiple_of(2));
    if all.is_empty() || !all.len().is_multiple_of(2) || !alternate {
        let who = |message: &&Message| if message.is_user { "user" } else { "assistant" };
        let found: Vec<&str> = all.iter().map(who).collect();
        return Err(format!(
            "field {name}: expected user and assistant in turns, the assistant last, found {}",
            found.join(", ")
        ));
    }
    let empty = |message: &&Message| !message.is_user && message.content.trim().is_empty();
    if all[prompt.len()..].iter().any(empty) {
        return Err(format!(
            "field {name}: expected an answer, found an empty text"
        ));
    }
    let turn = |(place, pair): (usize, &[&Message])| Turn {
        user: pair[0].content.clone(),
        assistant: pair[1].content.clone(),
        learnt: 2 * place + 1 >= prompt.len(),
    };
    let turns = all.chunks(2).enumerate().map(turn);
    Ok(Conversation::Turns(turns.collect()))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
