//! Two evaluations of the same problems → has the candidate lost something? Pure: files are read and written by the
//! command line.
//!
//! `comparable` says whether the two may be compared at all, `decision` weighs the differences, `text`, `markdown` and
//! `junit` tell people and machines. The unit is the problem: each gives one difference of its unbiased pass@k, and only
//! these differences are weighed, so that easy and hard problems don't hide a change.

mod comparable;
mod decision;
pub mod junit;
pub mod markdown;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::eval::estimators::{denominator, pass_at_k};
use crate::eval::record::{Evaluation, ProblemRecord, Provenance};
use crate::problem::printable;
use crate::statistics::{holm, paired};
use crate::verdict::Grade;
pub use comparable::{Difference, differences};
pub use decision::{Data, Test, decide};

/// Form of the JSON output.
pub const SCHEMA: &str = "rlef-gate/1";

/// What is asked of a gate.
#[derive(Clone, Debug)]
pub struct Options {
    /// k of pass@k.
    pub k: usize,
    /// Turn after which a problem counts as solved, from one; the last where absent.
    pub turn: Option<usize>,
    /// Drop that is tolerated, as a share: 0.02 is two points.
    pub margin: f64,
    /// Chance of a false alarm that is accepted.
    pub alpha: f64,
    /// Labels by whose values the problems are tested too.
    pub slices: Vec<String>,
    /// Problems that must pass.
    pub golden: BTreeSet<String>,
    /// Share of a golden problem's episodes that must be solved.
    pub golden_rate: f64,
    /// Problems left out, known to be unreliable.
    pub quarantine: BTreeSet<String>,
    /// Differences between the evaluations that are accepted.
    pub allow: BTreeSet<Difference>,
    /// Largest share of episodes the sandbox may have lost on either side.
    pub max_infra_rate: f64,
    /// Seed of random flips, where there are any.
    pub seed: u64,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A drop beyond the margin is excluded.
    NoRegression,
    /// A drop is certain, or a golden problem fails.
    Regression,
    /// The data can't tell.
    Inconclusive,
    /// The two may not be compared.
    NotComparable,
    /// Too much was lost to the sandbox.
    InfrastructureFailed,
}

impl Verdict {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRegression => "no regression",
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not comparable",
            Self::InfrastructureFailed => "infrastructure failed",
        }
    }
}

/// Everything a gate found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The answer.
    pub verdict: Verdict,
    /// Why, most important first.
    pub reasons: Vec<String>,
    /// What was compared, for example `pass@1 after 3 turns`.
    pub metric: String,
    /// Tolerated drop, as a share.
    pub margin: f64,
    /// Accepted chance of a false alarm.
    pub alpha: f64,
    /// All problems; absent where nothing could be compared.
    pub overall: Option<Test>,
    /// One test a slice, by `label=value`; p-values adjusted together with the overall one (Holm).
    pub slices: BTreeMap<String, Test>,
    /// Golden problems that do not pass.
    pub golden_failures: Vec<String>,
    /// The problems that were compared, the largest drop first.
    pub problems: Vec<Pair>,
    /// Problems that were not, and why.
    pub left_out: BTreeMap<String, LeftOut>,
    /// Episodes lost to the sandbox: baseline, candidate.
    pub lost: (usize, usize),
    /// What the baseline is.
    pub baseline: Provenance,
    /// What the candidate is.
    pub candidate: Provenance,
}

/// One problem on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The problem.
    pub id: String,
    /// What it was sampled together with; absent where it stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Episodes and solved ones of the baseline.
    pub baseline: Score,
    /// And of the candidate.
    pub candidate: Score,
    /// Baseline − candidate of the metric.
    pub drop: f64,
}

/// One side of a problem.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// Episodes.
    pub n: usize,
    /// Solved.
    pub c: usize,
    /// Why the rest is not.
    pub failures: BTreeMap<Grade, usize>,
}

/// Why a problem was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Listed as unreliable.
    Quarantined,
    /// Only one side has it, or its text or tests changed, and that was accepted.
    Changed,
    /// One side lost so many episodes that the metric is undefined.
    Lost,
}

impl Pair {
    /// Solved before, never now.
    pub fn newly_fails(&self) -> bool {
        self.baseline.c > 0 && self.candidate.c == 0
    }

    /// Never before, solved now.
    pub fn newly_passes(&self) -> bool {
        self.baseline.c == 0 && self.candidate.c > 0
    }
}

/// Compares. Says why where it can't. The reasons quote ids, labels and stamps of the files, one line each: what would act on
/// a terminal, or end a line on a CI page, is shown instead.
pub fn compare(baseline: &Evaluation, candidate: &Evaluation, options: &Options) -> Report {
    let mut report = compared(baseline, candidate, options);
    for reason in &mut report.reasons {
        *reason = printable(reason).into_owned();
    }
    report
}

