//! Labels → preferences, for a reward model or an objective on pairs; and steps as PRM800K has them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Serialize;

use super::book::{Book, Label, Said};
use super::task::{Item as Labelled, Kind};
use crate::journal::write_atomically;
use crate::pairs::CLUSTER;
use crate::preference::Said as Text;
use crate::preference::{self, Form, Item, Labels, Mark, Pair, Ranked, Ranking, Steps};
use crate::problem::ProblemError;

/// How labels are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportForm {
    /// As rlef does, with who labelled, how sure and how long.
    #[default]
    Rlef,
    /// In the columns of TRL's data sets.
    Hf,
    /// As PRM800K: labels of steps alone.
    Prm800k,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows.
    pub rows: usize,
    /// Ties, which TRL's columns have no place for.
    pub ties: usize,
    /// Labels that say no order: passed over, or both bad.
    pub without: usize,
    /// Labels of what the same labeller had labelled before: they measure agreement.
    pub again: usize,
}

/// Writes the labels of a book; all or nothing.
pub fn export(book: &Book, path: &Path, form: ExportForm) -> Result<Exported, ProblemError> {
    let mut exported = Exported::default();
    let failed = |cause| ProblemError::Write {
        path: path.to_owned(),
        cause,
    };
    let mut seen: HashSet<(&str, &str)> = HashSet::new();
    let mut kept: Vec<(&Label, &Labelled)> = Vec::new();
    for label in book.labels() {
        let Some(item) = book.item(&label.item) else {
            continue;
        };
        if matches!(label.said, Said::Skip | Said::BothBad) {
            exported.without += 1;
        } else if seen.insert((&label.labeler, &label.item)) {
            kept.push((label, item));
        } else {
            exported.again += 1;
        }
    }
    if form == ExportForm::Prm800k {
        if book.kind() != Kind::Steps {
            let words = format!(
                "expected labels of steps for PRM800K, found labels of {}",
                book.kind().name()
            );
            return Err(failed(std::io::Error::other(words)));
        }
        let mut text = Vec::new();
        for (label, item) in &kept {
            serde_json::to_writer(&mut text, &row(label, item))
                .map_err(|error| failed(error.into()))?;
            text.push(b'\n');
        }
        write_atomically(path, &text).map_err(failed)?;
        exported.rows = kept.len();
        return Ok(exported);
    }
    let items: Vec<Item> = kept
        .iter()
        .filter_map(|(label, item)| preferred(label, item))
        .collect();
    let form = if form == ExportForm::Hf {
        Form::Hf
    } else {
        Form::Own
    };
    let unsaid = preference::save(path, &items, form)?;
    exported.rows = unsaid.rows;
    exported.ties = unsaid.ties;
    Ok(exported)
}

/// What is told of where a label comes from.
fn labels(label: &Label, item: &Labelled) -> Labels {
    let mut labels = Labels::from([
        ("labeler".to_owned(), label.labeler.clone()),
        ("seconds".to_owned(), format!("{:.1}", label.seconds)),
        ("problem".to_owned(), item.problem_id.clone()),
        (CLUSTER.to_owned(), item.cluster.clone()),
        ("saw_execution".to_owned(), label.saw_execution.to_string()),
    ]);
    labels.extend(
        label
            .confidence
            .map(|sure| ("confidence".to_owned(), sure.to_string())),
    );
    if !label.reason.is_empty() {
        labels.insert("reason".to_owned(), label.reason.clone());
    }
    labels
}

/// The preference that a label is; nothing where it says none.
fn preferred(label: &Label, item: &Labelled) -> Option<Item> {
    let prompt = Text::plain(&item.prompt);
    let mut told = labels(label, item);
    Some(match &label.said {
        Said::Better(better) => Item::Pair(pair(label, item, (*better, 1 - *better), None, told)?),
        Said::Tie => Item::Pair(pair(label, item, (0, 1), Some(0.5), told)?),
        Said::Places(places) => {
            let answers = item
                .answers
                .iter()
                .zip(places)
                .map(|(answer, place)| Ranked {
                    answer: Text::plain(&answer.text),
                    rank: *place as f64,
                    by: answer.by.clone(),
                });
            Item::Ranking(Ranking {
                prompt,
                answers: answers.collect(),
                labels: told,
            })
        }
        Said::Marks(marks) => {
            told.insert("by".to_owned(), item.answers.first()?.by.clone());
            Item::Steps(Steps {
                prompt,
                steps: (0..marks.len())
                    .map(|step| item.step(step).to_owned())
                    .collect(),
                marks: marks.clone(),
                shares: Vec::new(),
                labels: told,
            })
        }
        Said::BothBad | Said::Skip => return None,
    })
}

fn pair(
    label: &Label,
    item: &Labelled,
    (better, worse): (usize, usize),
    certainty: Option<f64>,
    mut told: Labels,
) -> Option<Pair> {
    let (chosen, rejected) = (item.answers.get(better)?, item.answers.get(worse)?);
    let first = if label.order.first() == Some(&better) {
        "chosen"
    } else {
        "rejected"
    };
    told.insert("shown_first".to_owned(), first.to_owned());
    told.insert("chosen_by".to_owned(), chosen.by.clone());
    told.insert("rejected_by".to_owned(), rejected.by.clone());
    Some(Pair {
        prompt: Text::plain(&item.prompt),
        chosen: Text::plain(&chosen.text),
        rejected: Text::plain(&rejected.text),
        margin: None,
        certainty,
        labels: told,
    })
}

/// A row of PRM800K.
#[derive(Serialize)]
struct Row<'a> {
    labeler: &'a str,
    is_quality_control_question: bool,
    is_initial_screening_question: bool,
    question: BTreeMap<&'static str, &'a str>,
    label: Solution<'a>,
}

#[derive(Serialize)]
struct Solution<'a> {
    steps: Vec<Step<'a>>,
    total_time: u64,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Step<'a> {
    completions: [Completion<'a>; 1],
    human_completion: Option<()>,
    chosen_completion: usize,
}

#[derive(Serialize)]
struct Completion<'a> {
    text: &'a str,
    rating: i8,
    flagged: bool,
}

fn row<'a>(label: &'a Label, item: &'a Labelled) -> Row<'a> {
    let marks: &[Mark] = match &label.said {
        Said::Marks(marks) => marks,
        _ => &[],
    };
    let step = |(place, mark): (usize, &Mark)| Step {
        completions: [Completion {
            text: item.step(place),
            rating: match mark {
                Mark::Bad => -1,
                Mark::Neutral => 0,
                Mark::Good => 1,
            },
            flagged: false,
        }],
        human_completion: None,
        chosen_completion: 0,
    };
    Row {
        labeler: &label.labeler,
        is_quality_control_question: false,
        is_initial_screening_question: false,
        question: [("problem", item.prompt.as_str())].into(),
        label: Solution {
            steps: marks.iter().enumerate().map(step).collect(),
            total_time: (label.seconds * 1000.0) as u64,
            finish_reason: if marks.contains(&Mark::Bad) {
                "found_error"
            } else {
                "solution"
            },
        },
    }
}
