//! `rlef rft`: what solved problems in journals → demonstrations to fine-tune on (rejection sampling).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};

use super::output::{self, say};
use super::pairs::Style;
use super::source;
use crate::journal::{self, EpisodeRecord, write_atomically};
use crate::problem::id::ById;
use crate::prompt;
use crate::rejection::{self, Learnt, Options};
use rlef_judge::counted::counted;

/// Arguments of `rlef rft`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    rlef eval --policy starter --problems contest:train --turns 1 \\\n      \
    --rollouts 16 --journal samples.jsonl\n  \
    rlef rft --journal samples.jsonl --problems contest:train --out kept.jsonl\n  \
    rlef train --objective sft --data kept.jsonl")]
pub struct Args {
    /// A journal of `rlef train` or `rlef eval`; may be given again, to pool what several policies solved.
    #[arg(long, required = true)]
    journal: Vec<PathBuf>,
    /// The problems that were played.
    #[arg(long)]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// File to write: JSON lines that `rlef train --objective sft --data` and TRL read.
    #[arg(long)]
    out: PathBuf,
    /// Programs of a problem at most.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    most: usize,
    /// The best of each problem by the scores of this judge in the journal, whatever the tests say: demonstrations sampled under the
    /// guidance of a reward model (ALMoST).
    #[arg(long, value_name = "JUDGE")]
    by: Option<String>,
    /// Keep programs that differ in comments, white space and their own names alone.
    #[arg(long)]
    repeated: bool,
    /// Which answers of an episode are learnt: the last, which solved the problem, or all.
    #[arg(long, value_enum, default_value_t)]
    learn: Which,
    /// Wording of the prompts, as it was when they were answered.
    #[arg(long, value_enum, default_value_t)]
    style: Style,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Which {
    #[default]
    Last,
    All,
}

/// Chooses and writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    output::check_file(&args.out)?;
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let by_id = ById::new(&problems);
    let mut records: Vec<EpisodeRecord> = Vec::new();
    for path in &args.journal {
        records.extend(journal::read::<EpisodeRecord>(path)?);
    }
    let options = Options {
        most: args.most,
        unsolved: args.by.is_some(),
        repeated: args.repeated,
        learnt: match args.learn {
            Which::Last => Learnt::Last,
            Which::All => Learnt::All,
        },
    };
    if let Some(judge) = &args.by {
        records = rejection::by_score(records, judge).map_err(anyhow::Error::msg)?;
    }
    let style = args.style.style();
    let (found, counts) = rejection::demonstrations(&records, options, |id| {
        let problem = by_id.find(id)?;
        let text = prompt::statement(style, problem.language(), &problem.statement);
        Ok((problem, text))
    })
    .map_err(|reason| {
        anyhow::anyhow!(
            "failed to use the journals with {}: {reason}",
            args.problems
        )
    })?;
    say!(
        "{} of {} episodes are solved; {} programs are there already, {} are beyond --most",
        counts.solved,
        records.len(),
        counts.repeated,
        counts.more
    );
    anyhow::ensure!(
        !found.is_empty(),
        "failed to find an episode that is solved: there is nothing to learn from"
    );
    let mut text = Vec::new();
    for line in &found {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    write_atomically(&args.out, &text)
        .with_context(|| format!("failed to write {}", args.out.display()))?;
    let demonstrations = counted(found.len(), "demonstration");
    let of = counted(counts.problems, "problem");
    say!("{demonstrations} of {of} written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
