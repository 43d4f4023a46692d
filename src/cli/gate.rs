//! `rlef gate`: compare two evaluations, print the answer for people, machines and CI pages, and exit by it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args as ClapArgs, ValueEnum};

use super::output::{print, print_json, say};
use super::{exit, output};
use crate::eval::record::Evaluation;
use crate::gate::{self, Difference, Options, Report, Verdict, junit, markdown, text};
use crate::problem::printable;
use crate::problem::quarantine::{Quarantine, is_date, today};

/// Arguments of `rlef gate`.
#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 no regression, 1 regression, 2 usage or input, 3 not comparable or inconclusive, 4 too much \
    was lost to the sandbox.\n\nExamples:\n  rlef eval --problems humaneval.jsonl --policy replay:old.jsonl --turns 1 --out baseline.json\n  \
    rlef gate --baseline baseline.json --candidate candidate.json --margin 5\n  \
    rlef gate --baseline baseline.json --candidate candidate.json --junit gate.xml --summary \"$GITHUB_STEP_SUMMARY\""
)]
pub struct Args {
    /// The evaluation to hold on to, as `rlef eval --out` writes it.
    #[arg(long)]
    baseline: PathBuf,
    /// The evaluation to check.
    #[arg(long)]
    candidate: PathBuf,
    /// k of pass@k.
    #[arg(long, default_value_t = 1)]
    k: usize,
    /// Count what is solved after this turn; the last by default.
    #[arg(long)]
    turn: Option<usize>,
    /// Tolerated drop in points (percent of problems).
    #[arg(long, default_value_t = 5.0)]
    margin: f64,
    /// Accepted chance of a false alarm.
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Also test every value of this label (difficulty, language); may be repeated.
    #[arg(long = "slice", value_name = "LABEL")]
    slices: Vec<String>,
    /// A problem that must pass, or @FILE with one id a line; may be repeated.
    #[arg(long, value_name = "ID")]
    golden: Vec<String>,
    /// Share of a golden problem's rollouts that must be solved.
    #[arg(long, default_value_t = 1.0)]
    golden_rate: f64,
    /// A problem to leave out, or @FILE: the list of `rlef doctor --problems FILE --quarantine LIST`, or one id a line,
    /// optionally followed by the date (YYYY-MM-DD) it expires.
    #[arg(long, value_name = "ID")]
    quarantine: Vec<String>,
    /// Accept that the evaluations differ in this; may be repeated.
    #[arg(long, value_enum)]
    allow: Vec<Difference>,
    /// Largest share of episodes the sandbox may have lost.
    #[arg(long, default_value_t = 0.02)]
    max_infra_rate: f64,
    /// What an inconclusive answer means.
    #[arg(long, value_enum, default_value_t = Inconclusive::Insufficient)]
    inconclusive: Inconclusive,
    /// Seed of random flips, used where the exact distribution is too large.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file.
    #[arg(long)]
    junit: Option<PathBuf>,
    /// Append a Markdown summary to this file.
    #[arg(long)]
    summary: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Inconclusive {
    /// Exit with 0.
    Pass,
    /// Exit with 3.
    Insufficient,
    /// Exit with 1.
    Fail,
}

/// Compares, tells, and exits by the answer.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let percent = |name: &str, value: f64, most: f64| {
        anyhow::ensure!(
            (0.0..=most).contains(&value),
            "failed to use --{name} {value}; expected a number from 0 to {most}"
        );
        Ok(())
    };
    percent("margin", args.margin, 100.0)?;
    percent("max-infra-rate", args.max_infra_rate, 1.0)?;
    percent("golden-rate", args.golden_rate, 1.0)?;
    anyhow::ensure!(
        args.alpha > 0.0 && args.alpha < 0.5,
        "failed to use --alpha {}; expected a number between 0 and 0.5",
        args.alpha
    );
    anyhow::ensure!(args.k > 0, "failed to use --k 0; expected at least 1");
    outputs(args)?;
    let options = Options {
        k: args.k,
        turn: args.turn,
        margin: args.margin / 100.0,
        alpha: args.alpha,
        slices: args.slices.clone(),
        golden: ids(&args.golden, &today())?,
        golden_rate: args.golden_rate,
        quarantine: ids(&args.quarantine, &today())?,
        allow: args.allow.iter().copied().collect(),
        max_infra_rate: args.max_infra_rate,
        seed: args.seed,
    };
    let baseline = Evaluation::load(&args.baseline)?;
    let candidate = Evaluation::load(&args.candidate)?;
    let sides = || baseline.problems.iter().chain(&candidate.problems);
    let strangers = (options.quarantine.iter()).filter(|id| !sides().any(|side| side.id == **id));
    let strangers: Vec<&String> = strangers.collect();
    if let Some(first) = strangers.first() {
        say!(
            "warning: neither side has {} of the problems that --quarantine names, {} the first of them",
            strangers.len(),
            printable(first)
        );
    }
    let report = gate::compare(&baseline, &candidate, &options);
    // The answer first: it is known, whatever becomes of the files.
    if args.json {
        print_json(&serde_json::to_string_pretty(&report)?);
    } else {
        print(&text::render(&report));
    }
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        annotate(&report);
    }
    let mut written = Ok(());
    if let Some(path) = &args.junit {
        let xml = junit::xml(&report).context("failed to make JUnit XML")?;
        written = output::keep(path, xml.as_bytes());
    }
    if let Some(path) = &args.summary {
        let text = markdown::render(&report);
        let appended = output::keep_appended(path, text.as_bytes());
        written = written.and(appended);
    }
    written?;
    Ok(code(report.verdict, args.inconclusive))
}

