//! `rlef labels`: labels of several sources over the same answers → how far they agree, and what moves each of them.

mod arguments;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::output::{self, print, print_json, say};
use super::{convert, source};
use crate::labels::{self, Answers, Options, Report, Source};
use crate::pairs::Asked;
use crate::problem::Problem;
pub use arguments::Args;

/// Reads, compares, tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(page) = &args.page {
        output::check_file(page)?;
    }
    let problems = match &args.problems {
        Some(name) => source::problems(&args.schema.applied(name)?)?,
        None => Vec::new(),
    };
    let asked = Asked::of(&problems, args.style.style());
    let mut answers = Answers::default();
    let mut sources: Vec<Source> = Vec::new();
    for name in &args.sources {
        let found = read(args, name, (&problems, &asked), &mut answers)?;
        anyhow::ensure!(
            sources.iter().all(|other| other.name != found.name),
            "failed to compare {name} with itself; name each source once"
        );
        sources.push(found);
    }
    let options = Options {
        most: args.most,
        draws: args.draws,
        seed: args.seed,
    };
    let report = Report::of(&answers, &sources, options);
    for both in &report.comparisons {
        let [one, other] = &both.names;
        if both.pairs + both.rated == 0 {
            say!(
                "{one} and {other} have no answer and no pair in common: are prompts worded alike (--style)?"
            );
        }
    }
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&report.to_string());
    }
    if let Some(page) = &args.page {
        output::keep(page, labels::page(&report).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One source: `WHO@JOURNAL`, or a file of preferences.
fn read(
    args: &Args,
    name: &str,
    (problems, asked): (&[Problem], &[Asked]),
    answers: &mut Answers,
) -> anyhow::Result<Source> {
    let of_journal = name.split_once('@').filter(|_| !Path::new(name).exists());
    let Some((who, path)) = of_journal else {
        let loaded = convert::preferences(name)?;
        return Ok(Source::of_items(name, &loaded.items, answers)?);
    };
    anyhow::ensure!(
        args.problems.is_some(),
        "failed to use {name}: a journal needs --problems, which were played"
    );
    let path = Path::new(path);
    let stem = path
        .file_stem()
        .context("failed to use a journal without a name")?;
    let by = stem.to_string_lossy();
    Ok(Source::of_journal(
        (who, &by),
        path,
        (problems, asked),
        answers,
    )?)
}
