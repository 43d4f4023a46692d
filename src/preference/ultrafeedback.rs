//! UltraFeedback (Cui et al. 2023, arXiv 2310.01377) as it was published: an instruction and answers with an overall score.

use super::fields::Fields;
use super::schema::has;
use super::{Found, Item, Labels, Ranked, Ranking, Said, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "ultrafeedback",
    about: "instruction, completions with response, model and overall_score",
    // What is known to be right or wrong of an answer is in its score already.
    fields: &[
        "instruction",
        "completions",
        "source",
        "models",
        "correct_answers",
        "incorrect_answers",
    ],
    is: |object| has(object, &["instruction", "completions"]),
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let answers = fields.objects("completions")?.into_iter().map(|answer| {
        let score = answer.number("overall_score")?;
        let wrong = || answer.wrong("overall_score", "a number", "none");
        Ok(Ranked {
            answer: Said::plain(answer.text("response")?),
            // A lower rank is better.
            rank: -score.ok_or_else(wrong)?,
            by: answer.text_if_any("model")?.unwrap_or_default().to_owned(),
        })
    });
    let answers: Vec<Ranked> = answers.collect::<Result<_, ProblemError>>()?;
    if answers.len() < 2 {
        return Ok(Found::nothing("they have fewer than two answers"));
    }
    if answers.iter().any(|ranked| ranked.answer.is_blank()) {
        return Ok(Found::nothing("one of their answers is empty"));
    }
    let mut labels = Labels::new();
    if let Some(source) = fields.text_if_any("source")? {
        labels.insert("source".to_owned(), source.to_owned());
    }
    Ok(Item::Ranking(Ranking {
        prompt: Said::plain(fields.text("instruction")?),
        answers,
        labels,
    })
    .into())
}
