//! What people or judges prefer: pairs of answers, rankings, labelled answers and labelled steps, from files as others write
//! them and as rlef does. One reader a file below `preference/`; `schema.rs` lists them. Knows no tokens.

mod binarized;
mod columns;
mod fields;
mod hf;
mod hh;
mod math_shepherd;
mod nectar;
mod own;
mod prm800k;
mod said;
mod schema;
mod summarize;
mod ultrafeedback;
mod write;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::problem::{self, Place, ProblemError};
pub use said::{Message, Role, Said};
pub use schema::{SCHEMAS, Schema};
pub use write::{Form, Unsaid, save};

/// Free labels: where an item comes from, and what made it.
pub type Labels = BTreeMap<String, String>;

/// One thing that is preferred to another, or held good or bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Item {
    /// Two answers.
    Pair(Pair),
    /// Several answers.
    Ranking(Ranking),
    /// One answer.
    Labelled(Labelled),
    /// One answer, step by step.
    Steps(Steps),
}

/// Two answers to one prompt, of which one is preferred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// What both answer.
    pub prompt: Said,
    /// The preferred answer.
    pub chosen: Said,
    /// The other.
    pub rejected: Said,
    /// By how much the preferred answer's reward is to be higher, where somebody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// How likely the order is right, from 0.5, a tie, to 1; certain where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<f64>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// Answers to one prompt with their places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranking {
    /// What all answer.
    pub prompt: Said,
    /// Two answers at least.
    pub answers: Vec<Ranked>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// One answer of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranked {
    /// The answer.
    pub answer: Said,
    /// Its place: lower is better, equal is a tie.
    pub rank: f64,
    /// Who gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// An answer that is good or bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// What it answers.
    pub prompt: Said,
    /// The answer.
    pub completion: Said,
    /// Whether it is good.
    pub label: bool,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// An answer whose steps are labelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// What it answers.
    pub prompt: Said,
    /// The steps, in order.
    pub steps: Vec<String>,
    /// What each of them is.
    pub marks: Vec<Mark>,
    /// How likely each is right, from 0 to 1, where that was counted: the share of completions from it that solve the problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<f64>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Wrong.
    Bad,
    /// Neither wrong nor of use.
    Neutral,
    /// Right.
    Good,
}

impl Ranking {
    /// All pairs of its answers that are no tie, in the order of the answers.
    pub fn pairs(&self) -> Vec<Pair> {
        let all = self.answers.iter().enumerate();
        let pairs = all.flat_map(|(place, one)| {
            let others = self.answers[place + 1..].iter();
            others.filter_map(move |other| {
                let (better, worse) = match one.rank.total_cmp(&other.rank) {
                    std::cmp::Ordering::Less => (one, other),
                    std::cmp::Ordering::Greater => (other, one),
                    std::cmp::Ordering::Equal => return None,
                };
                Some((better, worse))
            })
        });
        let pair = |(better, worse): (&Ranked, &Ranked)| {
            let mut labels = self.labels.clone();
            for (name, by) in [("chosen_by", &better.by), ("rejected_by", &worse.by)] {
                if !by.is_empty() {
                    labels.insert(name.to_owned(), by.clone());
                }
            }
            Pair {
                prompt: self.prompt.clone(),
                chosen: better.answer.clone(),
                rejected: worse.answer.clone(),
                margin: None,
                certainty: None,
                labels,
            }
        };
        pairs.map(pair).collect()
    }
}

impl Pair {
    /// Whether nobody prefers either.
    pub fn is_tie(&self) -> bool {
        self.certainty == Some(0.5)
    }

    /// Both answers, each good or bad by itself.
    pub fn labelled(&self) -> [Labelled; 2] {
        [(&self.chosen, true), (&self.rejected, false)].map(|(answer, label)| Labelled {
            prompt: self.prompt.clone(),
            completion: answer.clone(),
            label,
            labels: self.labels.clone(),
        })
    }
}

/// An item and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// File and row.
    pub place: Place,
    /// The item.
    pub item: Item,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// Its items, in their order; a row may hold several, or none.
    pub items: Vec<Placed>,
    /// Why rows hold none that is used, with how many do.
    pub left_out: BTreeMap<&'static str, usize>,
    /// Fields that nobody knows and that seem to decide nothing, with how many rows have each.
    pub left_alone: BTreeMap<String, usize>,
}

/// Reads a file of JSON lines (gzipped or not), a JSON array or Parquet, in the schema that its first row's fields tell, or in
/// the one that is named. One bad row refuses the file.
pub fn load(path: &Path, named: Option<&'static Schema>) -> Result<Loaded, ProblemError> {
    let mut loaded = Loaded::default();
    let mut chosen = named;
    let mut empty = true;
    problem::rows(path, &mut |place, value| {
        empty = false;
        let schema = match chosen {
            Some(schema) => schema,
            None => *chosen.insert(Schema::of(&value, &place)?),
        };
        let fields = fields::Fields::of(&place, &value, schema)?;
        for name in fields.unknown()? {
            *loaded.left_alone.entry(name).or_default() += 1;
        }
        let found = (schema.read)(&fields)?;
        if let Some(reason) = found.left_out {
            *loaded.left_out.entry(reason).or_default() += 1;
        }
        for item in found.items {
            fields::check(&item, &fields)?;
            let place = place.clone();
            loaded.items.push(Placed { place, item });
        }
        Ok(())
    })?;
    if empty {
        return Err(ProblemError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(loaded)
}

/// Whether a file's first row is in a schema that is known here; of what can't be read, no.
pub fn is_known(path: &Path) -> bool {
    let mut known = false;
    // The error that ends the reading after one row is not of interest, nor is any before it.
    let _ = problem::rows(path, &mut |place, value| {
        known = Schema::of(&value, &place).is_ok();
        Err(ProblemError::Empty {
            path: place.path.clone(),
        })
    });
    known
}

/// What a row holds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    items: Vec<Item>,
    left_out: Option<&'static str>,
}

impl From<Item> for Found {
    fn from(item: Item) -> Self {
        Self {
            items: vec![item],
            left_out: None,
        }
    }
}

impl Found {
    fn nothing(reason: &'static str) -> Self {
        Self {
            items: Vec::new(),
            left_out: Some(reason),
        }
    }
}

#[cfg(test)]
mod tests;
