//! Nectar (Zhu et al. 2023, the data of Starling): a transcript and seven ranked answers.

use super::fields::Fields;
use super::said::transcript;
use super::schema::has;
use super::{Found, Item, Labels, Ranked, Ranking, Role, Said, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "nectar",
    about: "prompt as a transcript, answers with answer, model and rank",
    fields: &[
        "prompt",
        "answers",
        "turns",
        "num_responses",
        "num_response",
        "source",
        "good_natured",
    ],
    is: |object| has(object, &["prompt", "answers"]),
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let text = fields.text("prompt")?;
    let expected = "a transcript that begins with a blank line and `Human:`";
    let mut messages = transcript(text).ok_or_else(|| fields.wrong("prompt", expected, text))?;
    // The place where the answers go.
    let open = messages
        .last()
        .filter(|last| last.role == Role::Assistant && last.content.is_empty());
    if open.is_some() {
        messages.pop();
    }
    let answers = fields.objects("answers")?.into_iter().map(|answer| {
        let rank = answer.number("rank")?;
        let wrong = || answer.wrong("rank", "a number, 1 for the best", "none");
        Ok(Ranked {
            answer: Said::Messages(vec![super::Message::of(
                Role::Assistant,
                answer.text("answer")?,
            )]),
            rank: rank.ok_or_else(wrong)?,
            by: answer.text_if_any("model")?.unwrap_or_default().to_owned(),
        })
    });
    let answers: Vec<Ranked> = answers.collect::<Result<_, ProblemError>>()?;
    Ok(Item::Ranking(Ranking {
        prompt: Said::Messages(messages),
        answers,
        labels: Labels::new(),
    })
    .into())
}