fn compared(baseline: &Evaluation, candidate: &Evaluation, options: &Options) -> Report {
    let lost = |side: &Evaluation| {
        side.problems
            .iter()
            .map(|record| record.lost)
            .sum::<usize>()
    };
    let turn = options.turn.unwrap_or(baseline.provenance.play.turns);
    let turns = if turn == 1 { "turn" } else { "turns" };
    let mut report = Report {
        schema: SCHEMA,
        verdict: Verdict::NotComparable,
        reasons: Vec::new(),
        metric: format!("pass@{} after {turn} {turns}", options.k),
        margin: options.margin,
        alpha: options.alpha,
        overall: None,
        slices: BTreeMap::new(),
        golden_failures: Vec::new(),
        problems: Vec::new(),
        left_out: BTreeMap::new(),
        lost: (lost(baseline), lost(candidate)),
        baseline: baseline.provenance.clone(),
        candidate: candidate.provenance.clone(),
    };
    for (name, side, lost) in [
        ("baseline", baseline, report.lost.0),
        ("candidate", candidate, report.lost.1),
    ] {
        let all: usize = lost + side.problems.iter().map(|record| record.n).sum::<usize>();
        let rate = lost as f64 / all.max(1) as f64;
        if rate > options.max_infra_rate {
            report.verdict = Verdict::InfrastructureFailed;
            report.reasons.push(format!(
                "the {name} lost {lost} of {all} episodes to the sandbox ({:.1}%, accepted: {:.1}%); see `rlef doctor`",
                100.0 * rate,
                100.0 * options.max_infra_rate
            ));
        }
    }
    let found = differences(baseline, candidate, &options.quarantine);
    let refused: Vec<String> = found
        .into_iter()
        .filter(|(difference, _)| !options.allow.contains(difference))
        .map(|(difference, words)| {
            format!(
                "{words}; {}, or accept it with --allow {}",
                difference.remedy(),
                difference.name()
            )
        })
        .collect();
    report.reasons.extend(refused);
    for (name, side) in [("baseline", baseline), ("candidate", candidate)] {
        let has = side.provenance.play.turns;
        if turn == 0 || turn > has {
            report.reasons.push(format!(
                "the {name} was played with up to {has} turns, not {turn}"
            ));
        }
    }
    report
        .reasons
        .extend(unknown_names(baseline, candidate, options));
    if !report.reasons.is_empty() {
        return report;
    }
    pair(baseline, candidate, options, turn, &mut report);
    if report.problems.is_empty() {
        report.reasons.push(format!(
            "no problem has {} episodes on both sides; play more rollouts or ask for a smaller k",
            options.k
        ));
        return report;
    }
    weigh(baseline, options, &mut report);
    golden(candidate, options, turn, &mut report);
    report
}

/// Labels and problems that the options name and neither side has: a misspelt slice would weaken the gate, a misspelt
/// golden problem would fail it.
fn unknown_names(baseline: &Evaluation, candidate: &Evaluation, options: &Options) -> Vec<String> {
    let records = || baseline.problems.iter().chain(&candidate.problems);
    let labels: BTreeSet<&str> = records()
        .flat_map(|record| record.labels.keys().map(String::as_str))
        .collect();
    let ids: BTreeSet<&str> = records().map(|record| record.id.as_str()).collect();
    let slices = options
        .slices
        .iter()
        .filter(|label| !labels.contains(label.as_str()))
        .map(|label| {
            let known = match labels.len() {
                0 => "none".to_owned(),
                _ => labels.iter().copied().collect::<Vec<_>>().join(", "),
            };
            format!("no problem carries the label {label} that --slice names; there are: {known}")
        });
    let golden = options
        .golden
        .iter()
        .filter(|id| !ids.contains(id.as_str()))
        .map(|id| format!("neither side has the problem {id} that --golden names"));
    slices.chain(golden).collect()
}

/// Puts the two sides of each problem together.
fn pair(
    baseline: &Evaluation,
    candidate: &Evaluation,
    options: &Options,
    turn: usize,
    report: &mut Report,
) {
    let theirs: BTreeMap<&str, &ProblemRecord> = candidate
        .problems
        .iter()
        .map(|record| (record.id.as_str(), record))
        .collect();
    let ours: BTreeSet<&str> = baseline
        .problems
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    for record in &candidate.problems {
        if !ours.contains(record.id.as_str()) {
            report.left_out.insert(record.id.clone(), LeftOut::Changed);
        }
    }
    for old in &baseline.problems {
        let new = theirs
            .get(old.id.as_str())
            .filter(|new| new.hash == old.hash);
        let reason = match new {
            _ if options.quarantine.contains(&old.id) => Some(LeftOut::Quarantined),
            None => Some(LeftOut::Changed),
            Some(new) if new.n < options.k || old.n < options.k => Some(LeftOut::Lost),
            Some(_) => None,
        };
        if let (None, Some(new)) = (reason, new) {
            let (before, after) = (old.counts(turn), new.counts(turn));
            let score = |record: &ProblemRecord, c| Score {
                n: record.n,
                c,
                failures: record.failures.clone(),
            };
            report.problems.push(Pair {
                id: old.id.clone(),
                cluster: old.cluster.clone().or_else(|| new.cluster.clone()),
                drop: pass_at_k(before.samples, before.solved, options.k)
                    - pass_at_k(after.samples, after.solved, options.k),
                baseline: score(old, before.solved),
                candidate: score(new, after.solved),
            });
        } else {
            report
                .left_out
                .insert(old.id.clone(), reason.unwrap_or(LeftOut::Changed));
        }
    }
}

