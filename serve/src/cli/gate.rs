//! `rlef gate`: compare two evaluations, print the answer for people, machines and CI pages, and exit by it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

pub use self::args::Args;
use super::output;
use super::output::{insist, print, print_json};
use super::{screen, sentence};
use rlef_judge::evaluation::record::Evaluation;
use rlef_judge::gate::{self, Options, Report, junit, markdown, names, text};
use rlef_judge::problem::printable;
use rlef_judge::problem::quarantine::today;

mod args;

/// Compares, tells, and exits by the answer.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let options = Options {
        k: args.k,
        turn: args.turn,
        margin: args.margin / 100.0,
        alpha: args.alpha,
        slices: args.slices.clone(),
        golden: ids(&args.golden)?,
        golden_rate: args.golden_rate,
        quarantine: ids(&args.quarantine)?,
        allow: args.allow.iter().copied().collect(),
        max_infra_rate: args.max_infra_rate,
        seed: args.seed,
    };
    if let Err(words) = options.check() {
        anyhow::bail!("failed to {words}");
    }
    outputs(args)?;
    if options.golden.is_empty() && !args.golden.is_empty() {
        anyhow::bail!(
            "failed to find a problem in {}: no id is in it, or all dates have passed; nothing would be guarded",
            args.golden.join(" ")
        );
    }
    let baseline = Evaluation::load(&args.baseline)?;
    let candidate = Evaluation::load(&args.candidate)?;
    let report = gate::compare(&baseline, &candidate, &options);
    let code = args.inconclusive.code(report.verdict);
    match tell(args, &report) {
        // What was found out is told by the code, whatever becomes of the files.
        Err(error) if code != ExitCode::SUCCESS => insist!("error: {}", sentence(&error)),
        told => told?,
    }
    Ok(code)
}

/// The answer first: it is known, whatever becomes of the files.
fn tell(args: &Args, report: &Report) -> anyhow::Result<()> {
    if args.json {
        print_json(&serde_json::to_string_pretty(report)?);
    } else {
        print(&screen::fitted(&text::render(report), std::io::stdout()));
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        insist!("{}", markdown::annotation(report));
    }
    let mut written = Ok(());
    if let Some(path) = &args.junit {
        let xml = junit::xml(report).context("failed to make JUnit XML")?;
        written = output::keep(path, xml.as_bytes());
    }
    if let Some(path) = &args.summary {
        let text = markdown::render(report);
        let appended = output::keep_appended(path, text.as_bytes());
        written = written.and(appended);
    }
    Ok(written?)
}

/// Finds out whether the files that are written can be.
fn outputs(args: &Args) -> anyhow::Result<()> {
    args.junit.as_deref().map_or(Ok(()), output::check_file)?;
    Ok((args.summary.as_deref()).map_or(Ok(()), output::check_appended)?)
}

/// Ids as given and those of files; an id whose date has passed is not among them.
fn ids(given: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for item in given {
        let Some(path) = item.strip_prefix('@') else {
            ids.insert(item.clone());
            continue;
        };
        let text = rlef_judge::files::read_given(Path::new(path))
            .with_context(|| format!("failed to read {path}"))?;
        let list = names::listed(Path::new(path), &text, &today())
            .map_err(|words| anyhow::anyhow!("failed to {words}"))?;
        for words in &list.expired {
            insist!("{}", printable(words));
        }
        ids.extend(list.ids);
    }
    Ok(ids)
}
