//! Where several labellers work at once: what each has before them, and what they say, kept in the book.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::agreement::{Agreement, alpha_of_all, kappas};
use super::book::{Book, BookError, Label, Said};
use super::queue;
use super::sound::check;
use super::task::{Item, Task};

/// Characters of a labeller's name at most.
const LONGEST_NAME: usize = 40;
/// Characters of a reason at most.
const LONGEST_REASON: usize = 4_000;

/// How labelling goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Share of items that are asked again, to measure agreement.
    pub repeats: f64,
    /// Names all draws.
    pub seed: u64,
    /// What labellers are told, as plain text.
    pub guidelines: String,
}

/// Labellers, and what they label.
pub struct Desk {
    task: Task,
    pub(super) options: Options,
    state: Mutex<State>,
}

struct State {
    book: Book,
    open: BTreeMap<String, String>,
}

/// What a labeller has before them.
pub(super) struct Open {
    pub(super) item: Item,
    pub(super) order: Vec<usize>,
    /// Labels that this labeller has given: who says something says it after so many.
    pub(super) count: usize,
}

/// How far a labelling is.
pub(super) struct Standing {
    pub(super) items: usize,
    pub(super) labelled: usize,
    pub(super) labels: usize,
    pub(super) labelers: Vec<(String, usize)>,
    pub(super) kappas: Vec<Agreement>,
    pub(super) alpha: Option<(f64, usize)>,
}

/// What a labeller says of what is shown: places are those shown.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Posted {
    pub(super) labeler: String,
    pub(super) item: String,
    pub(super) count: usize,
    pub(super) said: Said,
    #[serde(default)]
    pub(super) confidence: Option<u8>,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) seconds: f64,
    #[serde(default)]
    pub(super) saw_execution: bool,
}

/// Why something that was said is not kept.
#[derive(Debug)]
pub(super) enum Refused {
    /// It makes no sense.
    Bad(String),
    /// It was said of what is no longer shown.
    Stale(String),
    /// It could not be written.
    Book(BookError),
}

impl From<BookError> for Refused {
    fn from(error: BookError) -> Self {
        Self::Book(error)
    }
}

/// A name as it is kept; refused where it names nobody.
pub(super) fn name(text: &str) -> Result<String, Refused> {
    let name = text.trim();
    let fits = !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Refused::Bad(format!(
            "expected a name of 1 to {LONGEST_NAME} characters"
        )))
    }
}

/// What was said of answers as they were shown → the same of answers as the item holds them.
fn placed(said: Said, order: &[usize]) -> Result<Said, Refused> {
    let wrong = || Refused::Bad(format!("expected a label of {} answers", order.len()));
    Ok(match said {
        Said::Better(shown) => Said::Better(*order.get(shown).ok_or_else(wrong)?),
        Said::Places(shown) => {
            if shown.len() != order.len() {
                return Err(wrong());
            }
            let mut ranks = shown.clone();
            ranks.sort_unstable();
            ranks.dedup();
            let mut places = vec![0; order.len()];
            for (at, rank) in shown.iter().enumerate() {
                places[order[at]] = ranks.iter().position(|known| known == rank).unwrap_or(0);
            }
            Said::Places(places)
        }
        other => other,
    })
}

impl Desk {
    /// For a task, with what was said of it so far.
    pub fn new(task: Task, book: Book, options: Options) -> Self {
        let state = Mutex::new(State {
            book,
            open: BTreeMap::new(),
        });
        Self {
            task,
            options,
            state,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A label is taken in once it is written, so that a poisoned book is sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a labeller has before them: what they had, or the next; nothing once all is labelled.
    pub(super) fn open(&self, labeler: &str) -> Option<Open> {
        let mut state = self.lock();
        let draws = (self.options.repeats, self.options.seed);
        let id = match state.open.get(labeler) {
            Some(id) => id.clone(),
            None => queue::next(&self.task, &state.book, labeler, &state.open, draws)?.item,
        };
        let item = self.task.find(&id)?.clone();
        state.open.insert(labeler.to_owned(), id);
        Some(Open {
            order: queue::order(self.options.seed, labeler, &item, &state.book),
            count: given(&state.book, labeler),
            item,
        })
    }

    /// Keeps what a labeller says; it is on the disk when this returns.
    pub(super) fn say(&self, posted: Posted) -> Result<(), Refused> {
        let labeler = name(&posted.labeler)?;
        if posted.reason.chars().count() > LONGEST_REASON {
            return Err(Refused::Bad(format!(
                "expected a reason of at most {LONGEST_REASON} characters"
            )));
        }
        let mut state = self.lock();
        let count = given(&state.book, &labeler);
        let is_shown = state
            .open
            .get(&labeler)
            .is_none_or(|open| *open == posted.item);
        let (true, true, Some(item)) = (
            posted.count == count,
            is_shown,
            self.task.find(&posted.item),
        ) else {
            let words = format!(
                "this was said after {} labels of {labeler}, and there are {count}; what is next is shown",
                posted.count
            );
            return Err(Refused::Stale(words));
        };
        let order = queue::order(self.options.seed, &labeler, item, &state.book);
        let label = Label {
            item: posted.item,
            said: placed(posted.said, &order)?,
            order,
            confidence: posted.confidence,
            reason: posted.reason.trim().to_owned(),
            seconds: posted.seconds,
            saw_execution: posted.saw_execution,
            repeat: state
                .book
                .labels()
                .iter()
                .any(|label| label.item == item.id),
            labeler: labeler.clone(),
        };
        check(&label, item, self.task.kind).map_err(Refused::Bad)?;
        state.book.add(label, item)?;
        state.open.remove(&labeler);
        Ok(())
    }

    /// Takes back a labeller's last label, which is shown again; whether there was one.
    pub(super) fn undo(&self, labeler: &str) -> Result<bool, Refused> {
        let labeler = name(labeler)?;
        let mut state = self.lock();
        let taken = state.book.undo(&labeler)?;
        if taken.is_some() {
            state.open.remove(&labeler);
        }
        Ok(taken.is_some())
    }

    /// How far it is, and how far labellers agree.
    pub(super) fn standing(&self) -> Standing {
        let state = self.lock();
        let book = &state.book;
        let labelled = self
            .task
            .items
            .iter()
            .filter(|item| book.labels().iter().any(|label| label.item == item.id));
        Standing {
            items: self.task.items.len(),
            labelled: labelled.count(),
            labels: book.labels().len(),
            labelers: book
                .labelers()
                .into_iter()
                .map(|name| (name.to_owned(), given(book, name)))
                .collect(),
            kappas: kappas(book),
            alpha: alpha_of_all(book),
        }
    }

    /// What is asked.
    pub(super) const fn task(&self) -> &Task {
        &self.task
    }
}

/// Labels that a labeller has given.
fn given(book: &Book, labeler: &str) -> usize {
    book.labels()
        .iter()
        .filter(|label| label.labeler == labeler)
        .count()
}
