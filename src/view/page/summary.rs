//! What an evaluation says, as tables: with intervals, turn by turn, by label.

use askama::Template;

use super::lines::bar;
use super::{estimate, grade, percent};
use crate::eval::Report;
use crate::view::curves::short;

/// The tables of a report, as a piece of a page.
#[derive(Template)]
#[template(path = "summary.html")]
pub(in crate::view) struct Summary {
    facts: Vec<(&'static str, String)>,
    solved: Vec<(String, String, String)>,
    turns: Vec<TurnRow>,
    grades: Vec<(String, usize)>,
    pass_at: Vec<(String, String)>,
    labels: Vec<(String, Vec<Part>)>,
    best_of: Vec<(usize, String, String, String)>,
}

/// A label's value: its name, its problems, the share solved, and that as a bar.
type Part = (String, usize, String, String);

struct TurnRow {
    number: usize,
    answers: usize,
    passed: usize,
    cut: usize,
    fixed: String,
    broken: String,
    fewer: usize,
    repeated: usize,
    edit: String,
}

impl Summary {
    /// Of a report.
    pub(in crate::view) fn of(report: &Report) -> Self {
        let drawn = |found: crate::statistics::Estimate| bar(found.mean, found.low, found.high);
        let solved = report.solved_by_turn.iter().enumerate();
        let solved = solved.map(|(turn, found)| {
            (
                format!("after turn {}", turn + 1),
                estimate(*found),
                drawn(*found),
            )
        });
        let turns = report
            .by_turn
            .iter()
            .enumerate()
            .map(|(turn, found)| TurnRow {
                number: turn + 1,
                answers: found.answers,
                passed: found.passed_public,
                cut: found.cut,
                fixed: match found.fixed_rate {
                    Some(rate) => format!(
                        "{} of {}: {}",
                        found.fixed,
                        found.after_failure,
                        estimate(rate)
                    ),
                    None => "–".to_owned(),
                },
                broken: if found.after_pass == 0 {
                    "–".to_owned()
                } else {
                    format!("{} of {}", found.broken, found.after_pass)
                },
                fewer: found.fewer_tests,
                repeated: found.repeated,
                edit: found.edit.map_or_else(|| "–".to_owned(), percent),
            });
        let mut facts = vec![
            (
                "problems",
                format!("{} in {} clusters", report.problems, report.clusters),
            ),
            ("episodes", report.episodes.to_string()),
            ("lost", report.aborted.to_string()),
            (
                "repaired of those not solved at turn 1",
                estimate(report.repair_rate),
            ),
            (
                "later answers that repeat the program before",
                percent(report.identical_resubmissions),
            ),
            (
                "answers cut at the token limit",
                format!(
                    "{}, {} of them without a program",
                    report.cut, report.cut_without_program
                ),
            ),
            ("turns on average", short(report.turns)),
        ];
        facts.extend(
            report
                .tokens_per_solved
                .map(|tokens| ("tokens a solved episode", short(tokens))),
        );
        let pass = report
            .pass_at
            .iter()
            .map(|(k, found)| (format!("pass@{k}"), estimate(*found)));
        let n_at = report.n_at.iter().map(|found| {
            (
                format!("{}@{}, turns as samples", found.n, found.k),
                estimate(found.solved),
            )
        });
        let labels = report.by_label.iter().map(|(label, values)| {
            let values = values.iter().map(|(value, slice)| {
                (
                    value.clone(),
                    slice.problems,
                    estimate(slice.solved),
                    drawn(slice.solved),
                )
            });
            (label.clone(), values.collect())
        });
        let best = report.best_of.iter().map(|best| {
            (
                best.n,
                short(best.kl),
                estimate(best.solved),
                estimate_of_score(best.score),
            )
        });
        Self {
            facts,
            solved: solved.collect(),
            turns: turns.collect(),
            grades: report
                .grades
                .iter()
                .map(|(one, count)| (grade(Some(*one)), *count))
                .collect(),
            pass_at: pass.chain(n_at).collect(),
            labels: labels.collect(),
            best_of: best.collect(),
        }
    }
}

fn estimate_of_score(found: crate::statistics::Estimate) -> String {
    format!(
        "{} [{}, {}]",
        short(found.mean),
        short(found.low),
        short(found.high)
    )
}
