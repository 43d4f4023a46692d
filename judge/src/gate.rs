//! Two evaluations of the same problems → has the candidate lost something? Pure: files are read and written by the
//! command line.
//!
//! `options` says what can be asked, `names` whether what it names is there, `comparable` whether the two may be compared at all,
//! `pairs` puts their problems side by side, `weigh` and `decision` weigh the differences, `text`, `markdown` and
//! `junit` tell people and machines. The unit is the problem: each gives one difference of its unbiased pass@k, and only
//! these differences are weighed, so that easy and hard problems don't hide a change.

mod comparable;
mod decision;
pub mod junit;
pub mod markdown;
pub mod names;
mod options;
mod pairs;
mod report;
pub mod text;
mod weigh;

use std::collections::BTreeMap;

use crate::evaluation::record::{Evaluation, ProblemRecord};
use crate::problem::printable;
pub use comparable::{Difference, differences};
pub use decision::{Data, Test, decide};
pub use options::Options;
use pairs::pair;
pub use report::{LeftOut, Pair, Report, SCHEMA, Score, Verdict};
use weigh::weigh;

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
                "the {name} lost {lost} of {all} episodes to the server or the sandbox ({:.1}%, accepted: {:.1}%); see what the evaluation said of the server, and `rlef doctor`",
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
        .extend(names::unknown(baseline, candidate, options));
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

/// Golden problems fail the gate whatever the statistics say. One that nobody measured neither passes nor fails.
fn golden(candidate: &Evaluation, options: &Options, turn: usize, report: &mut Report) {
    let records: BTreeMap<&str, &ProblemRecord> = candidate
        .problems
        .iter()
        .map(|record| (record.id.as_str(), record))
        .collect();
    let (mut lost, mut absent) = (Vec::new(), Vec::new());
    for id in &options.golden {
        let Some(record) = records.get(id.as_str()) else {
            absent.push(id.as_str());
            continue;
        };
        let counts = record.counts(turn);
        if counts.samples == 0 {
            lost.push(id.as_str());
        } else if (counts.solved as f64) < options.golden_rate * counts.samples as f64 - 1e-9 {
            report.golden_failures.push(id.clone());
        }
    }
    let failures = report.golden_failures.join(", ");
    let found = [
        (failures, Verdict::Regression, "that must pass do not"),
        (
            lost.join(", "),
            Verdict::InfrastructureFailed,
            "have no episode that was not lost",
        ),
        (
            absent.join(", "),
            Verdict::NotComparable,
            "are not in the candidate",
        ),
    ];
    // The gravest first, and a regression that was found stays one.
    for (names, verdict, words) in found.into_iter().rev() {
        if names.is_empty() {
            continue;
        }
        if report.verdict != Verdict::Regression {
            report.verdict = verdict;
        }
        let reason = format!("golden problems {words}: {names}");
        report.reasons.insert(0, reason);
    }
}

#[cfg(test)]
pub(crate) mod tests;
