//! `rlef convert`: problems, or preferences, of any known schema → rlef's own form, or Hugging Face's columns.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use rlef_judge::counted::counted;

use super::output::{insist, say};
use super::source;
use crate::preference::{self, Form, Item, Loaded, Schema};

/// Arguments of `rlef convert`.
#[derive(ClapArgs)]
#[command(
    after_help = "The name of the written file tells its form: .jsonl, .jsonl.gz or .parquet. A schema is told from the \
    content; SCHEMA:FILE names it.\n\nExamples:\n  rlef convert --problems MbppPlus.jsonl.gz --out mbpp.parquet\n  \
    rlef convert --problems cruxeval-input:cruxeval.jsonl --out inputs.jsonl\n  \
    rlef convert --preferences nectar.parquet --out pairs.jsonl --form hf"
)]
pub struct Args {
    /// Problems: a file of any known schema, SCHEMA:FILE, or a folder in the layout of APPS.
    #[arg(long, required_unless_present = "preferences")]
    problems: Option<String>,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Preferences instead: pairs, rankings, labelled answers or labelled steps, in a file of any known schema, or SCHEMA:FILE.
    #[arg(long, conflicts_with_all = ["problems", "schema"])]
    preferences: Option<String>,
    /// How preferences are written: as rlef does, with all that is known, or in the columns of TRL's data sets.
    #[arg(long, value_enum, default_value_t, conflicts_with = "problems")]
    form: Written,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

/// How preferences are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Written {
    /// As rlef does.
    #[default]
    Rlef,
    /// In Hugging Face's columns.
    Hf,
}

impl Written {
    /// The form.
    pub(super) const fn form(self) -> Form {
        match self {
            Self::Rlef => Form::Own,
            Self::Hf => Form::Hf,
        }
    }
}

/// Reads, writes, and says how many.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    rlef_serve::cli::convert::check(&args.out)?;
    if let Some(preferences) = &args.preferences {
        return convert(preferences, args);
    }
    let problems = args.problems.as_deref().unwrap_or_default();
    rlef_serve::cli::convert::convert(problems, &args.schema, &args.out)
}

fn convert(name: &str, args: &Args) -> anyhow::Result<ExitCode> {
    let loaded = preferences(name)?;
    let items: Vec<Item> = loaded.items.into_iter().map(|placed| placed.item).collect();
    anyhow::ensure!(
        !items.is_empty(),
        "failed to find a preference in {name}: all its rows are left out"
    );
    let unsaid = preference::save(&args.out, &items, args.form.form())?;
    for (count, what) in [
        (
            unsaid.ties,
            "ties are left out: these columns have no place for them",
        ),
        (
            unsaid.certainties,
            "pairs are written as certain, which they are not",
        ),
        (
            unsaid.neutral,
            "steps that are neither right nor wrong are written as wrong",
        ),
        (unsaid.shares, "steps are written without their shares"),
    ] {
        if count > 0 {
            say!("{count} {what}");
        }
    }
    let rows = counted(unsaid.rows, "row");
    say!("{rows} written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Preferences of a file, or of SCHEMA:FILE in the named schema; what is not used of them is said.
pub(super) fn preferences(name: &str) -> anyhow::Result<Loaded> {
    let named = name.split_once(':');
    let named = named.and_then(|(schema, path)| Some((Schema::named(schema)?, path)));
    let (schema, path) = match named {
        Some((schema, path)) => (Some(schema), path),
        None => (None, name),
    };
    let loaded = preference::load(Path::new(path), schema)?;
    for (reason, rows) in &loaded.left_out {
        insist!("{rows} rows of {path} are left out: {reason}");
    }
    for (field, rows) in &loaded.left_alone {
        say!(
            "field {} of {rows} rows of {path} is left alone",
            field.escape_debug()
        );
    }
    Ok(loaded)
}
