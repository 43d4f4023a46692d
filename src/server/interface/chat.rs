//! `/chat/completions`: messages in, a message out.

use serde_json::{Value, json};

use super::{Form, Interface, Place, Question, Reply, common, ending, remedy, usage};
use crate::dialogue::{Message, Role};

/// What stands for a message in which nothing was said: some servers refuse an empty one.
const NOTHING: &str = "(no answer)";

pub(super) struct Chat;

impl Interface for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn path(&self) -> &'static str {
        "chat/completions"
    }

    fn body(&self, question: &Question<'_>, form: &Form<'_>) -> Value {
        let mut body = common(question, form);
        let messages = question
            .messages
            .iter()
            .map(|message| json!({"role": message.role.name(), "content": content(message)}));
        body["messages"] = messages.collect();
        if !question.options.stop.is_empty() {
            body["stop"] = json!(question.options.stop);
        }
        if let Some(top) = question.options.top_logprobs {
            body["logprobs"] = true.into();
            body["top_logprobs"] = top.into();
        }
        body
    }

    fn read(&self, answer: &Value, _question: &Question<'_>) -> Result<Reply, String> {
        let choice = &answer["choices"][0];
        let ending = ending::of(choice)?;
        let message = &choice["message"];
        let text = match &message["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(text_of).collect(),
            // A model that spent its tokens on a thought, declined, or has nothing to say: an answer without a program.
            Value::Null if message.is_object() => {
                message["refusal"].as_str().unwrap_or_default().to_owned()
            }
            _ => return Err("the answer holds no choices[0].message.content".to_owned()),
        };
        Ok(Reply {
            only_thought: text.trim().is_empty() && has_thought(message),
            text,
            sampled: None,
            cut: ending.cut,
            refused: ending.refused
                || message["refusal"]
                    .as_str()
                    .is_some_and(|words| !words.is_empty()),
            likely: likely(&choice["logprobs"]),
            usage: usage(answer),
        })
    }

    fn remedy(&self, status: u16) -> &'static str {
        remedy(status)
    }
}

fn content(message: &Message) -> &str {
    if message.role == Role::Assistant && message.text.trim().is_empty() {
        NOTHING
    } else {
        &message.text
    }
}

/// The text of a part of an answer; a thought or an image is none of it.
fn text_of(part: &Value) -> Option<&str> {
    match part {
        Value::String(text) => Some(text),
        part => matches!(part["type"].as_str(), Some("text" | "output_text") | None)
            .then(|| part["text"].as_str())?,
    }
}

/// `content: [{token, logprob, top_logprobs: [{token, logprob}]}]`; nothing where one of them is not as it should be.
fn likely(logprobs: &Value) -> Vec<Place> {
    let entry = |value: &Value| {
        let token = value["token"].as_str()?.to_owned();
        Some((token, value["logprob"].as_f64()?))
    };
    let place = |value: &Value| {
        let own = entry(value)?;
        let top = value["top_logprobs"].as_array()?.iter();
        let mut tokens: Vec<(String, f64)> = top.map(entry).collect::<Option<_>>()?;
        let token = own.0.clone();
        if !tokens.iter().any(|(other, _)| *other == token) {
            tokens.push(own);
        }
        Some(Place { token, tokens })
    };
    let places = logprobs["content"].as_array().into_iter().flatten();
    places.map(place).collect::<Option<_>>().unwrap_or_default()
}

/// Whether a message holds a thought, wherever servers put it.
fn has_thought(message: &Value) -> bool {
    let said = |value: &Value| match value {
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(parts) => !parts.is_empty(),
        _ => false,
    };
    let beside = [
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "thinking",
    ];
    let parts = message["content"].as_array();
    beside.iter().any(|name| said(&message[*name]))
        || parts.is_some_and(|parts| {
            let kinds = parts.iter().filter_map(|part| part["type"].as_str());
            kinds
                .into_iter()
                .any(|kind| kind.contains("think") || kind.contains("reason"))
        })
}
