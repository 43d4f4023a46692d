//! The verbs that need no model, one file each, and what all verbs share. Words for people go to stderr, data to stdout.

pub mod apart;
pub mod asked;
pub mod convert;
pub mod doctor;
pub mod exit;
pub mod gate;
pub mod host;
pub mod judge;
pub mod levels;
pub mod machine;
pub mod output;
mod packages;
pub mod progress;
pub mod screen;
pub mod shell;
pub mod source;

use rlef_judge::nearest::{completed, plain};
use rlef_judge::problem::printable_lines;

/// An error and its causes as one sentence. Some errors quote their cause already; none is said twice.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // Ids, fields and paths in it are others'.
    printable_lines(&plain(&completed(&text)))
}
