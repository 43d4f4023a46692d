//! `/completions`: text in, what follows it out. Messages stand one after the other, a blank line between them, and the prompt
//! ends in an open fence, so that a model that was never instructed goes on with code; its fence is closed where it stops.

use serde_json::{Value, json};

use super::{Form, Interface, Question, Reply, common, ending, remedy, usage};
use crate::dialogue::Message;

/// What opens and ends a program.
const FENCE: &str = "```";

pub(super) struct Completions;

impl Interface for Completions {
    fn name(&self) -> &'static str {
        "completions"
    }

    fn path(&self) -> &'static str {
        "completions"
    }

    fn body(&self, question: &Question<'_>, form: &Form<'_>) -> Value {
        let mut body = common(question, form);
        body["prompt"] = prompt(question.messages).into();
        let mut stop = vec![format!("\n{FENCE}")];
        stop.extend(question.options.stop.iter().cloned());
        body["stop"] = json!(stop);
        body
    }

    fn read(&self, answer: &Value, _question: &Question<'_>) -> Result<Reply, String> {
        let choice = &answer["choices"][0];
        let ending::Ending { cut, refused } = ending::of(choice)?;
        let text = choice["text"]
            .as_str()
            .ok_or("the answer holds no choices[0].text")?;
        let end = if cut {
            String::new()
        } else {
            // It stopped before the fence, which is left out of the text.
            format!("\n{FENCE}")
        };
        Ok(Reply {
            text: format!("{FENCE}{text}{end}"),
            cut,
            refused,
            usage: usage(answer),
            ..Reply::default()
        })
    }

    fn remedy(&self, status: u16) -> &'static str {
        remedy(status)
    }
}

/// The text that a server is to go on from: it ends in an open fence.
fn prompt(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages {
        text.push_str(message.text.trim_end());
        text.push_str("\n\n");
    }
    text + FENCE
}
