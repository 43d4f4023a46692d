//! Anthropic's helpful and harmless data (Bai et al. 2022, arXiv 2204.05862): two whole transcripts, alike up to an answer.

use serde_json::Value;

use super::fields::Fields;
use super::said::{apart, is_transcript, transcript};
use super::schema::has;
use super::{Found, Item, Labels, Pair, Role, Said, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "hh",
    about: "chosen and rejected as transcripts of Human and Assistant",
    fields: &["chosen", "rejected"],
    is: |object| {
        let transcript = |name: &str| {
            object
                .get(name)
                .and_then(Value::as_str)
                .is_some_and(is_transcript)
        };
        has(object, &["chosen", "rejected"])
            && !object.contains_key("prompt")
            && transcript("chosen")
            && transcript("rejected")
    },
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let messages = |name: &str| {
        let expected = "a transcript that begins with a blank line and `Human:`";
        let found = transcript(fields.text(name)?);
        found.ok_or_else(|| fields.wrong(name, expected, "another text"))
    };
    let parts = apart(&messages("chosen")?, &messages("rejected")?);
    for part in &parts[1..] {
        let ends = [part.first(), part.last()];
        if ends
            .iter()
            .any(|end| end.is_none_or(|end| end.role != Role::Assistant))
        {
            return Ok(Found::nothing(
                "their transcripts part or end where a person speaks",
            ));
        }
        if part.iter().any(|message| message.content.is_empty()) {
            return Ok(Found::nothing("one of their answers is empty"));
        }
    }
    let [prompt, chosen, rejected] = parts.map(Said::Messages);
    if prompt.is_blank() {
        return Err(fields.wrong(
            "rejected",
            "a transcript that begins as chosen does",
            "another",
        ));
    }
    Ok(Item::Pair(Pair {
        prompt,
        chosen,
        rejected,
        margin: None,
        certainty: None,
        labels: Labels::new(),
    })
    .into())
}