/// Tests all problems and every slice, adjusts, and decides.
fn weigh(baseline: &Evaluation, options: &Options, report: &mut Report) {
    let labels: BTreeMap<&str, &BTreeMap<String, String>> = baseline
        .problems
        .iter()
        .map(|record| (record.id.as_str(), &record.labels))
        .collect();
    let mut parts: BTreeMap<String, Vec<&Pair>> = BTreeMap::new();
    for label in &options.slices {
        for item in &report.problems {
            let value = labels
                .get(item.id.as_str())
                .and_then(|labels| labels.get(label));
            let value = value.map_or("none", String::as_str);
            parts
                .entry(format!("{label}={value}"))
                .or_default()
                .push(item);
        }
    }
    let all: Vec<&Pair> = report.problems.iter().collect();
    let mut overall = decide(
        &data(&all, options),
        options.margin,
        options.alpha,
        options.seed,
    );
    let mut slices: BTreeMap<String, Test> = parts
        .into_iter()
        .map(|(name, part)| {
            (
                name,
                decide(
                    &data(&part, options),
                    options.margin,
                    options.alpha,
                    options.seed,
                ),
            )
        })
        .collect();
    let family: Vec<f64> = std::iter::once(overall.p)
        .chain(slices.values().map(|test| test.p))
        .collect();
    let adjusted = holm(&family);
    for (test, p) in std::iter::once(&mut overall)
        .chain(slices.values_mut())
        .zip(adjusted)
    {
        test.adjust(p, options.margin, options.alpha);
    }
    report.verdict = overall.verdict;
    let say = |what: &str, test: &Test| {
        format!(
            "{what} fell by {:.1} points ({})",
            100.0 * test.drop,
            text::p_is(test.p_adjusted)
        )
    };
    if overall.verdict == Verdict::Regression {
        report.reasons.push(say(&report.metric, &overall));
    }
    for (name, test) in &slices {
        if test.verdict == Verdict::Regression {
            report.verdict = Verdict::Regression;
            report.reasons.push(say(name, test));
        }
    }
    if report.verdict == Verdict::Inconclusive {
        report.reasons.push(overall.what_it_takes(options.margin));
    }
    if report.verdict == Verdict::NoRegression {
        report.reasons.push(format!(
            "a drop of more than {:.1} points is excluded",
            100.0 * options.margin
        ));
    }
    report.overall = Some(overall);
    report.slices = slices;
    report.problems.sort_by(|one, other| {
        other
            .drop
            .total_cmp(&one.drop)
            .then_with(|| one.id.cmp(&other.id))
    });
}

/// The differences of some problems, with what is needed to weigh them.
fn data(pairs: &[&Pair], options: &Options) -> Data {
    let side = |of: fn(&Pair) -> &Score| {
        pairs
            .iter()
            .map(|item| (of(item).n, of(item).c))
            .collect::<Vec<_>>()
    };
    let (baseline, candidate) = (side(|item| &item.baseline), side(|item| &item.candidate));
    let common = baseline
        .iter()
        .chain(&candidate)
        .try_fold(1_u64, |common, &(n, _)| {
            let next = denominator(n, options.k)?;
            common.checked_mul(next / paired::gcd(common, next))
        });
    let mut numbers: BTreeMap<Result<&str, &str>, usize> = BTreeMap::new();
    let clusters = pairs
        .iter()
        .map(|item| {
            let next = numbers.len();
            // A problem that stands alone may have the name of a cluster that it is not in.
            let name = item.cluster.as_deref().ok_or(item.id.as_str());
            *numbers.entry(name).or_insert(next)
        })
        .collect();
    Data {
        baseline,
        candidate,
        clusters,
        k: options.k,
        denominator: common,
    }
}

/// Golden problems fail the gate whatever the statistics say.
fn golden(candidate: &Evaluation, options: &Options, turn: usize, report: &mut Report) {
    let records: BTreeMap<&str, &ProblemRecord> = candidate
        .problems
        .iter()
        .map(|record| (record.id.as_str(), record))
        .collect();
    for id in &options.golden {
        let passes = records.get(id.as_str()).is_some_and(|record| {
            let counts = record.counts(turn);
            counts.samples > 0
                && counts.solved as f64 >= options.golden_rate * counts.samples as f64 - 1e-9
        });
        if !passes {
            report.golden_failures.push(id.clone());
        }
    }
    if !report.golden_failures.is_empty() {
        report.verdict = Verdict::Regression;
        let names = report.golden_failures.join(", ");
        report
            .reasons
            .insert(0, format!("golden problems that must pass do not: {names}"));
    }
}

#[cfg(test)]
pub(crate) mod tests;
