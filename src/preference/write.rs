//! Items → a file in rlef's own form or in the columns of Hugging Face's TRL, as JSON lines or Parquet.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::columns::{self, Column};
use super::{Item, Labelled, Mark, Message, Pair, Role, Said, Steps};
use crate::journal::write_atomically;
use crate::problem::ProblemError;

/// How items are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As rlef does, with all that is known of them.
    #[default]
    Own,
    /// In the columns of TRL's data sets: rankings as all their pairs.
    Hf,
}

/// What a form has no place for, with how many items it concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// Rows written.
    pub rows: usize,
    /// Ties, which are left out.
    pub ties: usize,
    /// Orders that are not certain, written as if they were.
    pub certainties: usize,
    /// Steps that are neither right nor wrong, written as wrong, as TRL's own conversion does.
    pub neutral: usize,
    /// Steps of which is known how likely they are right, written as right or wrong.
    pub shares: usize,
}

/// Writes items, all or nothing. Hugging Face's columns hold one kind alone.
pub fn save(path: &Path, items: &[Item], form: Form) -> Result<Unsaid, ProblemError> {
    let failed = |cause| ProblemError::Write {
        path: path.to_owned(),
        cause,
    };
    let (rows, unsaid) = match form {
        Form::Own => (own(items), rows_of(items.len())),
        Form::Hf => hf(items).map_err(|found| {
            let words =
                format!("expected items of one kind for Hugging Face's columns, found {found}");
            failed(std::io::Error::other(words))
        })?,
    };
    let has = |end: &str| path.extension().is_some_and(|found| found == end);
    let bytes = if has("parquet") {
        columns::encode(&rows.columns()).map_err(|error| failed(std::io::Error::other(error)))?
    } else if has("gz") {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&rows.lines()).map_err(failed)?;
        packed.finish().map_err(failed)?
    } else {
        rows.lines()
    };
    write_atomically(path, &bytes).map_err(failed)?;
    Ok(unsaid)
}

fn rows_of(rows: usize) -> Unsaid {
    Unsaid {
        rows,
        ..Unsaid::default()
    }
}

/// Rows of one form.
enum Rows {
    Own(Vec<Item>),
    Pairs(Vec<Pair>),
    Labelled(Vec<Labelled>),
    Steps(Vec<Steps>),
}

fn own(items: &[Item]) -> Rows {
    Rows::Own(items.to_vec())
}

fn hf(items: &[Item]) -> Result<(Rows, Unsaid), String> {
    let mut unsaid = Unsaid::default();
    let (mut pairs, mut labelled, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Pair(pair) if pair.is_tie() => unsaid.ties += 1,
            Item::Pair(pair) => {
                unsaid.certainties += usize::from(pair.certainty.is_some_and(|known| known < 1.0));
                pairs.push(pair.clone());
            }
            Item::Ranking(ranking) => {
                let count = ranking.answers.len();
                let all = ranking.pairs();
                unsaid.ties += count * (count - 1) / 2 - all.len();
                pairs.extend(all);
            }
            Item::Labelled(one) => labelled.push(one.clone()),
            Item::Steps(one) => {
                let neutral = one.marks.iter().filter(|mark| **mark == Mark::Neutral);
                unsaid.neutral += neutral.count();
                unsaid.shares += one.shares.len();
                steps.push(one.clone());
            }
        }
    }
    let counts = [
        ("pairs", pairs.len()),
        ("labelled answers", labelled.len()),
        ("steps", steps.len()),
    ];
    let there: Vec<&str> = counts
        .iter()
        .filter(|kind| kind.1 > 0)
        .map(|kind| kind.0)
        .collect();
    if there.len() > 1 {
        return Err(there.join(" and "));
    }
    unsaid.rows = counts.iter().map(|kind| kind.1).sum();
    let rows = if !labelled.is_empty() {
        let talks = labelled
            .iter()
            .any(|one| talks(&[&one.prompt, &one.completion]));
        for one in labelled.iter_mut().filter(|_| talks) {
            talk(&mut one.prompt, Role::User);
            talk(&mut one.completion, Role::Assistant);
        }
        Rows::Labelled(labelled)
    } else if !steps.is_empty() {
        Rows::Steps(steps)
    } else {
        let talks = pairs
            .iter()
            .any(|pair| talks(&[&pair.prompt, &pair.chosen, &pair.rejected]));
        for pair in pairs.iter_mut().filter(|_| talks) {
            talk(&mut pair.prompt, Role::User);
            talk(&mut pair.chosen, Role::Assistant);
            talk(&mut pair.rejected, Role::Assistant);
        }
        Rows::Pairs(pairs)
    };
    Ok((rows, unsaid))
}

