//! Episodes → what happened at each turn: how many answers there were, how many passed, and what repair did to them. Pure.

use std::collections::BTreeMap;

use similar::TextDiff;

use super::TurnReport;
use crate::completion::FinishReason;
use crate::episode::{Episode, Turn};
use crate::statistics::bootstrap;

/// One entry a turn, up to `turns`; `clusters[i]` is the cluster of the i-th group.
pub(super) fn by_turn(
    groups: &[Vec<&Episode>],
    clusters: &[usize],
    turns: usize,
    seed: u64,
) -> Vec<TurnReport> {
    (0..turns)
        .map(|turn| at(groups, clusters, turn, seed))
        .collect()
}

fn at(groups: &[Vec<&Episode>], clusters: &[usize], turn: usize, seed: u64) -> TurnReport {
    let mut report = TurnReport {
        answers: 0,
        passed_public: 0,
        cut: 0,
        grades: BTreeMap::new(),
        after_failure: 0,
        fixed: 0,
        fixed_rate: None,
        after_pass: 0,
        broken: 0,
        fewer_tests: 0,
        repeated: 0,
        edit: None,
        tokens: Some(0.0),
        only_thought: 0,
        declined: 0,
        empty: 0,
    };
    let mut pairs = Vec::with_capacity(groups.len());
    let (mut edits, mut edited) = (0.0, 0_usize);
    for episodes in groups {
        let before = (report.fixed, report.after_failure);
        for episode in episodes {
            let Some(answer) = episode.turns.get(turn) else {
                continue;
            };
            let passes = answer.verdict.is_accepted();
            report.answers += 1;
            report.passed_public += usize::from(passes);
            let tokens = answer.tokens.map(|tokens| tokens as f64);
            report.tokens = report.tokens.zip(tokens).map(|(sum, more)| sum + more);
            report.cut += usize::from(answer.finish == FinishReason::Length);
            report.only_thought += usize::from(answer.only_thought);
            report.declined += usize::from(answer.declined);
            let unexplained = !answer.only_thought && !answer.declined;
            report.empty += usize::from(unexplained && answer.text.trim().is_empty());
            *report.grades.entry(answer.verdict.grade).or_default() += 1;
            let Some(last) = turn.checked_sub(1).map(|index| &episode.turns[index]) else {
                continue;
            };
            if last.verdict.is_accepted() {
                report.after_pass += 1;
                report.broken += usize::from(!passes);
            } else {
                report.after_failure += 1;
                report.fixed += usize::from(passes);
            }
            report.fewer_tests += usize::from(answer.verdict.passed < last.verdict.passed);
            let (old, new) = (program(last), program(answer));
            report.repeated += usize::from(old.trim_end() == new.trim_end());
            edits += edit(&old, &new);
            edited += 1;
        }
        let (fixed, failed) = (report.fixed - before.0, report.after_failure - before.1);
        pairs.push((fixed as f64, failed as f64));
    }
    let answers = report.answers.max(1) as f64;
    report.tokens = report.tokens.map(|sum| sum / answers);
    report.edit = (edited > 0).then(|| edits / edited as f64);
    report.fixed_rate = (report.after_failure > 0)
        .then(|| bootstrap::ratio(&bootstrap::gathered(&pairs, clusters), seed));
    report
}

/// The program of an answer; its whole text where it holds none.
fn program(turn: &Turn) -> String {
    match turn.program() {
        Some(program) => program.source.clone(),
        None => turn.text.clone(),
    }
}

/// Share of lines that differ: 1 − 2·common/(old + new).
fn edit(old: &str, new: &str) -> f64 {
    if old == new {
        return 0.0;
    }
    1.0 - f64::from(TextDiff::from_lines(old, new).ratio())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_the_share_of_lines_that_changed() {
        assert_eq!(edit("a\nb\n", "a\nb\n"), 0.0);
        // Of 4 lines in all, 2 are common: 1 - 2/4.
        assert!((edit("a\nb\n", "a\nc\n") - 0.5).abs() < 1e-6);
        assert!((edit("a\n", "b\n") - 1.0).abs() < 1e-6);
    }
}
