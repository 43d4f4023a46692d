//! What a gate found → text for a terminal.

use std::fmt::Write as _;

use super::{LeftOut, Pair, Report, Test};
use crate::counted::counted;
use crate::problem::printable;

/// Changed problems that are listed.
const LISTED: usize = 10;

/// A p-value with as many digits as it deserves.
pub fn p_value(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}

/// A p-value within a sentence.
pub fn p_is(p: f64) -> String {
    let value = p_value(p);
    if value.starts_with('<') {
        format!("p {value}")
    } else {
        format!("p = {value}")
    }
}

/// The verdict, the reasons, the figures, and the problems that changed.
pub fn render(report: &Report) -> String {
    let mut text = format!(
        "{}: {}\n",
        report.verdict.words(),
        report.reasons.join("; ")
    );
    if let Some(test) = &report.overall {
        let confidence = 100.0 * (1.0 - 2.0 * report.alpha);
        let _ = writeln!(
            text,
            "\n  {}\n  problems  baseline  candidate  change  {:<16}  p",
            report.metric,
            format!("{confidence:.0}% interval")
        );
        row(&mut text, None, test);
        for (name, test) in &report.slices {
            row(&mut text, Some(name), test);
        }
        let _ = writeln!(
            text,
            "\n  tolerated {:.1} points, alpha {}; 80% chance to find a drop of {:.1} points",
            100.0 * report.margin,
            report.alpha,
            100.0 * test.minimum_detectable
        );
        if test.clusters < test.problems {
            let _ = writeln!(
                text,
                "  {} problems form {}, sampled together and weighed whole",
                test.problems,
                counted(test.clusters, "cluster")
            );
        }
    }
    changed(&mut text, "newly failing", report, Pair::newly_fails);
    changed(&mut text, "newly passing", report, Pair::newly_passes);
    for (reason, words) in REASONS {
        let count = report
            .left_out
            .values()
            .filter(|&&other| other == reason)
            .count();
        if count > 0 {
            let _ = writeln!(text, "  {count} left out: {words}");
        }
    }
    let (old, new) = report.lost;
    if old + new > 0 {
        let _ = writeln!(
            text,
            "  lost to the server or the sandbox and not counted: {old} episodes before, {new} now"
        );
    }
    let _ = write!(
        text,
        "  baseline   {}, seed {}\n  candidate  {}, seed {}",
        printable(&report.baseline.policy.name),
        report.baseline.seed,
        printable(&report.candidate.policy.name),
        report.candidate.seed
    );
    text
}

/// Reasons in words.
pub(super) const REASONS: [(LeftOut, &str); 3] = [
    (LeftOut::Quarantined, "quarantined"),
    (LeftOut::Changed, "only on one side, or changed"),
    (LeftOut::Lost, "too few episodes"),
];

/// A change in points with its interval, as candidate − baseline: a minus is a loss.
pub(super) fn change(test: &Test) -> (String, String) {
    let points = |share: f64| format!("{:+.1}", -100.0 * share + 0.0);
    (
        points(test.drop),
        format!("[{}, {}]", points(test.high), points(test.low)),
    )
}

/// A slice's name has a line of its own, for it can be long and the figures take a line of 80 columns.
fn row(text: &mut String, name: Option<&str>, test: &Test) {
    let (change, interval) = change(test);
    if let Some(name) = name {
        let _ = writeln!(text, "  {}", printable(name));
    }
    let _ = writeln!(
        text,
        "  {:>8}  {:>7.1}%  {:>8.1}%  {change:>6}  {interval:<16}  {:<7} {}",
        test.problems,
        100.0 * test.baseline,
        100.0 * test.candidate,
        p_value(test.p_adjusted).replace(' ', ""),
        test.verdict.words()
    );
}

/// Solved of all, and why the rest is not, for both sides.
pub fn difference(pair: &Pair) -> String {
    let side = |score: &super::Score| {
        let failures = crate::evaluation::histogram(score.failures.iter());
        let failures = if failures.is_empty() {
            String::new()
        } else {
            format!(" ({failures})")
        };
        format!("{}/{}{failures}", score.c, score.n)
    };
    format!("{} -> {}", side(&pair.baseline), side(&pair.candidate))
}

fn changed(text: &mut String, words: &str, report: &Report, of: fn(&Pair) -> bool) {
    let mut pairs: Vec<&Pair> = report.problems.iter().filter(|pair| of(pair)).collect();
    // The largest change first, whichever its direction.
    pairs.sort_by(|one, other| other.drop.abs().total_cmp(&one.drop.abs()));
    if pairs.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  {words}: {}", pairs.len());
    for pair in pairs.iter().take(LISTED) {
        let id = printable(&pair.id);
        let _ = writeln!(text, "    {id:<28} {}", difference(pair));
    }
    if pairs.len() > LISTED {
        let _ = writeln!(text, "    and {} more", pairs.len() - LISTED);
    }
}