fn talks(said: &[&Said]) -> bool {
    said.iter().any(|said| matches!(said, Said::Messages(_)))
}

/// A column is either plain or conversational: where one row talks, all do.
fn talk(said: &mut Said, role: Role) {
    if let Said::Plain(text) = said {
        *said = Said::Messages(vec![Message::of(role, std::mem::take(text))]);
    }
}

#[derive(Serialize)]
struct PairRow<'a> {
    prompt: &'a Said,
    chosen: &'a Said,
    rejected: &'a Said,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
}

#[derive(Serialize)]
struct LabelledRow<'a> {
    prompt: &'a Said,
    completion: &'a Said,
    label: bool,
}

#[derive(Serialize)]
struct StepsRow<'a> {
    prompt: &'a Said,
    completions: &'a [String],
    labels: Vec<bool>,
}

fn signs(steps: &Steps) -> Vec<bool> {
    steps.marks.iter().map(|mark| *mark == Mark::Good).collect()
}

impl Rows {
    fn lines(&self) -> Vec<u8> {
        match self {
            Self::Own(items) => lines(items.iter()),
            Self::Pairs(pairs) => lines(pairs.iter().map(|pair| PairRow {
                prompt: &pair.prompt,
                chosen: &pair.chosen,
                rejected: &pair.rejected,
                margin: pair.margin,
            })),
            Self::Labelled(all) => lines(all.iter().map(|one| LabelledRow {
                prompt: &one.prompt,
                completion: &one.completion,
                label: one.label,
            })),
            Self::Steps(all) => lines(all.iter().map(|one| StepsRow {
                prompt: &one.prompt,
                completions: &one.steps,
                labels: signs(one),
            })),
        }
    }

    fn columns(&self) -> Vec<(&'static str, Column)> {
        match self {
            Self::Own(items) => {
                let text = |item: &Item| serde_json::to_string(item).unwrap_or_default();
                vec![("item", Column::Texts(items.iter().map(text).collect()))]
            }
            Self::Pairs(pairs) => {
                let mut columns = vec![
                    ("prompt", column(pairs.iter().map(|pair| &pair.prompt))),
                    ("chosen", column(pairs.iter().map(|pair| &pair.chosen))),
                    ("rejected", column(pairs.iter().map(|pair| &pair.rejected))),
                ];
                let margins: Vec<Option<f64>> = pairs.iter().map(|pair| pair.margin).collect();
                if margins.iter().any(Option::is_some) {
                    columns.push(("margin", Column::Numbers(margins)));
                }
                columns
            }
            Self::Labelled(all) => vec![
                ("prompt", column(all.iter().map(|one| &one.prompt))),
                ("completion", column(all.iter().map(|one| &one.completion))),
                (
                    "label",
                    Column::Flags(all.iter().map(|one| one.label).collect()),
                ),
            ],
            Self::Steps(all) => vec![
                ("prompt", column(all.iter().map(|one| &one.prompt))),
                (
                    "completions",
                    Column::TextLists(all.iter().map(|one| one.steps.clone()).collect()),
                ),
                ("labels", Column::FlagLists(all.iter().map(signs).collect())),
            ],
        }
    }
}

fn lines(rows: impl Iterator<Item = impl Serialize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        // Texts, finite numbers and lists of them: nothing in a row can't be written.
        if serde_json::to_writer(&mut bytes, &row).is_ok() {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn column<'a>(all: impl Iterator<Item = &'a Said> + Clone) -> Column {
    let plain = |said: &'a Said| match said {
        Said::Plain(text) => Some(text.clone()),
        Said::Messages(_) => None,
    };
    if let Some(texts) = all.clone().map(plain).collect() {
        return Column::Texts(texts);
    }
    let messages = |said: &Said| match said {
        Said::Plain(text) => vec![Message::of(Role::User, text.clone())],
        Said::Messages(messages) => messages.clone(),
    };
    Column::Messages(all.map(messages).collect())
}
