//! Summary: what is in a set, from its labels alone, and how well an author without feedback can do on it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::composition::NOTHING_HIDDEN;
use crate::problem::Problem;

/// Programs that fit the statement equally well, of which one is right: the label `options`, 1 where it is absent.
pub fn options(problem: &Problem) -> usize {
    problem
        .labels
        .get("options")
        .and_then(|options| options.parse().ok())
        .unwrap_or(1)
        .max(1)
}

/// The best solve rate a policy can have with one answer a problem and no feedback: the mean of 1 / `options`.
/// Exact, and no mere expectation, for a whole set: every statement that leaves four options open occurs once
/// with each. 0 for no problems.
pub fn single_turn_ceiling(problems: &[Problem]) -> f64 {
    if problems.is_empty() {
        return 0.0;
    }
    problems
        .iter()
        .map(|problem| 1.0 / options(problem) as f64)
        .sum::<f64>()
        / problems.len() as f64
}

/// A few lines for a person: size, families, share of hidden details by kind, single-turn ceiling.
pub fn summary(problems: &[Problem]) -> String {
    let label =
        |problem: &Problem, name: &str| problem.labels.get(name).cloned().unwrap_or_default();
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut families = BTreeSet::new();
    let mut statements = BTreeSet::new();
    for problem in problems {
        *kinds.entry(label(problem, "hidden")).or_default() += 1;
        families.extend(label(problem, "families").split(',').map(str::to_owned));
        statements.insert(&problem.statement);
    }
    let compositions: BTreeSet<_> = problems
        .iter()
        .map(|problem| label(problem, "composition"))
        .collect();
    let hidden = problems.len() - kinds.remove(NOTHING_HIDDEN).unwrap_or(0);
    let share = hidden as f64 / problems.len().max(1) as f64;
    let mut text = format!(
        "{} problems, {} statements, {} compositions of {} families\n",
        problems.len(),
        statements.len(),
        compositions.len(),
        families.len()
    );
    let kinds: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "a detail left out: {:.1} % ({})",
        100.0 * share,
        kinds.join(", ")
    );
    let _ = writeln!(
        text,
        "single-turn ceiling: {:.4}",
        single_turn_ceiling(problems)
    );
    text
}
