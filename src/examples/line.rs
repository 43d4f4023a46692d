//! One row → who says what in it, and what of that is learnt. Knows no tokens.

use serde_json::{Map, Value};

use crate::preference::{self, Role, Said};

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

/// The row of a text; the error says what was found and what was expected.
pub(super) fn read(row: &Value) -> Result<Conversation, String> {
    let Value::Object(fields) = row else {
        return Err(format!("expected an object, found {}", kind(row)));
    };
    // Columns of a table are there in every row, with nothing in some.
    let has = |name: &str| fields.get(name).is_some_and(|value| !value.is_null());
    if has("text") {
        return match &fields["text"] {
            Value::String(text) if !text.is_empty() => Ok(Conversation::Text(text.clone())),
            other => Err(format!(
                "field text: expected a text that is not empty, found {}",
                kind(other)
            )),
        };
    }
    if has("messages") {
        let all = messages(fields, "messages", "user")?;
        return turns(&[], &all, "messages");
    }
    if has("prompt") {
        let prompt = messages(fields, "prompt", "user")?;
        let answer = messages(fields, "completion", "assistant")?;
        return turns(&prompt, &answer, "completion");
    }
    Err(
        "expected the fields prompt and completion, or messages, or text, found none of them"
            .to_owned(),
    )
}

/// A prompt and an answer to it, of which every message of an assistant is learnt.
pub(super) fn conversation(
    prompt: &Said,
    answer: &Said,
    name: &str,
) -> Result<Conversation, String> {
    let prompt = of_said(prompt, "prompt", true)?;
    turns(&prompt, &of_said(answer, name, false)?, name)
}

/// The messages of what is said; a plain text is a user's or an assistant's.
fn of_said(said: &Said, name: &str, is_user: bool) -> Result<Vec<Message>, String> {
    let messages = match said {
        Said::Plain(content) => {
            let content = content.clone();
            return Ok(vec![Message { is_user, content }]);
        }
        Said::Messages(messages) => messages.iter().enumerate(),
    };
    let read = |(index, message): (usize, &preference::Message)| match message.role {
        Role::System => Err(format!(
            "field {name}[{index}]: expected a user or an assistant, found {SYSTEM}"
        )),
        Role::User | Role::Assistant => Ok(Message {
            is_user: message.role == Role::User,
            content: message.content.clone(),
        }),
    };
    messages.map(read).collect()
}

/// What is said of a message that nobody is shown.
const SYSTEM: &str =
    "a system message, which nothing here shows to a policy: put it into the user's first";

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
                return Err(fault("a user or an assistant", SYSTEM.to_owned()));
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
