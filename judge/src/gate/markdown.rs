//! What a gate found → Markdown for the summary page of a CI run.

use std::fmt::Write as _;

use super::text::{REASONS, change, difference, p_value};
use super::{Pair, Report, Test, Verdict};

/// Changed problems that are listed; a summary page has a size limit.
const LISTED: usize = 50;

/// The verdict as a heading, the figures as a table, the changed problems as lists.
pub fn render(report: &Report) -> String {
    let mut text = format!("## rlef gate: {}\n\n", report.verdict.words());
    for reason in &report.reasons {
        let _ = writeln!(text, "- {}", escape(reason));
    }
    if let Some(test) = &report.overall {
        let confidence = 100.0 * (1.0 - 2.0 * report.alpha);
        let _ = write!(
            text,
            "\n| {} | problems | baseline | candidate | change | {confidence:.0}% interval | p | |\n|---|--:|--:|--:|--:|---|--:|---|\n",
            escape(&report.metric)
        );
        row(&mut text, "all", test);
        for (name, test) in &report.slices {
            row(&mut text, name, test);
        }
        let _ = writeln!(
            text,
            "\nTolerated: {:.1} points; alpha {}. A true drop of {:.1} points is found 80% of the time.",
            100.0 * report.margin,
            report.alpha,
            100.0 * test.minimum_detectable
        );
    }
    changed(&mut text, "Newly failing", report, Pair::newly_fails);
    changed(&mut text, "Newly passing", report, Pair::newly_passes);
    for (reason, words) in REASONS {
        let count = report
            .left_out
            .values()
            .filter(|&&other| other == reason)
            .count();
        if count > 0 {
            let _ = writeln!(text, "\n{count} problems left out: {words}.");
        }
    }
    let _ = write!(
        text,
        "\n| | policy | problems | seed | lost to the server or the sandbox |\n|---|---|---|--:|--:|\n"
    );
    for (name, side, lost) in [
        ("baseline", &report.baseline, report.lost.0),
        ("candidate", &report.candidate, report.lost.1),
    ] {
        let hash = side
            .policy
            .hash
            .as_ref()
            .map_or(String::new(), |hash| format!(" `{hash}`"));
        let _ = writeln!(
            text,
            "| {name} | {}{hash} | {} `{}` | {} | {lost} |",
            escape(&side.policy.name),
            escape(&side.problems),
            side.problems_hash,
            side.seed
        );
    }
    text
}

fn row(text: &mut String, name: &str, test: &Test) {
    let (change, interval) = change(test);
    let _ = writeln!(
        text,
        "| {} | {} | {:.1}% | {:.1}% | {change} | {interval} | {} | {} |",
        escape(name),
        test.problems,
        100.0 * test.baseline,
        100.0 * test.candidate,
        p_value(test.p_adjusted),
        test.verdict.words()
    );
}

fn changed(text: &mut String, words: &str, report: &Report, of: fn(&Pair) -> bool) {
    let mut pairs: Vec<&Pair> = report.problems.iter().filter(|pair| of(pair)).collect();
    pairs.sort_by(|one, other| other.drop.abs().total_cmp(&one.drop.abs()));
    if pairs.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\n<details><summary>{words}: {}</summary>\n\n| problem | baseline -> candidate |\n|---|---|\n",
        pairs.len()
    );
    for pair in pairs.iter().take(LISTED) {
        let _ = writeln!(
            text,
            "| {} | {} |",
            escape(&pair.id),
            escape(&difference(pair))
        );
    }
    if pairs.len() > LISTED {
        let _ = writeln!(text, "| and {} more | |", pairs.len() - LISTED);
    }
    text.push_str("\n</details>\n");
}

/// Names come from data sets: they must not open a table cell, a tag or a link.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '\\' | '`' | '*' | '[' | ']' => {
                safe.push('\\');
                safe.push(character);
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' => safe.push(' '),
            _ => safe.push(character),
        }
    }
    safe
}

/// A workflow command that GitHub shows at the top of a run.
pub fn annotation(report: &Report) -> String {
    let level = match report.verdict {
        Verdict::NoRegression => "notice",
        Verdict::Inconclusive => "warning",
        _ => "error",
    };
    let reasons = report.reasons.join("; ");
    let reasons = reasons.replace('%', "%25").replace('\n', "%0A");
    format!(
        "::{level} title=rlef gate: {}::{reasons}",
        report.verdict.words()
    )
}
