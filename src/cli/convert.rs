//! `rlef convert`: problems of any known schema → rlef JSON Lines or Parquet.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;

use super::output::{self, say};
use super::source;
use crate::problem;

/// Arguments of `rlef convert`.
#[derive(ClapArgs)]
#[command(
    after_help = "The name of the written file tells its form: .jsonl, .jsonl.gz or .parquet. A schema is told from the \
    content; SCHEMA:FILE names it.\n\nExamples:\n  rlef convert --problems MbppPlus.jsonl.gz --out mbpp.parquet\n  \
    rlef convert --problems cruxeval-input:cruxeval.jsonl --out inputs.jsonl"
)]
pub struct Args {
    /// Problems: a file of any known schema, SCHEMA:FILE, or a folder in the layout of APPS.
    #[arg(long)]
    problems: String,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

/// Reads, writes, and says how many.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let name = args.out.to_string_lossy();
    anyhow::ensure!(
        [".jsonl", ".jsonl.gz", ".parquet"]
            .iter()
            .any(|end| name.ends_with(end)),
        "failed to write {name}: expected a name that ends in .jsonl, .jsonl.gz or .parquet"
    );
    output::check_file(&args.out)?;
    let problems = source::problems(&args.problems)?;
    problem::save(&args.out, &problems)?;
    say!("{} problems written to {name}", problems.len());
    Ok(ExitCode::SUCCESS)
}
