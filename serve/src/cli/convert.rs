//! `convert`: problems of any known schema → rlef's own form.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_judge::counted::counted;
use rlef_judge::problem;

use super::output::{self, say};
use super::source::{self, SchemaArgs};

/// Arguments of `convert` where there are no preferences.
#[derive(ClapArgs)]
#[command(
    after_help = "The name of the written file tells its form: .jsonl, .jsonl.gz or .parquet. A schema is told from the content; \
    SCHEMA:FILE names it. Preferences are converted by the program with models, `rlef convert --preferences`.\n\n\
    Examples:\n  \
    rlef-judge convert --problems MbppPlus.jsonl.gz --out mbpp.parquet\n  \
    rlef-judge convert --problems cruxeval-input:cruxeval.jsonl \\\n      \
    --out inputs.jsonl"
)]
pub struct Args {
    /// Problems: a file of any known schema, SCHEMA:FILE, or a folder in the layout of APPS.
    #[arg(long)]
    problems: String,
    #[command(flatten)]
    schema: SchemaArgs,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

/// Reads, writes, and says how many.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    check(&args.out)?;
    convert(&args.problems, &args.schema, &args.out)
}

/// Refuses a file whose name tells no form, or that can't be written, before anything is read.
pub fn check(out: &Path) -> anyhow::Result<()> {
    let name = out.to_string_lossy();
    anyhow::ensure!(
        [".jsonl", ".jsonl.gz", ".parquet"]
            .iter()
            .any(|end| name.ends_with(end)),
        "failed to write {name}: expected a name that ends in .jsonl, .jsonl.gz or .parquet"
    );
    Ok(output::check_file(out)?)
}

/// Problems by name → a file that was checked.
pub fn convert(problems: &str, schema: &SchemaArgs, out: &Path) -> anyhow::Result<ExitCode> {
    let problems = source::problems(&schema.applied(problems)?)?;
    problem::save(out, &problems)?;
    let found = counted(problems.len(), "problem");
    say!("{found} written to {}", out.display());
    Ok(ExitCode::SUCCESS)
}
