//! What a labeller sees next: what was taken back, what is open still, now and then something labelled before, or something new.
//! Pure, but for what it is told is open elsewhere.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

use super::book::Book;
use super::task::{Item, Task};

/// Labels between one of a labeller's own and its repetition, so that it is not remembered.
const APART: usize = 10;

/// What is shown next.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Its name.
    pub(super) item: String,
    /// Whether it was labelled before, by whomever.
    pub(super) repeat: bool,
}

/// A draw that depends on what is named alone.
fn draw(seed: u64, names: &[&str]) -> ChaCha8Rng {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    for name in names {
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
    }
    ChaCha8Rng::from_seed(digest.finalize().into())
}

/// In which order an item's answers are shown: drawn, and for a labeller who saw it before another one.
pub(super) fn order(seed: u64, labeler: &str, item: &Item, book: &Book) -> Vec<usize> {
    let mut order: Vec<usize> = (0..item.answers.len()).collect();
    order.shuffle(&mut draw(seed, &["order", labeler, &item.id]));
    let seen = book
        .labels()
        .iter()
        .filter(|label| label.labeler == labeler && label.item == item.id)
        .count();
    if seen % 2 == 1 {
        order.reverse();
    }
    order
}

/// What a labeller sees next; nothing once all is labelled. `open` is what each labeller has before them.
pub(super) fn next(
    task: &Task,
    book: &Book,
    labeler: &str,
    open: &BTreeMap<String, String>,
    (share, seed): (f64, u64),
) -> Option<Shown> {
    let labels = book.labels();
    let shown = |item: &str| Shown {
        item: item.to_owned(),
        repeat: labels.iter().any(|label| label.item == item),
    };
    if let Some(item) = book.again(labeler).filter(|item| task.find(item).is_some()) {
        return Some(shown(item));
    }
    let own: Vec<&str> = labels
        .iter()
        .filter(|label| label.labeler == labeler)
        .map(|label| label.item.as_str())
        .collect();
    let count = own.len().to_string();
    let is_due = draw(seed, &["repeat", labeler, &count]).random::<f64>() < share;
    if is_due && let Some(item) = repeated(task, book, labeler, &own) {
        return Some(shown(item));
    }
    let done: HashSet<&str> = labels.iter().map(|label| label.item.as_str()).collect();
    let taken: HashSet<&str> = open
        .iter()
        .filter(|(other, _)| *other != labeler)
        .map(|(_, item)| item.as_str())
        .collect();
    let new = || {
        let items = task.items.iter();
        items.filter(|item| !done.contains(item.id.as_str()))
    };
    // Who has something open may have gone: it is given to another when nothing else is left.
    let free = new().find(|item| !taken.contains(item.id.as_str()));
    free.or_else(|| new().next()).map(|item| shown(&item.id))
}

/// What is labelled once more: what another labelled and this one did not, the least labelled first; else one's own, once, when it
/// was long ago.
fn repeated<'a>(task: &'a Task, book: &Book, labeler: &str, own: &[&str]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in book
        .labels()
        .iter()
        .filter(|label| label.labeler != labeler)
    {
        *counts.entry(label.item.as_str()).or_default() += 1;
    }
    let others = counts.into_iter().filter(|(item, _)| !own.contains(item));
    let least = others
        .filter_map(|(item, count)| Some((count, task.find(item)?)))
        .min_by_key(|(count, _)| *count);
    if let Some((_, item)) = least {
        return Some(&item.id);
    }
    let long_ago = &own[..own.len().saturating_sub(APART)];
    let once = long_ago
        .iter()
        .find(|item| own.iter().filter(|other| other == item).count() == 1);
    once.and_then(|item| task.find(item))
        .map(|item| item.id.as_str())
}