/// Finds out whether the files that are written can be, and are none of those that are read.
fn outputs(args: &Args) -> anyhow::Result<()> {
    let mut others = vec![
        ("the baseline", args.baseline.as_path()),
        ("the candidate", args.candidate.as_path()),
    ];
    let lists = [
        ("a list of --golden", &args.golden),
        ("a list of --quarantine", &args.quarantine),
    ];
    for (what, given) in lists {
        let files = given.iter().filter_map(|item| item.strip_prefix('@'));
        others.extend(files.map(|file| (what, Path::new(file))));
    }
    if let Some(path) = &args.junit {
        output::check_file(path)?;
        output::check_apart(path, &others)?;
        others.push(("the file of --junit", path));
    }
    if let Some(path) = &args.summary {
        output::check_appended(path)?;
        output::check_apart(path, &others)?;
    }
    Ok(())
}

fn code(verdict: Verdict, inconclusive: Inconclusive) -> ExitCode {
    match (verdict, inconclusive) {
        (Verdict::NoRegression, _) | (Verdict::Inconclusive, Inconclusive::Pass) => {
            ExitCode::SUCCESS
        }
        (Verdict::Regression, _) | (Verdict::Inconclusive, Inconclusive::Fail) => {
            ExitCode::from(exit::NO)
        }
        (Verdict::NotComparable, _) | (Verdict::Inconclusive, Inconclusive::Insufficient) => {
            ExitCode::from(exit::PROTECTION)
        }
        (Verdict::InfrastructureFailed, _) => ExitCode::from(exit::INFRASTRUCTURE),
    }
}

/// A workflow command that GitHub shows at the top of a run.
fn annotate(report: &Report) {
    let level = match report.verdict {
        Verdict::NoRegression => "notice",
        Verdict::Inconclusive => "warning",
        _ => "error",
    };
    let reasons = report
        .reasons
        .join("; ")
        .replace('%', "%25")
        .replace('\n', "%0A");
    say!(
        "::{level} title=rlef gate: {}::{reasons}",
        report.verdict.words()
    );
}

/// Ids as given and those of files; an id whose date has passed is not among them.
fn ids(given: &[String], today: &str) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for item in given {
        let Some(path) = item.strip_prefix('@') else {
            ids.insert(item.clone());
            continue;
        };
        let text = crate::files::read_given(Path::new(path))
            .with_context(|| format!("failed to read {path}"))?;
        if text.trim_start().starts_with('{') {
            for entry in Quarantine::parse(Path::new(path), text.as_bytes())?.entries {
                if entry.holds(today) {
                    ids.insert(entry.problem_id);
                } else {
                    let id = printable(&entry.problem_id);
                    say!("{path}: {id} is no longer quarantined");
                }
            }
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(id) = words.next() else { continue };
            let date = words.next();
            anyhow::ensure!(
                date.is_none_or(is_date) && words.next().is_none(),
                "failed to read {path}, line {}: expected an id, then nothing or a date YYYY-MM-DD",
                index + 1
            );
            // Dates of this form compare as texts; the last day still counts.
            if date.is_some_and(|date| date < today) {
                let id = printable(id);
                say!("{path}, line {}: {id} is no longer quarantined", index + 1);
            } else {
                ids.insert(id.to_owned());
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarantine_expires() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, "a\nb 2026-11-25 # flaky\nc 2026-11-24\n\n").unwrap();
        let given = [format!("@{}", path.display()), "d".to_owned()];
        let found: Vec<String> = ids(&given, "2026-11-25").unwrap().into_iter().collect();
        assert_eq!(found, ["a", "b", "d"]);
        let entry = |id: &str, expires: &str| {
            format!(r#"{{"problem_id":"{id}","sha256":"","reason":"flaky","detail":""{expires}}}"#)
        };
        let list = [
            entry("a", ""),
            entry("b", r#","expires":"2026-11-25""#),
            entry("c", r#","expires":"2026-11-24""#),
        ];
        let list = format!("{{\"entries\":[{}]}}", list.join(","));
        std::fs::write(&path, &list).unwrap();
        let found: Vec<String> = ids(&given, "2026-11-25").unwrap().into_iter().collect();
        assert_eq!(found, ["a", "b", "d"]);
        std::fs::write(&path, list.replace("2026-11-24", "soon")).unwrap();
        let error = ids(&given, "2026-11-25").unwrap_err().to_string();
        assert!(error.contains("c expires on \"soon\""), "{error}");
        std::fs::write(&path, "a tomorrow\n").unwrap();
        assert!(
            ids(&given, "2026-11-25")
                .unwrap_err()
                .to_string()
                .contains("line 1")
        );
    }
}
