//! Item: an outline with its constants, options and tests drawn: one problem for each program that fits the
//! statement. All of them share their inputs and the first input tells them apart, so no program can pass two
//! of them. Knows no split sizes and no shares.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use rlef_sandbox::{Language, Limits};

use super::composition::{NOTHING_HIDDEN, Outline, constants};
use super::inputs::{Size, draw};
use super::pipeline::{Pipeline, Step};
use super::slots::OPTIONS;
use super::value::Value;
use super::{ContestItem, Split};
use crate::comparator::Comparison;
use crate::problem::{Problem, Reference, TestCase};

/// Longest statement, in characters.
pub(super) const STATEMENT_CHARACTERS: usize = 120;
/// Longest solution, in characters.
pub(super) const SOLUTION_CHARACTERS: usize = 140;
const PUBLIC_TESTS: usize = 3;
/// The tests in order: size of the input and longest output in characters; the first ones are public.
const TESTS: [(Size, usize); 8] = [
    (Size::Short, 24),
    (Size::Short, 40),
    (Size::Short, 40),
    (Size::Tiny, 80),
    (Size::Short, 80),
    (Size::Long, 120),
    (Size::Long, 120),
    (Size::Long, 120),
];
/// Tests that may share one output: a program that prints a constant passes no more.
const ALIKE: usize = 5;
/// Inputs drawn for one test before the outline is given up.
const ATTEMPTS: usize = 100;

/// A pipeline from an outline with constants of `split`; `None` when its texts come out too long.
pub(super) fn pipeline(outline: &Outline, split: Split, rng: &mut ChaCha8Rng) -> Option<Pipeline> {
    let mut steps = Vec::new();
    for family in &outline.composition.families {
        let constant = *constants(family, split).choose(rng)?;
        steps.push(Step {
            family,
            constant,
            option: rng.random_range(0..OPTIONS),
        });
    }
    let rows = rng.random_range(2..=3);
    let pipeline = Pipeline {
        reads: outline.composition.reads,
        rows,
        steps,
        hidden: outline.hidden,
    };
    let fits = |one: &Pipeline| one.solution().len() <= SOLUTION_CHARACTERS;
    (pipeline.statement().len() <= STATEMENT_CHARACTERS && pipeline.siblings().iter().all(fits))
        .then_some(pipeline)
}

/// The items of a pipeline, one for each option its statement leaves open; `None` when no inputs were found that
/// tell the options apart and make every step matter. Ids are left empty.
pub(super) fn items(
    pipeline: &Pipeline,
    split: Split,
    rng: &mut ChaCha8Rng,
) -> Option<Vec<ContestItem>> {
    let siblings = pipeline.siblings();
    let inputs = inputs(pipeline, &siblings, rng)?;
    let variants: Vec<_> = siblings.iter().map(Pipeline::solution).collect();
    siblings
        .into_iter()
        .enumerate()
        .map(|(option, sibling)| {
            let tests = inputs
                .iter()
                .map(|input| test(&sibling, input))
                .collect::<Option<Vec<_>>>()?;
            let problem = problem(&sibling, tests, variants.len(), split);
            let public_inputs = inputs[..PUBLIC_TESTS].to_vec();
            Some(ContestItem {
                problem,
                variants: variants.clone(),
                option,
                pipeline: sibling,
                public_inputs,
            })
        })
        .collect()
}

fn inputs(pipeline: &Pipeline, siblings: &[Pipeline], rng: &mut ChaCha8Rng) -> Option<Vec<Value>> {
    let mut inputs: Vec<Value> = Vec::new();
    for (place, (size, longest)) in TESTS.into_iter().enumerate() {
        let suits = |input: &Value| {
            let outputs: Option<Vec<_>> = siblings
                .iter()
                .map(|sibling| {
                    sibling
                        .output(input)
                        .filter(|output| output.len() <= longest)
                })
                .collect();
            outputs.is_some_and(|outputs| place > 0 || tells_apart(&outputs))
        };
        // An edge case that is undefined for this pipeline gives way to a short input.
        let sizes = [size; ATTEMPTS].into_iter().chain([Size::Short; ATTEMPTS]);
        let found = sizes
            .map(|size| draw(pipeline, size, rng))
            .find(|input| !inputs.contains(input) && suits(input));
        inputs.push(found?);
    }
    let outputs = |one: &Pipeline| {
        inputs
            .iter()
            .map(|input| one.output(input))
            .collect::<Vec<_>>()
    };
    let varied = |one: &Pipeline| most_common(&outputs(one)) <= ALIKE;
    let every_step_matters = |one: &Pipeline| {
        one.shortened()
            .iter()
            .all(|shorter| outputs(shorter) != outputs(one))
    };
    siblings
        .iter()
        .all(|one| varied(one) && every_step_matters(one))
        .then_some(inputs)
}

/// Whether all outputs are visible and no two are the same to a comparison by lines.
fn tells_apart(outputs: &[String]) -> bool {
    let seen: BTreeSet<Vec<&str>> = outputs
        .iter()
        .map(|output| output.trim_end().lines().map(str::trim_end).collect())
        .collect();
    seen.len() == outputs.len() && seen.iter().all(|lines| !lines.is_empty())
}

fn most_common(outputs: &[Option<String>]) -> usize {
    outputs
        .iter()
        .map(|output| outputs.iter().filter(|other| *other == output).count())
        .max()
        .unwrap_or(0)
}

fn test(pipeline: &Pipeline, input: &Value) -> Option<TestCase> {
    Some(TestCase::Stdin {
        input: input.written(),
        expected: pipeline.output(input)?,
    })
}

fn problem(pipeline: &Pipeline, mut tests: Vec<TestCase>, options: usize, split: Split) -> Problem {
    let private_tests = tests.split_off(PUBLIC_TESTS);
    let names: Vec<_> = pipeline.steps.iter().map(|step| step.family.name).collect();
    let labels = [
        // Problems of one composition share steps, wording and often the statement: they are hard or easy together.
        ("cluster", pipeline.composition()),
        ("composition", pipeline.composition()),
        ("families", names.join(",")),
        (
            "hidden",
            pipeline
                .hidden_slot()
                .map_or(NOTHING_HIDDEN, |slot| slot.kind)
                .to_owned(),
        ),
        ("option", pipeline.hidden_option().to_string()),
        ("options", options.to_string()),
        ("split", split.name().to_owned()),
    ];
    Problem {
        id: String::new(),
        statement: pipeline.statement(),
        public_tests: tests,
        private_tests,
        limits: Limits {
            cpu_ms: 1_000,
            wall_ms: 10_000,
            memory_bytes: 256 << 20,
            ..Limits::default()
        },
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: vec![Reference {
            language: Language::Python,
            source: pipeline.solution(),
        }],
        wrong: Vec::new(),
        files: None,
        labels: labels
            .map(|(name, text)| (name.to_owned(), text))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    }
}
