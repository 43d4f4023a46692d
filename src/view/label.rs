//! Pages on which people label: two answers, a ranking of several, or an answer's steps.
//!
//! `task` makes what is labelled of judged answers, `book` keeps what was said on disk where it is `sound`, `queue` says what a labeller sees next,
//! `agreement` how far labellers agree, `export` writes preferences, `desk` joins them and `pages` serves them.

mod agreement;
mod book;
mod desk;
mod export;
mod pages;
mod queue;
mod sound;
mod task;
#[cfg(test)]
mod tests;

pub use book::{Book, BookError, Label, Said};
pub use desk::{Desk, Options};
pub use export::{ExportForm, Exported, export};
pub use pages::routes;
pub use task::{Answer, Item, Kind, Next, Shown, Task, answers_of};
