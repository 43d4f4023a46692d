//! Marks: of a program made of the set's own lines, which of them are right. What a line leaves behind is known without a run, for
//! each has its evaluator: a line is right where the value after it is, on all inputs of the problem, one that the right program
//! has on its way, and no earlier one than the line before had reached. Such labels need no people and no completions, and have no
//! noise (compare Uesato et al. 2022, arXiv 2211.14275).

use std::collections::HashMap;
use std::sync::OnceLock;

use rlef_sandbox::Language;

use super::composition::families;
use super::pipeline::Step;
use super::slots::OPTIONS;
use super::value::{Shape, Value};
use crate::problem::{Problem, TestCase};

/// Rows of a grid that a line may read at most.
const ROWS: usize = 9;

/// A program as its lines' steps.
struct Parsed {
    reads: Shape,
    rows: usize,
    /// Each step with how many lines it takes.
    steps: Vec<(Step, usize)>,
}

/// Whether each line of a Python program, blank ones left out, is right; nothing where the problem is none of this set, or a line is
/// none of its lines.
pub fn marks(problem: &Problem, source: &str) -> Option<Vec<bool>> {
    let mut references = problem.references.iter();
    let reference = references.find(|one| one.language == Language::Python)?;
    let right = parsed(&reference.source)?;
    let own = parsed(source)?;
    let tests = problem.public_tests.iter().chain(&problem.private_tests);
    let inputs: Vec<&str> = tests
        .map(|test| match test {
            TestCase::Stdin { input, .. } => Some(input.as_str()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let wanted = states(&right, &inputs);
    // The program that is taken for right must be able to read what it is given.
    let whole = |state: &Vec<Option<Value>>| state.iter().all(Option::is_some);
    if inputs.is_empty() || !wanted.iter().all(whole) {
        return None;
    }
    let mut reached = 0;
    let mut marks = Vec::new();
    let lines = std::iter::once(1).chain(own.steps.iter().map(|(_, lines)| *lines));
    for (state, lines) in states(&own, &inputs).iter().zip(lines) {
        let found = (reached..wanted.len()).find(|&place| wanted[place] == *state);
        reached = found.unwrap_or(reached);
        marks.extend(std::iter::repeat_n(found.is_some(), lines));
    }
    Some(marks)
}

/// The values on all inputs after the first line and after every step; nothing where Python would have raised.
fn states(program: &Parsed, inputs: &[&str]) -> Vec<Vec<Option<Value>>> {
    let read = |input: &&str| read(input, program.reads, program.rows);
    let mut all = vec![inputs.iter().map(read).collect::<Vec<_>>()];
    for (step, _) in &program.steps {
        let before = &all[all.len() - 1];
        let apply = |value: &Option<Value>| {
            let value = value.clone()?;
            step.family.apply(value, step.constant, step.option)
        };
        let after = before.iter().map(apply).collect();
        all.push(after);
    }
    all
}

/// What a first line makes of an input; nothing where it would raise.
fn read(input: &str, shape: Shape, rows: usize) -> Option<Value> {
    let mut lines = input.lines();
    let numbers = |line: &str| -> Option<Vec<i64>> {
        line.split_whitespace()
            .map(|word| word.parse().ok())
            .collect()
    };
    if shape == Shape::Grid {
        let grid: Vec<Vec<i64>> = (0..rows)
            .map(|_| numbers(lines.next()?))
            .collect::<Option<_>>()?;
        return Some(Value::Grid(grid));
    }
    let line = lines.next()?;
    Some(match shape {
        Shape::Text => Value::Text(line.to_owned()),
        Shape::Words => Value::Words(line.split_whitespace().map(str::to_owned).collect()),
        Shape::List | Shape::Grid => Value::List(numbers(line)?),
        Shape::Number => Value::Number(line.trim().parse().ok()?),
        Shape::Pair => match numbers(line)?[..] {
            [x, y] => Value::Pair(x, y),
            _ => return None,
        },
    })
}

fn parsed(source: &str) -> Option<Parsed> {
    let lines: Vec<&str> = source
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let first = *lines.first()?;
    let (reads, rows) = Shape::ALL.into_iter().find_map(|shape| {
        let written = |rows: &usize| shape.read_line().replace("{r}", &rows.to_string()) == first;
        Some((shape, (1..=ROWS).find(written)?))
    })?;
    let (known, longest) = known();
    let mut steps = Vec::new();
    let mut at = 1;
    while at < lines.len() {
        let most = (*longest).min(lines.len() - at);
        let (step, taken) = (1..=most).rev().find_map(|taken| {
            let step = known.get(&lines[at..at + taken].join("\n"))?;
            Some((*step, taken))
        })?;
        steps.push((step, taken));
        at += taken;
    }
    Some(Parsed { reads, rows, steps })
}

/// All lines that steps are written as, and how many lines one takes at most.
fn known() -> &'static (HashMap<String, Step>, usize) {
    static KNOWN: OnceLock<(HashMap<String, Step>, usize)> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut known = HashMap::new();
        let mut longest = 1;
        for family in families() {
            let options = if family.slot.is_some() { OPTIONS } else { 1 };
            for constant in family.constant.values() {
                for option in 0..options {
                    let text = family.write(constant, option);
                    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
                    longest = longest.max(lines.len());
                    let step = Step {
                        family,
                        constant,
                        option,
                    };
                    known.entry(lines.join("\n")).or_insert(step);
                }
            }
        }
        (known, longest)
    })
}

