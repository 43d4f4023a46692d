//! PRM800K (Lightman et al. 2023, "Let's Verify Step by Step", arXiv 2305.20050): steps of solutions, rated by people. Every
//! alternative that a solution was not continued with ends one of its own.

use super::fields::Fields;
use super::schema::has;
use super::{Found, Item, Labels, Mark, Said, Schema, Steps};
use crate::problem::ProblemError;

/// The schema.
pub(super) const SCHEMA: Schema = Schema {
    name: "prm800k",
    about: "question with problem, label with steps of rated completions",
    fields: &[
        "question",
        "label",
        "labeler",
        "timestamp",
        "generation",
        "is_quality_control_question",
        "is_initial_screening_question",
    ],
    is: |object| has(object, &["question", "label"]),
    read,
};

fn read(fields: &Fields<'_>) -> Result<Found, ProblemError> {
    if fields.is("is_quality_control_question")? {
        return Ok(Found::nothing("they control the labelers' quality"));
    }
    if fields.is("is_initial_screening_question")? {
        return Ok(Found::nothing("they screened the labelers"));
    }
    let label = fields.object_of("label")?;
    if label.text_if_any("finish_reason")? == Some("bad_problem") {
        return Ok(Found::nothing("the labeler called the problem bad"));
    }
    let prompt = Said::plain(fields.object_of("question")?.text("problem")?);
    let mut labels = Labels::new();
    if let Some(labeler) = fields.text_if_any("labeler")? {
        labels.insert("labeler".to_owned(), labeler.to_owned());
    }
    let mut items = Vec::new();
    let mut so_far: Vec<(String, Mark)> = Vec::new();
    let mut emit = |so_far: &[(String, Mark)]| {
        if so_far.is_empty() {
            return;
        }
        let (steps, marks) = so_far.iter().cloned().unzip();
        items.push(Item::Steps(Steps {
            prompt: prompt.clone(),
            steps,
            marks,
            shares: Vec::new(),
            labels: labels.clone(),
        }));
    };
    for step in label.objects("steps")? {
        let others = step
            .get("completions")
            .map_or(Ok(Vec::new()), |_| step.objects("completions"))?;
        let chosen = place(&step, others.len())?;
        for (index, other) in others.iter().enumerate() {
            if Some(index) == chosen {
                continue;
            }
            if let Some(rated) = rated(other)? {
                emit(&[&so_far[..], &[rated]].concat());
            }
        }
        let next = match chosen {
            Some(index) => rated(&others[index])?,
            None if step.get("human_completion").is_some() => {
                Some(written(&step.object_of("human_completion")?)?)
            }
            None => None,
        };
        let Some(next) = next else { break };
        so_far.push(next);
    }
    emit(&so_far);
    if items.is_empty() {
        return Ok(Found::nothing("they have no rated step"));
    }
    Ok(Found {
        items,
        left_out: None,
    })
}

/// Which of so many completions the solution was continued with.
fn place(step: &Fields<'_>, count: usize) -> Result<Option<usize>, ProblemError> {
    let Some(number) = step.number("chosen_completion")? else {
        return Ok(None);
    };
    let place = (0..count).find(|&place| place as f64 == number);
    let expected = format!("the place of one of the {count} completions");
    let wrong = || step.wrong("chosen_completion", &expected, &number.to_string());
    place.map(Some).ok_or_else(wrong)
}

/// A step with its rating; nothing where the labeler could not tell.
fn rated(completion: &Fields<'_>) -> Result<Option<(String, Mark)>, ProblemError> {
    if completion.is("flagged")? {
        return Ok(None);
    }
    let Some(rating) = completion.number("rating")? else {
        return Ok(None);
    };
    let mark = mark(completion, "rating", rating)?;
    Ok(Some((completion.text("text")?.to_owned(), mark)))
}

/// A step that the labeler has written, which is right unless it was corrected.
fn written(completion: &Fields<'_>) -> Result<(String, Mark), ProblemError> {
    let mark = match completion.number("corrected_rating")? {
        Some(rating) => mark(completion, "corrected_rating", rating)?,
        None => Mark::Good,
    };
    Ok((completion.text("text")?.to_owned(), mark))
}

fn mark(completion: &Fields<'_>, name: &str, rating: f64) -> Result<Mark, ProblemError> {
    match rating {
        -1.0 => Ok(Mark::Bad),
        0.0 => Ok(Mark::Neutral),
        1.0 => Ok(Mark::Good),
        other => Err(completion.wrong(name, "-1, 0 or 1", &other.to_string())),
    }
}
