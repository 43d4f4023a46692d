//! The comparisons of "Learning to summarize from human feedback" (Stiennon et al. 2020, arXiv 2009.01325): a post, two
//! summaries, and which was chosen. The labeler's confidence, on a scale of its own from 1 to 9, is kept as a label.

use super::fields::Fields;
use super::schema::has;
use super::{Found, Item, Labels, Pair, Said, Schema};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "summarize",
    about: "info with post or article, two summaries with text and policy, choice",
    fields: &[
        "info",
        "summaries",
        "choice",
        "worker",
        "batch",
        "split",
        "extra",
    ],
    is: |object| has(object, &["info", "summaries", "choice"]),
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let summaries = fields.objects("summaries")?;
    let [first, second] = summaries.as_slice() else {
        let found = summaries.len().to_string();
        return Err(fields.wrong("summaries", "two summaries", &found));
    };
    let choice = fields.number("choice")?;
    let (better, worse) = match choice {
        Some(0.0) => (first, second),
        Some(1.0) => (second, first),
        other => {
            let found = other.map_or("none".to_owned(), |choice| choice.to_string());
            return Err(fields.wrong("choice", "0 or 1, the place of a summary", &found));
        }
    };
    let mut labels = Labels::new();
    let mut label = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            labels.insert(name.to_owned(), value.to_owned());
        }
    };
    label("chosen_by", better.text_if_any("policy")?);
    label("rejected_by", worse.text_if_any("policy")?);
    label("labeler", fields.text_if_any("worker")?);
    if let Some(confidence) = confidence(fields)? {
        label("confidence", Some(&confidence.to_string()));
    }
    Ok(Item::Pair(Pair {
        prompt: Said::Plain(prompt(&fields.object_of("info")?)?),
        chosen: Said::plain(better.text("text")?),
        rejected: Said::plain(worse.text("text")?),
        margin: None,
        certainty: None,
        labels,
    })
    .into())
}

fn confidence(fields: &Fields<'_>) -> Result<Option<f64>, ProblemError> {
    if fields.get("extra").is_none() {
        return Ok(None);
    }
    let extra = fields.object_of("extra")?;
    let confidence = extra.number("confidence")?;
    match confidence {
        Some(number) if !(1.0..=9.0).contains(&number) => {
            Err(extra.wrong("confidence", "a number from 1 to 9", &number.to_string()))
        }
        _ => Ok(confidence),
    }
}

/// The text that summaries were asked for with.
fn prompt(info: &Fields<'_>) -> Result<String, ProblemError> {
    if let Some(article) = info.text_if_any("article")? {
        return Ok(format!("Article: {article}\n\nTL;DR:"));
    }
    let post = info.text("post")?;
    let part = |name: &str, before: &str| {
        let text = info.text_if_any(name)?;
        Ok(text.map_or(String::new(), |text| format!("{before}{text}\n\n")))
    };
    let (place, title) = (
        part("subreddit", "SUBREDDIT: r/")?,
        part("title", "TITLE: ")?,
    );
    Ok(format!("{place}{title}POST: {post}\n\nTL;DR:"))
}
