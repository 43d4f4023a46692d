//! What `rlef label` is told.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args as ClapArgs;

use crate::cli::pairs::Style;
use crate::cli::source;
use crate::cli::view::BindArgs;
use crate::view::label::{ExportForm, Kind, Next};

/// Arguments of `rlef label`.
#[derive(ClapArgs)]
#[command(
    after_help = "Labels are on the disk before the next page is shown; started again, it goes on where everybody was. Several label at \
    once, each under a name of their own.\n\n\
    Examples:\n  \
    rlef eval --policy starter --problems contest:train --turns 1 \\\n      \
    --rollouts 8 --journal samples.jsonl\n  \
    rlef label --journal samples.jsonl --problems contest:train \\\n      \
    --out labels.jsonl\n  \
    rlef label --out labels.jsonl --export pairs.jsonl --form hf"
)]
pub struct Args {
    /// The file that labels are added to.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) out: PathBuf,
    /// A journal of `rlef train` or `rlef eval`, whose first answers are labelled; may be given again.
    #[arg(long, required_unless_present = "export")]
    pub(super) journal: Vec<PathBuf>,
    /// The problems that were played.
    #[arg(long, required_unless_present = "export")]
    pub(super) problems: Option<String>,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// What is asked: which of two answers is better, the order of up to seven, or what each line of an answer is.
    #[arg(long, value_enum, default_value_t)]
    pub(super) kind: Kind,
    /// What is labelled first: what is drawn, or that on which the judges of the journal (an ensemble of reward models, by
    /// rlef eval --judges) disagree most.
    #[arg(long, value_enum, default_value_t)]
    pub(super) next: Next,
    /// Share of what is shown that was labelled before, to measure agreement.
    #[arg(long, default_value_t = 0.15, value_parser = share)]
    pub(super) repeats: f64,
    /// A file of plain text that is shown beside, in place of the built-in guidelines.
    #[arg(long, value_name = "FILE")]
    guidelines: Option<PathBuf>,
    /// Wording of the prompts, as it was when they were answered.
    #[arg(long, value_enum, default_value_t)]
    pub(super) style: Style,
    /// Seed of all draws: what is shown when, and on which side.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Write what was labelled so far to this file, and end.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["journal", "problems", "guidelines"])]
    pub(super) export: Option<PathBuf>,
    /// How it is written: as rlef does, in the columns of TRL's data sets, or as PRM800K (steps alone).
    #[arg(long, value_enum, default_value_t, requires = "export")]
    pub(super) form: ExportForm,
    #[command(flatten)]
    pub(super) bind: BindArgs,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..1.0).contains(&share) {
        Ok(share)
    } else {
        Err("expected a number from 0 to less than 1".to_owned())
    }
}

const PAIRS: &str = "Choose the answer that you would rather be given.

1. A program that solves the problem is better than one that does not, whatever it looks like.
2. Of two that do, or two that don't, the better one is easier to understand, handles more inputs, and says nothing that is wrong.
3. Length by itself is no merit.
4. \"As good\" is for answers between which you would toss a coin; \"both bad\" for two of no use to anybody.
5. Say how sure you are from 1 (a guess) to 9 (certain). Pass over what you can't tell.
6. Judge by the text. What execution said is behind a switch; that you looked at it is kept with the label.";

const RANKINGS: &str = "Put the answers in order: 1 is the best, equal places are ties.

1. Programs that solve the problem come before those that do not, whatever they look like.
2. Among those alike in that, the one that is easier to understand and handles more inputs comes first.
3. Length by itself is no merit. Pass over what you can't tell.";

const STEPS: &str = "Say of every line what it is, from the first on.

Good: it is right, and brings the solution on. Neutral: it is right or harmless, and of no use. Bad: it is wrong, or leads away.
The first bad line ends it: what comes after a mistake need not be labelled. A line is judged by what stands before it, not by whether
the whole works in the end.";

impl Args {
    /// The name of the problems.
    pub(super) fn problems(&self) -> anyhow::Result<String> {
        let name = self
            .problems
            .as_deref()
            .context("failed to label without --problems")?;
        self.schema.applied(name)
    }

    /// What labellers are told.
    pub(super) fn guidelines(&self) -> anyhow::Result<String> {
        let Some(path) = &self.guidelines else {
            let built_in = match self.kind {
                Kind::Pairs => PAIRS,
                Kind::Rankings => RANKINGS,
                Kind::Steps => STEPS,
            };
            return Ok(built_in.to_owned());
        };
        crate::files::read_given(path).with_context(|| format!("failed to read {}", path.display()))
    }
}
