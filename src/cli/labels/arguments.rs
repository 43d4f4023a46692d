//! What `rlef labels` is told.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::pairs::Style;
use crate::cli::source;

/// Arguments of `rlef labels`.
#[derive(ClapArgs)]
#[command(
    after_help = "A source is a file of preferences in any form that `rlef convert --preferences` knows (pairs and rankings are \
    choices, labelled answers are ratings 0 and 1), or tests@JOURNAL, whether first answers pass all tests, or \
    JUDGE@JOURNAL, the scores that a judge gave them. Sources that rate answers choose between any two of them by \
    their ratings. Pairs may say who gave their answers by the labels chosen_by and rejected_by, and which was shown \
    first by shown_first = chosen or rejected.\n\n\
    Examples:\n  \
    rlef labels people.jsonl model.jsonl\n  \
    rlef labels tests@samples.jsonl ai_rating@samples.jsonl \\\n      \
    reward_model@samples.jsonl --problems contest:test --page labels.html"
)]
pub struct Args {
    /// Whose labels are compared: FILE, SCHEMA:FILE, tests@JOURNAL or JUDGE@JOURNAL. One alone is told of by itself.
    #[arg(required = true, value_name = "SOURCE")]
    pub(super) sources: Vec<String>,
    /// The problems that journals are of.
    #[arg(long)]
    pub(super) problems: Option<String>,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// Wording of the prompts, by which answers of journals are found in files of preferences.
    #[arg(long, value_enum, default_value_t)]
    pub(super) style: Style,
    /// Pairs of answers to one prompt at most, where they follow from ratings.
    #[arg(long, default_value_t = 500, value_parser = crate::cli::count())]
    pub(super) most: usize,
    /// Draws of an interval.
    #[arg(long, default_value_t = 1000, value_parser = crate::cli::count())]
    pub(super) draws: usize,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub(super) json: bool,
    /// Also write the tables as a page.
    #[arg(long, value_name = "FILE.html")]
    pub(super) page: Option<PathBuf>,
}
