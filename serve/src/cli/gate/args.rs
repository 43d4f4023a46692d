//! Arguments of `rlef gate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};

use super::super::exit;
use rlef_judge::gate::{Difference, Verdict};

/// Arguments of `rlef gate`.
#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 no regression, 1 regression, 2 usage or input, 3 not comparable or inconclusive, 4 too much was \
    lost to the server or the sandbox.\n\n\
    Examples:\n  \
    rlef eval --problems humaneval.jsonl --policy replay:old.jsonl --turns 1 \\\n      \
    --out baseline.json\n  \
    rlef gate --baseline baseline.json --candidate candidate.json --margin 5\n  \
    rlef gate --baseline baseline.json --candidate candidate.json \\\n      \
    --junit gate.xml --summary \"$GITHUB_STEP_SUMMARY\""
)]
pub struct Args {
    /// The evaluation to hold on to, as `rlef eval --out` writes it.
    #[arg(long)]
    pub(super) baseline: PathBuf,
    /// The evaluation to check.
    #[arg(long)]
    pub(super) candidate: PathBuf,
    /// k of pass@k.
    #[arg(long, default_value_t = 1)]
    pub(super) k: usize,
    /// Count what is solved after this turn; the last by default.
    #[arg(long)]
    pub(super) turn: Option<usize>,
    /// Tolerated drop in points (percent of problems).
    #[arg(long, default_value_t = 5.0, value_parser = points)]
    pub(super) margin: f64,
    /// Accepted chance of a false alarm.
    #[arg(long, default_value_t = 0.05)]
    pub(super) alpha: f64,
    /// Also test every value of this label of the problems (difficulty, language, one of your own); may be repeated.
    #[arg(long = "slice", value_name = "LABEL")]
    pub(super) slices: Vec<String>,
    /// A problem that must pass, or @FILE with one id a line; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(super) golden: Vec<String>,
    /// Share of a golden problem's rollouts that must be solved.
    #[arg(long, default_value_t = 1.0)]
    pub(super) golden_rate: f64,
    /// A problem to leave out, or @FILE: the list of `rlef doctor --problems FILE --quarantine LIST`, or one id a line,
    /// optionally followed by the date (YYYY-MM-DD) it expires.
    #[arg(long, value_name = "ID")]
    pub(super) quarantine: Vec<String>,
    /// Accept that the evaluations differ in this; may be repeated.
    #[arg(long, value_parser = difference())]
    pub(super) allow: Vec<Difference>,
    /// Largest share of episodes that the server or the sandbox may have lost.
    #[arg(long, default_value_t = 0.02)]
    pub(super) max_infra_rate: f64,
    /// What an inconclusive answer means.
    #[arg(long, value_enum, default_value_t = Inconclusive::Insufficient)]
    pub(super) inconclusive: Inconclusive,
    /// Seed of random flips, used where the exact distribution is too large.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Write JUnit XML to this file.
    #[arg(long)]
    pub(super) junit: Option<PathBuf>,
    /// Append a Markdown summary to this file.
    #[arg(long)]
    pub(super) summary: Option<PathBuf>,
}

/// The parser of a number of points; a percent sign behind it means the same.
fn points(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let found = number.parse();
    found.map_err(|_| "expected points (percent of problems), for example 5".to_owned())
}

/// The parser of a difference, which shows what each is.
fn difference() -> impl TypedValueParser<Value = Difference> {
    let values = Difference::ALL
        .map(|(difference, about)| PossibleValue::new(difference.name()).help(about));
    PossibleValuesParser::new(values).map(|name| {
        let named = Difference::ALL
            .into_iter()
            .find(|(one, _)| one.name() == name);
        // It takes no other names.
        named.map_or(Difference::Problems, |(difference, _)| difference)
    })
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Inconclusive {
    /// Exit with 0.
    Pass,
    /// Exit with 3.
    Insufficient,
    /// Exit with 1.
    Fail,
}

impl Inconclusive {
    /// The exit code of an answer.
    pub(super) fn code(self, verdict: Verdict) -> ExitCode {
        match (verdict, self) {
            (Verdict::NoRegression, _) | (Verdict::Inconclusive, Self::Pass) => ExitCode::SUCCESS,
            (Verdict::Regression, _) | (Verdict::Inconclusive, Self::Fail) => {
                ExitCode::from(exit::NO)
            }
            (Verdict::NotComparable, _) | (Verdict::Inconclusive, Self::Insufficient) => {
                ExitCode::from(exit::PROTECTION)
            }
            (Verdict::InfrastructureFailed, _) => ExitCode::from(exit::INFRASTRUCTURE),
        }
    }
}
