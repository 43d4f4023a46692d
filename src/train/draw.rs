//! Seeds → what a round plays and in what order it learns. Every draw of a round is named by the run's seed and the round
//! alone, so that a run that is continued draws as one that was not interrupted.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Data, Rates, rates};
use crate::config::TrainConfig;
use crate::problem::Problem;

/// The round's items: a seeded shuffle of the whole set per pass over it.
pub(super) fn items<'a, T>(all: &'a [T], config: &TrainConfig, round: usize) -> Vec<&'a T> {
    let count = config.problems_per_round.min(all.len());
    if count == 0 {
        return Vec::new();
    }
    let per_pass = (all.len() / count).max(1);
    let mut order: Vec<&T> = all.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(
        config.seed ^ ((round / per_pass) as u64) << 20,
    ));
    order
        .into_iter()
        .skip(round % per_pass * count)
        .take(count)
        .collect()
}

/// The round's problems. Where some are drawn more often than others, each round draws anew; else every problem comes once a
/// pass.
pub(super) fn problems<'a>(
    data: Data<'a>,
    rates: Option<&Rates>,
    config: &TrainConfig,
    round: usize,
) -> Vec<&'a Problem> {
    if data.weights.is_empty() && rates.is_none() {
        return items(data.problems, config, round);
    }
    let none = Rates::default();
    rates::draw(
        data.problems,
        |problem| &problem.id,
        |place| data.weights.get(place).copied().unwrap_or(1.0),
        rates.unwrap_or(&none),
        &config.data,
        (
            config.problems_per_round,
            config.seed ^ (round as u64) << 20 ^ 0x9e37,
        ),
    )
}

/// `count` further items of a round, after so many draws for it, none of them among those that `taken` holds.
pub(super) fn further<'a, T>(
    all: &'a [T],
    taken: impl Fn(&T) -> bool,
    count: usize,
    config: &TrainConfig,
    (round, redraw): (usize, usize),
) -> Vec<&'a T> {
    let mut order: Vec<&T> = all.iter().filter(|&item| !taken(item)).collect();
    let stream = (redraw as u64) << 48 ^ (round as u64) << 16 ^ 0xd4a9;
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(config.seed ^ stream));
    order.truncate(count);
    order
}

/// Names what is sampled in a round, after so many further draws for it.
pub(super) fn sampling_seed(config: &TrainConfig, round: usize, redraw: usize) -> u64 {
    let seed = config.seed.wrapping_mul(1_000_003);
    seed.wrapping_add(round as u64)
        .wrapping_add((redraw as u64) << 40)
}

/// `count` examples of a second source for each of a round's updates: pass after pass over all of them, each in an order
/// of its own.
pub(super) fn second<'a, T>(
    all: &'a [T],
    count: usize,
    updates: usize,
    config: &TrainConfig,
    round: usize,
) -> Vec<Vec<&'a T>> {
    let per_round = count * config.updates_per_round;
    let (mut pass, mut order) = (usize::MAX, Vec::<usize>::new());
    let mut at = |place: usize| {
        if place / all.len() != pass {
            pass = place / all.len();
            order = (0..all.len()).collect();
            let stream = (pass as u64) << 24 ^ 0x5ec0_4d00;
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(config.seed ^ stream));
        }
        &all[order[place % all.len()]]
    };
    let starts = (0..updates).map(|update| round * per_round + update * count);
    starts
        .map(|start| (start..start + count).map(&mut at).collect())
        .collect()
}

/// Units of each update: the problems in a seeded order, their units one after the other, cut into equal parts; each unit is
/// used once. The answers to one prompt so meet in a pass, which reads it once. `problem_of[unit]` numbers the problem.
pub(super) fn minibatches(
    problem_of: &[usize],
    config: &TrainConfig,
    round: usize,
) -> Vec<Vec<usize>> {
    let mut problems: Vec<usize> = problem_of.to_vec();
    problems.sort_unstable();
    problems.dedup();
    let mut rank = problems.clone();
    rank.shuffle(&mut ChaCha8Rng::seed_from_u64(
        config.seed ^ (round as u64) << 32 ^ 0x5eed,
    ));
    let mut place = vec![0; problems.last().map_or(0, |last| last + 1)];
    for (at, problem) in rank.into_iter().enumerate() {
        place[problem] = at;
    }
    let mut order: Vec<usize> = (0..problem_of.len()).collect();
    order.sort_by_key(|&unit| (place[problem_of[unit]], unit));
    let size = order.len().div_ceil(config.updates_per_round).max(1);
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_items_are_others_and_named_by_the_round() {
        let config = TrainConfig::default();
        let all: Vec<usize> = (0..20).collect();
        let draw = |round| further(&all, |item| *item < 15, 3, &config, round);
        let first = draw((0, 1));
        assert_eq!(first.len(), 3);
        assert!(first.iter().all(|item| **item >= 15));
        assert_eq!(first, draw((0, 1)));
        assert_eq!(further(&all, |_| true, 3, &config, (0, 1)).len(), 0);
        assert!((0..9).any(|round| draw((round, 1)) != first));
    }

    #[test]
    fn a_second_source_shows_every_example_once_a_pass() {
        let config = TrainConfig {
            updates_per_round: 2,
            ..TrainConfig::default()
        };
        let all: Vec<usize> = (0..5).collect();
        let mut seen: Vec<usize> = (0..5)
            .flat_map(|round| second(&all, 1, 2, &config, round))
            .flatten()
            .copied()
            .collect();
        let later = seen.split_off(5);
        for mut pass in [seen, later] {
            pass.sort_unstable();
            assert_eq!(pass, all);
        }
        let updates = second(&all, 3, 2, &config, 7);
        assert_eq!(updates, second(&all, 3, 2, &config, 7));
    }

    #[test]
    fn nothing_to_draw_from_is_nothing_drawn() {
        let config = TrainConfig::default();
        assert!(items::<usize>(&[], &config, 3).is_empty());
        assert!(minibatches(&[], &config, 3).is_empty());
    }

    #[test]
    fn updates_are_cut_by_problem_and_use_every_unit_once() {
        let config = TrainConfig::default();
        let problem_of: Vec<usize> = (0..64).map(|unit| unit / 2 * 3).collect();
        let updates = minibatches(&problem_of, &config, 5);
        assert_eq!(updates.iter().map(Vec::len).collect::<Vec<_>>(), [16; 4]);
        for update in &updates {
            for pair in update.chunks(2) {
                assert_eq!(problem_of[pair[0]], problem_of[pair[1]]);
            }
        }
        let mut all = updates.concat();
        assert_eq!(updates, minibatches(&problem_of, &config, 5));
        assert_ne!(updates, minibatches(&problem_of, &config, 6));
        assert!(!all.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..64).collect::<Vec<_>>());
        // Problems of one unit each: nothing stays together, and uneven parts differ by what is left over.
        let alone: Vec<usize> = (0..10).collect();
        let sizes: Vec<usize> = minibatches(&alone, &config, 0)
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [3, 3, 3, 1]);
    }
}
