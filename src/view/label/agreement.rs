//! Labels of the same things → how far labellers agree, beyond chance: Cohen's kappa of any two, and of each with themselves;
//! Krippendorff's alpha of all. Pure.

use std::collections::BTreeMap;

use super::book::{Book, Label, Said};
use super::task::Kind;
use crate::labels::{Both, Distance, alpha, kappa};
use crate::preference::Mark;

/// How far some agree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agreement {
    /// Who.
    pub(super) who: String,
    /// Things that both labelled: pairs, pairs of a ranking's answers, or steps.
    pub(super) things: usize,
    /// The share labelled alike.
    pub(super) alike: f64,
    /// Beyond chance; nothing where chance is all there is.
    pub(super) kappa: Option<f64>,
}

/// The labels of each thing in an item, as numbers: the same thing has the same place in all labels of the item.
fn values(label: &Label) -> Vec<f64> {
    match &label.said {
        Said::Skip => Vec::new(),
        Said::Better(answer) => vec![*answer as f64],
        Said::Tie => vec![-1.0],
        Said::BothBad => vec![-2.0],
        Said::Places(places) => {
            let pairs = places.iter().enumerate().flat_map(|(at, one)| {
                places[at + 1..]
                    .iter()
                    .map(move |other| match one.cmp(other) {
                        std::cmp::Ordering::Less => -1.0,
                        std::cmp::Ordering::Equal => 0.0,
                        std::cmp::Ordering::Greater => 1.0,
                    })
            });
            pairs.collect()
        }
        Said::Marks(marks) => {
            let number = |mark: &Mark| match mark {
                Mark::Bad => -1.0,
                Mark::Neutral => 0.0,
                Mark::Good => 1.0,
            };
            marks.iter().map(number).collect()
        }
    }
}

/// Labels by item and labeller, in the order they were given.
fn by_item(book: &Book) -> BTreeMap<&str, BTreeMap<&str, Vec<Vec<f64>>>> {
    let mut all: BTreeMap<&str, BTreeMap<&str, Vec<Vec<f64>>>> = BTreeMap::new();
    for label in book
        .labels()
        .iter()
        .filter(|label| label.said != Said::Skip)
    {
        let of_item = all.entry(&label.item).or_default();
        of_item
            .entry(&label.labeler)
            .or_default()
            .push(values(label));
    }
    all
}

fn agreement(who: String, both: &[Both]) -> Option<Agreement> {
    let alike = both.iter().filter(|both| both.one == both.other).count();
    (!both.is_empty()).then(|| Agreement {
        who,
        things: both.len(),
        alike: alike as f64 / both.len() as f64,
        kappa: kappa(both),
    })
}

/// Things that both of two lists of labels say something of.
fn joined(one: &[f64], other: &[f64]) -> Vec<Both> {
    let things = one.iter().zip(other);
    things
        .map(|(&one, &other)| Both {
            one,
            other,
            weight: 1.0,
        })
        .collect()
}

/// Cohen's kappa of any two labellers by the first label that each gave an item, and of each with their own second one.
pub(super) fn kappas(book: &Book) -> Vec<Agreement> {
    let items = by_item(book);
    let names: Vec<&str> = book.labelers().into_iter().collect();
    let mut found = Vec::new();
    for (place, one) in names.iter().enumerate() {
        let again = items
            .values()
            .filter_map(|item| item.get(one))
            .filter(|labels| labels.len() > 1);
        let again: Vec<Both> = again
            .flat_map(|labels| joined(&labels[0], &labels[1]))
            .collect();
        found.extend(agreement(format!("{one}, asked again"), &again));
        for other in &names[place + 1..] {
            let both = items
                .values()
                .filter_map(|item| Some((item.get(one)?, item.get(other)?)));
            let both: Vec<Both> = both
                .flat_map(|(one, other)| joined(&one[0], &other[0]))
                .collect();
            found.extend(agreement(format!("{one} and {other}"), &both));
        }
    }
    found
}

/// Krippendorff's alpha of all labellers by the first label that each gave an item, with the things that two of them labelled. The
/// marks of steps are numbers; of all else only whether labels differ counts.
pub(super) fn alpha_of_all(book: &Book) -> Option<(f64, usize)> {
    let distance = match book.kind() {
        Kind::Steps => Distance::Interval,
        Kind::Pairs | Kind::Rankings => Distance::Nominal,
    };
    let mut things: Vec<Vec<f64>> = Vec::new();
    for item in by_item(book).values() {
        let firsts: Vec<&Vec<f64>> = item.values().filter_map(|labels| labels.first()).collect();
        let most = firsts.iter().map(|labels| labels.len()).max().unwrap_or(0);
        for place in 0..most {
            things.push(
                firsts
                    .iter()
                    .filter_map(|labels| labels.get(place).copied())
                    .collect(),
            );
        }
    }
    let count = things.iter().filter(|labels| labels.len() > 1).count();
    Some((alpha(&things, distance)?, count))
}
