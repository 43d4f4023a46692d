//! Mistakes: programs that a hasty author might write for an item, each of which fails a public test. Checked by
//! the evaluator, so nothing is run; for demonstrations of a wrong answer followed by its repair.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::composition::{constants, families, split_of};
use super::family::{Constant, Family};
use super::pipeline::{Pipeline, Step};
use super::slots::OPTIONS;
use super::world::World;
use super::{ContestItem, Split};

/// A wrong program for the item: a constant off by one, a step left out or in the wrong place, another option, the
/// first line or a parenthesis missing, or else something else printed. `None` only when none of those fails a
/// public test.
pub fn mistake(item: &ContestItem, rng: &mut ChaCha8Rng) -> Option<String> {
    if rng.random_bool(0.15) {
        return Some(broken(&item.pipeline.solution(), rng));
    }
    let mut wrong = wrong_pipelines(&item.pipeline);
    let mut misread = misread_pipelines(&item.pipeline);
    wrong.shuffle(rng);
    misread.shuffle(rng);
    wrong.extend(misread);
    let split = split_of(&item.pipeline.composition());
    wrong
        .iter()
        // Never the right answer to a problem of another split, nor a constant that only another split has: a lesson shows
        // this program, and what it prints.
        .filter(|wrong| split_of(&wrong.composition()) == split && is_within(wrong, split))
        .find(|wrong| fails_a_public_test(item, wrong))
        .map(Pipeline::solution)
}

/// Whether all constants are ones that problems of `split` have.
pub(super) fn is_within(pipeline: &Pipeline, split: Split) -> bool {
    let has = |step: &Step| constants(step.family, split).contains(&step.constant);
    pipeline.steps.iter().all(has)
}

/// The program as text with something missing without which it cannot run: every solution ends in a call of
/// `print`, and needs its first line.
fn broken(solution: &str, rng: &mut ChaCha8Rng) -> String {
    if rng.random_bool(0.5)
        && let Some((_, rest)) = solution.split_once('\n')
    {
        return rest.to_owned();
    }
    solution.trim_end().trim_end_matches(')').to_owned() + "\n"
}

/// Itself with one thing slightly wrong.
pub(super) fn wrong_pipelines(right: &Pipeline) -> Vec<Pipeline> {
    let mut wrong = right.shortened();
    for place in 0..right.steps.len() {
        let step = right.steps[place];
        let mut replace = |constant, option| {
            let mut other = right.clone();
            other.steps[place].constant = constant;
            other.steps[place].option = option;
            wrong.push(other);
        };
        if step.family.slot.is_some() {
            (0..OPTIONS)
                .filter(|option| *option != step.option)
                .for_each(|option| replace(step.constant, option));
        }
        let near = [step.constant - 1, step.constant + 1];
        near.into_iter()
            .filter(|constant| step.family.constant.values().contains(constant))
            .for_each(|constant| replace(constant, step.option));
    }
    for place in 1..right.steps.len() {
        let (before, after) = (right.steps[place - 1].family, right.steps[place].family);
        if before.gives == Some(before.takes())
            && after.gives == Some(before.takes())
            && after.takes() == before.takes()
        {
            let mut swapped = right.clone();
            swapped.steps.swap(place - 1, place);
            wrong.push(swapped);
        }
    }
    wrong
}

/// Itself with something else printed: what is left where there is nothing to get slightly wrong.
pub(super) fn misread_pipelines(right: &Pipeline) -> Vec<Pipeline> {
    let Some((last, steps)) = right.steps.split_last() else {
        return Vec::new();
    };
    let world = World::of(right);
    let alike = |family: &&Family| {
        family.takes() == last.family.takes()
            && family.gives == last.family.gives
            && family.name != last.family.name
            && family.constant == Constant::None
            && world.holds(family.name)
    };
    let with = |family| {
        let other = Step {
            family,
            constant: 0,
            option: 0,
        };
        Pipeline {
            steps: [steps, &[other]].concat(),
            ..right.clone()
        }
    };
    families().filter(alike).map(with).collect()
}

fn fails_a_public_test(item: &ContestItem, wrong: &Pipeline) -> bool {
    item.public_inputs
        .iter()
        .any(|input| wrong.output(input) != item.pipeline.output(input))
}
