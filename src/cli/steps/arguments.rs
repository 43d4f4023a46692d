//! What `rlef steps` is told.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::convert::Written;
use crate::cli::judging::JudgingArgs;
use crate::cli::pairs::Style;
use crate::cli::source;
use crate::model::device::Processor;
use crate::process_model::label::Means;

/// Arguments of `rlef steps`.
#[derive(ClapArgs)]
#[command(
    after_help = "A step is a line of an answer. --labels hard and soft sample completions from every step by the policy and have \
    them judged by all tests (Math-Shepherd); exact needs neither, and labels programs made of the built-in \
    problems' own lines.\n\n\
    Examples:\n  \
    rlef steps --policy starter --problems contest:train --labels exact \\\n      \
    --out steps.jsonl\n  \
    rlef steps --journal samples.jsonl --policy starter \\\n      \
    --problems contest:train --completions 8 --labels soft --out steps.jsonl\n  \
    rlef reward --kind process --policy starter --data steps.jsonl \\\n      \
    --out steps-model"
)]
pub struct Args {
    /// A journal whose first answers are labelled, in place of fresh ones; may be given again.
    #[arg(long)]
    pub(super) journal: Vec<PathBuf>,
    /// The checkpoint that answers, and that completes.
    #[arg(long, default_value = "starter")]
    pub(super) policy: PathBuf,
    #[command(flatten)]
    pub(super) template: source::TemplateArgs,
    /// The problems that were played, or are to be.
    #[arg(long)]
    pub(super) problems: String,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// How steps are labelled.
    #[arg(long, value_enum, default_value_t)]
    pub(super) labels: Means,
    /// Completions from each step.
    #[arg(long, default_value_t = 8, value_parser = crate::cli::count())]
    pub(super) completions: usize,
    /// Folder of a process reward model: of the answers to each problem those are labelled that are wrong and that it finds convincing,
    /// four of five, and else the most convincing (as in Let's Verify Step by Step).
    #[arg(long, value_name = "FOLDER")]
    pub(super) convincing: Option<PathBuf>,
    /// Answers of each problem that it chooses.
    #[arg(long, default_value_t = 1, value_parser = crate::cli::count(), requires = "convincing")]
    pub(super) most: usize,
    /// Fresh answers to each problem.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    pub(super) rollouts: usize,
    /// Temperature of answers and completions.
    #[arg(long, default_value_t = 1.0)]
    pub(super) temperature: f64,
    /// Tokens of an answer or a completion at most.
    #[arg(long, default_value_t = 96, value_parser = crate::cli::count())]
    pub(super) max_tokens: usize,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Wording of the prompts.
    #[arg(long, value_enum, default_value_t)]
    pub(super) style: Style,
    /// File to write, .jsonl, .jsonl.gz or .parquet.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// How it is written: as rlef does, or in the columns of TRL's data sets.
    #[arg(long, value_enum, default_value_t)]
    pub(super) form: Written,
    /// What answers are computed on.
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: Processor,
    #[command(flatten)]
    pub(super) judging: JudgingArgs,
}