#[cfg(test)]
mod tests {
    use super::super::mistakes::wrong_pipelines;
    use super::super::{ContestConfig, Split, items};
    use super::*;

    /// Whatever is made of an item: its last line is right where it prints what is expected on all inputs, and only there.
    #[test]
    fn the_last_line_is_right_where_the_program_is() {
        let config = ContestConfig {
            train: 60,
            validation: 1,
            test: 1,
            ..ContestConfig::default()
        };
        let (mut right, mut wrong, mut after) = (0, 0, 0);
        for item in items(Split::Train, &config) {
            let problem = &item.problem;
            let solution = &problem.references[0].source;
            let all = marks(problem, solution).unwrap();
            assert!(all.iter().all(|mark| *mark), "{solution}");
            assert_eq!(all.len(), solution.trim_end().lines().count());
            for other in wrong_pipelines(&item.pipeline) {
                let source = other.solution();
                let Some(found) = marks(problem, &source) else {
                    continue;
                };
                let tests = problem.public_tests.iter().chain(&problem.private_tests);
                let prints = tests.into_iter().all(|test| {
                    let TestCase::Stdin { input, expected } = test else {
                        unreachable!("the set has no other tests")
                    };
                    let value = read(input, other.reads, other.rows);
                    value.and_then(|value| other.output(&value)).as_ref() == Some(expected)
                });
                assert_eq!(found.last(), Some(&prints), "{source}\nfor\n{solution}");
                if prints {
                    right += 1;
                } else {
                    wrong += 1;
                    after += usize::from(found[0] && !found[found.len() - 1]);
                }
            }
        }
        assert!(wrong > 100 && after > 50, "{right} {wrong} {after}");
    }

    #[test]
    fn what_is_none_of_the_sets_lines_has_no_marks() {
        let config = ContestConfig {
            train: 3,
            validation: 1,
            test: 1,
            ..ContestConfig::default()
        };
        let item = &items(Split::Train, &config)[0];
        let solution = &item.problem.references[0].source;
        assert_eq!(
            marks(&item.problem, &format!("{solution}import os\n")),
            None
        );
        assert_eq!(marks(&item.problem, "print(1)"), None);
        assert_eq!(marks(&item.problem, ""), None);
        let spaced = solution.replace('\n', "\n\n");
        assert_eq!(
            marks(&item.problem, &spaced),
            marks(&item.problem, solution)
        );
        let other = Problem {
            references: Vec::new(),
            ..item.problem.clone()
        };
        assert_eq!(marks(&other, solution), None);
    }
}
