//! Math-Shepherd (Wang et al. 2023, arXiv 2312.08935): a problem and its solution as one text in which a mark ends every step,
//! and the same text with + or - in the mark's place.

use super::fields::Fields;
use super::schema::has;
use super::{Found, Item, Labels, Mark, Said, Schema, Steps};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "math-shepherd",
    about: "input with a mark after every step, label with + or - in its place",
    fields: &["input", "label", "task"],
    is: |object| has(object, &["input", "label"]),
    read,
};

/// What ends a step.
const STEP: &str = "ки";
/// What the first step begins with.
const FIRST: &str = "Step 1:";

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let (input, mut label) = (fields.text("input")?, fields.text("label")?);
    let mut pieces: Vec<&str> = input.split(STEP).collect();
    let rest = pieces.pop().unwrap_or_default();
    if pieces.is_empty() || !rest.trim().is_empty() {
        return Ok(Found::nothing("their last step has no mark"));
    }
    let Some(start) = pieces[0].find(FIRST) else {
        return Ok(Found::nothing("they have no `Step 1:`"));
    };
    let mut marks = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let wrong = |found: &str| {
            let expected = format!("the text of input with + or - after step {}", index + 1);
            fields.wrong("label", &expected, found)
        };
        label = label
            .strip_prefix(piece)
            .ok_or_else(|| wrong("another text"))?;
        let (mark, sign) = match label.chars().next() {
            Some('+') => (Mark::Good, '+'),
            Some('-') => (Mark::Bad, '-'),
            Some(other) => return Err(wrong(&other.to_string())),
            None => return Err(wrong("its end")),
        };
        marks.push(mark);
        label = &label[sign.len_utf8()..];
    }
    let (prompt, first) = pieces[0].split_at(start);
    let steps = std::iter::once(first).chain(pieces[1..].iter().copied());
    let mut labels = Labels::new();
    if let Some(task) = fields.text_if_any("task")? {
        labels.insert("task".to_owned(), task.to_owned());
    }
    Ok(Item::Steps(Steps {
        prompt: Said::plain(prompt.trim()),
        steps: steps.map(|step| step.trim().to_owned()).collect(),
        marks,
        shares: Vec::new(),
        labels,
    })
    .into())
}
