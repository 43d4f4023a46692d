//! UltraFeedback with two answers a prompt, as Hugging Face's H4 team has binarized it: the prompt is a text, and the answers
//! are messages that begin with it.

use serde_json::Value;

use super::fields::Fields;
use super::hf;
use super::schema::has;
use super::{Found, Item, Pair, Role, Said, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "ultrafeedback-binarized",
    about: "prompt, chosen and rejected as messages that begin with it, score_chosen, score_rejected",
    fields: &[
        "prompt",
        "chosen",
        "rejected",
        "score_chosen",
        "score_rejected",
        "prompt_id",
        "messages",
        "source",
    ],
    is: |object| {
        let messages = |name: &str| object.get(name).is_some_and(Value::is_array);
        let prompt = object.get("prompt").is_some_and(Value::is_string);
        has(object, &["score_chosen", "score_rejected"])
            && prompt
            && messages("chosen")
            && messages("rejected")
    },
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let answers = [fields.messages("chosen")?, fields.messages("rejected")?];
    let [chosen, rejected] = answers.map(Said::Messages);
    let [prompt, chosen, rejected] = hf::implicit(chosen, rejected, fields)?;
    let asked = fields.text("prompt")?;
    let says_so = match &prompt {
        Said::Messages(messages) => messages
            .iter()
            .any(|message| message.role == Role::User && message.content.trim() == asked.trim()),
        Said::Plain(_) => false,
    };
    if !says_so {
        let expected = "the text that a user says at the start of chosen and of rejected";
        return Err(fields.wrong("prompt", expected, asked));
    }
    let (certainty, labels) = hf::scores(fields)?;
    Ok(Item::Pair(Pair {
        prompt,
        chosen,
        rejected,
        margin: None,
        certainty,
        labels,
    })
    .into())
}
