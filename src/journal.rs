//! Journal: every episode as one line of JSON, in the order it was played. Write, read, and cut back to a checkpoint.
//!
//! A run's journal (`journal.jsonl.zst`) is a row of frames, each compressed by itself, with an index beside it: it opens at
//! once however large it is, and any episode is read without the rest. `zstdcat` gives its lines. The first form, the bare lines
//! (`journal.jsonl`), is read as ever, and a run that began with it goes on in it. An evaluation's journal is lines.

pub mod again;
#[cfg(test)]
mod agreement;
mod blocks;
mod credit;
pub mod diff;
mod error;
mod frame;
mod frames;
mod index;
mod lines;
mod read;
mod reader;
mod record;
mod run_journal;
mod tail;
#[cfg(test)]
mod tests;

pub(crate) use crate::files::partial_in;
pub use crate::files::write_atomically;
pub use blocks::Blocks;
pub use credit::{CREDIT, CREDIT_INDEX, CreditFile, CreditRecord, credit_of};
pub use error::JournalError;
pub use frame::Name;
pub use frames::Frames;
pub use lines::Lines;
pub(crate) use lines::is_event;
pub(crate) use read::text;
pub use read::{of_run, read, read_chosen};
pub use reader::{FrameReader, Selection};
pub use record::{EpisodeRecord, FailureRecord, RewardRecord, TurnRecord};
pub use run_journal::RunJournal;

/// The file in a run's folder.
pub const NAME: &str = "journal.jsonl.zst";
/// Its index.
pub const INDEX: &str = "journal.jsonl.zst.index";
/// The file of a run that began before there were frames.
pub const FIRST_FORM: &str = "journal.jsonl";
