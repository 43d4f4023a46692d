//! What `rlef pairs` is told.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use crate::cli::convert::Written;
use crate::cli::judging::JudgingArgs;
use crate::cli::source;
use crate::model::device::Processor;
use crate::pairs::{self, Rule};
use crate::prompt::PromptStyle;

/// Arguments of `rlef pairs`.
#[derive(ClapArgs)]
#[command(
    after_help = "Only first answers are compared: they answer the same prompt. Each is judged by all tests of its problem, and by \
    whom --judges names.\n\n\
    Examples:\n  \
    rlef eval --policy starter --problems contest:train --turns 1 \\\n      \
    --rollouts 8 --journal samples.jsonl\n  \
    rlef pairs --journal samples.jsonl --problems contest:train \\\n      \
    --out pairs.jsonl\n  \
    rlef pairs --policy starter --rollouts 8 --problems contest:train \\\n      \
    --rule passed --out pairs.parquet\n  \
    rlef pairs --policy starter --problems contest:train \\\n      \
    --judges judges.toml --rule compared --out pairs.jsonl\n  \
    rlef pairs --hierarchy late,early,first --problems contest:train \\\n      \
    --judges first-model.toml --out synthetic.jsonl"
)]
pub struct Args {
    /// A journal of `rlef train` or `rlef eval`; may be given again.
    #[arg(long, required_unless_present = "fresh")]
    pub(super) journal: Vec<PathBuf>,
    /// Fresh answers of this checkpoint in place of a journal's.
    #[arg(long, conflicts_with = "journal", group = "fresh")]
    pub(super) policy: Option<PathBuf>,
    /// Fresh answers of these checkpoints, the best first: what an earlier one says is preferred to what a later one says (ALMoST),
    /// unless the preferred answer violates a constraint of --judges (at_least), the other is much longer, or the judges besides the
    /// tests, a first reward model say, score them the other way. How often the tests agree is told.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', group = "fresh", conflicts_with_all = ["journal", "policy", "rule", "ties"])]
    pub(super) hierarchy: Vec<String>,
    /// Times the length of the preferred answer that the other one of a hierarchy may have.
    #[arg(long, default_value_t = 2.0, requires = "hierarchy")]
    pub(super) longer: f64,
    #[command(flatten)]
    pub(super) template: source::TemplateArgs,
    /// Fresh answers to each problem.
    #[arg(long, default_value_t = 8, value_parser = crate::cli::count(), requires = "fresh")]
    pub(super) rollouts: usize,
    /// Temperature of fresh answers.
    #[arg(long, default_value_t = 1.0, requires = "fresh")]
    pub(super) temperature: f64,
    /// Tokens of a fresh answer at most.
    #[arg(long, default_value_t = 96, value_parser = crate::cli::count(), requires = "fresh")]
    pub(super) max_tokens: usize,
    /// What fresh answers are computed on.
    #[arg(long, value_enum, default_value_t, requires = "fresh")]
    pub(super) device: Processor,
    /// The problems that were played, or are to be.
    #[arg(long)]
    pub(super) problems: String,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// File to write, .jsonl, .jsonl.gz or .parquet.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// How it is written: as rlef does, with where each pair comes from, or in the columns of TRL's data sets.
    #[arg(long, value_enum, default_value_t)]
    pub(super) form: Written,
    /// What makes an answer better: all tests passed, more tests passed, a higher score of the judges besides the tests, or the
    /// order that a judge which compares puts answers in.
    #[arg(long, value_enum, default_value_t)]
    pub(super) rule: Rule,
    /// Pairs of a problem at most.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    pub(super) most: usize,
    /// Writes a ranking of so many answers to each problem in the place of pairs, from 2 to 9: `rlef reward --loss plackett-luce` learns it
    /// as a whole.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=pairs::MOST_RANKED as u64), conflicts_with_all = ["most", "ties", "hierarchy"])]
    pub(super) ranking: Option<u64>,
    /// Keep ties, as pairs of which neither is preferred.
    #[arg(long)]
    pub(super) ties: bool,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Wording of the prompts, as it was when they were answered.
    #[arg(long, value_enum, default_value_t)]
    pub(super) style: Style,
    #[command(flatten)]
    pub(super) judging: JudgingArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(in crate::cli) enum Style {
    #[default]
    Compact,
    Full,
}

impl Style {
    /// The wording.
    pub(in crate::cli) const fn style(self) -> PromptStyle {
        match self {
            Self::Compact => PromptStyle::Compact,
            Self::Full => PromptStyle::Full,
        }
    }
}
