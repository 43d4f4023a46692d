//! The columns of Hugging Face's TRL: pairs with a prompt or with one that both answers hold, labelled answers, labelled
//! steps; each plain or conversational.

use super::fields::Fields;
use super::said::{apart, apart_as_text};
use super::schema::has;
use super::{Found, Item, Labelled, Labels, Mark, Pair, Said, Schema, Steps};
use crate::problem::ProblemError;

/// Pairs.
pub(super) const PAIRS: Schema = Schema {
    name: "hf",
    about: "chosen, rejected, and prompt where they don't hold it",
    fields: &[
        "prompt",
        "chosen",
        "rejected",
        "margin",
        "score_chosen",
        "score_rejected",
        "id",
        "prompt_id",
        "source",
        "messages",
        "dataset",
        "language",
    ],
    is: |object| has(object, &["chosen", "rejected"]),
    read: pair,
};

/// Labelled answers.
pub(super) const UNPAIRED: Schema = Schema {
    name: "hf-unpaired",
    about: "prompt, completion, label",
    fields: &[
        "prompt",
        "completion",
        "label",
        "id",
        "prompt_id",
        "source",
        "dataset",
        "language",
    ],
    is: |object| has(object, &["prompt", "completion", "label"]),
    read: |fields| {
        Ok(Item::Labelled(Labelled {
            prompt: fields.said("prompt")?,
            completion: fields.said("completion")?,
            label: fields.flag("label")?,
            labels: Labels::new(),
        })
        .into())
    },
};

/// Labelled steps.
pub(super) const STEPWISE: Schema = Schema {
    name: "hf-stepwise",
    about: "prompt, completions, labels",
    fields: &[
        "prompt",
        "completions",
        "labels",
        "id",
        "prompt_id",
        "source",
        "dataset",
        "language",
    ],
    is: |object| has(object, &["prompt", "completions", "labels"]),
    read: steps,
};

fn pair(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let (chosen, rejected) = (fields.said("chosen")?, fields.said("rejected")?);
    let [prompt, chosen, rejected] = match fields.get("prompt") {
        Some(_) => [fields.said("prompt")?, chosen, rejected],
        None => implicit(chosen, rejected, fields)?,
    };
    let (certainty, labels) = scores(fields)?;
    Ok(Item::Pair(Pair {
        prompt,
        chosen,
        rejected,
        margin: fields.number("margin")?,
        certainty,
        labels,
    })
    .into())
}

/// The prompt that both answers hold, and the answers without it.
pub(super) fn implicit(
    chosen: Said,
    rejected: Said,
    fields: &Fields<'_>,
) -> Result<[Said; 3], ProblemError> {
    let parts = match (chosen, rejected) {
        (Said::Plain(chosen), Said::Plain(rejected)) => {
            apart_as_text(&chosen, &rejected).map(Said::Plain)
        }
        (Said::Messages(chosen), Said::Messages(rejected)) => {
            apart(&chosen, &rejected).map(Said::Messages)
        }
        _ => {
            let expected = "a text where chosen is one, messages where chosen is messages";
            return Err(fields.wrong("rejected", expected, "the other"));
        }
    };
    if parts[0].is_blank() {
        let expected = "a prompt, or answers that begin with it";
        return Err(fields.wrong("prompt", expected, "none, and answers that begin otherwise"));
    }
    Ok(parts)
}

/// What scores say: that it is a tie, or nothing but their numbers. An order that they contradict is refused.
pub(super) fn scores(fields: &Fields<'_>) -> Result<(Option<f64>, Labels), ProblemError> {
    let (chosen, rejected) = (
        fields.number("score_chosen")?,
        fields.number("score_rejected")?,
    );
    let Some((chosen, rejected)) = chosen.zip(rejected) else {
        return Ok((None, Labels::new()));
    };
    if rejected > chosen {
        let expected = format!("at most score_chosen, {chosen}");
        return Err(fields.wrong("score_rejected", &expected, &rejected.to_string()));
    }
    let named = [("score_chosen", chosen), ("score_rejected", rejected)];
    let labels = named.map(|(name, score)| (name.to_owned(), score.to_string()));
    let certainty = (chosen == rejected).then_some(0.5);
    Ok((certainty, labels.into_iter().collect()))
}

fn steps(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    let texts = fields.list("completions")?.iter().enumerate();
    let texts = texts.map(|(index, text)| {
        let wrong = || {
            let name = format!("completions[{index}]");
            fields.wrong(&name, "a text", &text.to_string())
        };
        text.as_str().map(str::to_owned).ok_or_else(wrong)
    });
    let steps = texts.collect::<Result<_, _>>()?;
    let marks = fields.list("labels")?.iter().enumerate();
    let marks = marks.map(|(index, label)| {
        if let Some(label) = label.as_bool() {
            return Ok(if label { Mark::Good } else { Mark::Bad });
        }
        match label.as_f64() {
            Some(1.0) => Ok(Mark::Good),
            Some(0.0) => Ok(Mark::Bad),
            _ => {
                let name = format!("labels[{index}]");
                let expected = "true or false (1 or 0): a share of right answers is no label here";
                Err(fields.wrong(&name, expected, &label.to_string()))
            }
        }
    });
    Ok(Item::Steps(Steps {
        prompt: fields.said("prompt")?,
        steps,
        marks: marks.collect::<Result<_, _>>()?,
        shares: Vec::new(),
        labels: Labels::new(),
    })
    .into())
}
