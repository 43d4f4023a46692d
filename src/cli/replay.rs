//! `rlef replay`: judge every answer of a journal again, or compare it with another journal, and tell where they part.

mod chosen;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::output::{insist, print, print_json, say};
use super::{exit, source};
use crate::journal::diff::diff;
use crate::journal::{EpisodeRecord, again};
use crate::verdict::chosen_judge;
use chosen::Chosen;

/// Arguments of `rlef replay`.
#[derive(ClapArgs)]
#[command(
    after_help = "Everything is judged anew, whatever verdicts are kept.\n\n\
    Exit codes: 0 nothing changed, 1 something did, 2 usage or input, 4 the sandbox failed.\n\n\
    Examples:\n  \
    rlef replay --journal runs/train-001 --problems contest:train\n  \
    rlef replay --journal runs/train-001 --show \\\n      \
    --problem contest/train/00003 --step 8\n  \
    rlef replay --journal monday.jsonl --against tuesday.jsonl"
)]
pub struct Args {
    /// The journal to judge again: a file, or the folder of a run.
    #[arg(long)]
    journal: PathBuf,
    #[command(flatten)]
    chosen: Chosen,
    /// Print the episodes as lines of JSON; nothing is run.
    #[arg(long, conflicts_with = "against")]
    show: bool,
    /// Compare with this journal instead; nothing is run.
    #[arg(long)]
    against: Option<PathBuf>,
    /// The problems it was played on.
    #[arg(long, default_value = "contest:train")]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = crate::cli::workers())]
    workers: usize,
    /// Print every change as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// Compares; exits with 1 where something changed and 4 where the sandbox failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let records = args.chosen.read(&args.journal)?;
    if args.show {
        for record in &records {
            print_json(&serde_json::to_string(record)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (changes, lost, what) = if let Some(path) = &args.against {
        (diff(&records, &args.chosen.of(path)?), 0, "compared")
    } else {
        let found = judged_again(args, &records)?;
        for words in &found.lost {
            insist!("{words}");
        }
        (found.changes, found.lost.len(), "judged again")
    };
    for change in &changes {
        if args.json {
            print_json(&serde_json::to_string(change)?);
        } else {
            print(&change.to_string());
        }
    }
    say!(
        "{} episodes {what}, {} changes, {lost} verdicts lost to the sandbox",
        records.len(),
        changes.len()
    );
    Ok(match (changes.is_empty(), lost) {
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(exit::INFRASTRUCTURE),
        _ => ExitCode::from(exit::NO),
    })
}

/// Judges every answer of the journal anew.
fn judged_again(args: &Args, records: &[EpisodeRecord]) -> anyhow::Result<again::Again> {
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let judge = chosen_judge(args.isolation, args.python.as_deref(), args.workers)?;
    again::again(records, &problems, &judge).map_err(|reason| {
        anyhow::anyhow!(
            "failed to replay {} on {}: {reason}",
            args.journal.display(),
            args.problems
        )
    })
}
