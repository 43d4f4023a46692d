//! Scores of answers → losses: Bradley and Terry's (1952) on pairs, with a margin and labels that may be unsure, and Plackett
//! and Luce's on rankings. Adding one number to all scores of a prompt changes neither.

use burn::tensor::{Bool, Tensor, TensorData, activation::log_sigmoid};

use crate::learner::numbers;

/// One pair of answers by their places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pairwise {
    /// The preferred answer.
    pub chosen: usize,
    /// The other.
    pub rejected: usize,
    /// By how much its score is to be higher.
    pub margin: f64,
    /// How likely the order is right.
    pub certainty: f64,
    /// What the pair counts.
    pub weight: f64,
}

/// `-Σ w (c log σ(d - m) + (1 - c) log σ(-(d - m)))`, with `d` the preferred answer's score less the other's.
pub fn bradley_terry(scores: Tensor<1>, pairs: &[Pairwise]) -> Tensor<1> {
    let device = scores.clone().inner().device();
    let list = |of: &dyn Fn(&Pairwise) -> f64| {
        numbers(pairs.iter().map(|pair| of(pair) as f32).collect(), &device)
    };
    let chosen = pick(&scores, pairs.iter().map(|pair| pair.chosen));
    let rejected = pick(&scores, pairs.iter().map(|pair| pair.rejected));
    let margins = chosen - rejected - list(&|pair| pair.margin);
    let right = log_sigmoid(margins.clone()) * list(&|pair| pair.certainty);
    let wrong = log_sigmoid(-margins) * list(&|pair| 1.0 - pair.certainty);
    ((right + wrong) * list(&|pair| pair.weight)).sum().neg()
}

/// `-Σ w Σ_k (s_k - log Σ_{j not before k} exp s_j)` of rankings: of each the answers' places with their ranks, lower being
/// better, and its weight. Answers of one rank are not before each other.
pub fn plackett_luce(scores: Tensor<1>, rankings: &[(Vec<(usize, f64)>, f64)]) -> Tensor<1> {
    let device = scores.clone().inner().device();
    let mut stages: Vec<(usize, Vec<usize>, f64)> = Vec::new();
    for (answers, weight) in rankings {
        for &(place, rank) in answers {
            let left = answers.iter().filter(|(_, other)| *other >= rank);
            stages.push((place, left.map(|(place, _)| *place).collect(), *weight));
        }
    }
    let longest = stages.iter().map(|stage| stage.1.len()).max().unwrap_or(1);
    let shape = [stages.len(), longest];
    let places = stages
        .iter()
        .flat_map(|(_, left, _)| (0..longest).map(|place| left[place.min(left.len() - 1)]));
    let filled: Vec<bool> = stages
        .iter()
        .flat_map(|(_, left, _)| (0..longest).map(|place| place >= left.len()))
        .collect();
    let mask = Tensor::<2, Bool>::from_data(TensorData::new(filled, shape), &device);
    let left = pick(&scores, places).reshape(shape).mask_fill(mask, LEAST);
    let most = left.clone().inner().max_dim(1);
    let sums = (left - most.clone()).exp().sum_dim(1).log() + most;
    let own = pick(&scores, stages.iter().map(|stage| stage.0));
    let weights = numbers(stages.iter().map(|stage| stage.2 as f32).collect(), &device);
    ((own - sums.reshape([shape[0]])) * weights).sum().neg()
}

/// A score of which the exponential is nothing beside any other.
const LEAST: f32 = -1e30;

fn pick(scores: &Tensor<1>, places: impl Iterator<Item = usize>) -> Tensor<1> {
    crate::learner::picked(scores.clone(), places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::stats::tests::{differences, near, number, row};

    const SCORES: [f32; 4] = [0.3, -0.2, 1.1, 0.4];

    fn pair(chosen: usize, rejected: usize) -> Pairwise {
        Pairwise {
            chosen,
            rejected,
            margin: 0.0,
            certainty: 1.0,
            weight: 1.0,
        }
    }

    #[test]
    fn hand_worked_pairs() {
        // d = 0.5 and -0.7: -log σ is 0.474077 and 1.103186.
        let found = bradley_terry(row(&SCORES), &[pair(0, 1), pair(3, 2)]);
        near(number(found), 0.474_076_98 + 1.103_186_05);
        // A margin of 0.5 makes d 0: log 2 whatever the certainty.
        for certainty in [1.0, 0.7] {
            let pair = Pairwise {
                margin: 0.5,
                certainty,
                weight: 3.0,
                ..pair(0, 1)
            };
            let found = bradley_terry(row(&SCORES), &[pair]);
            near(number(found), 3.0 * std::f64::consts::LN_2);
        }
        // Half sure: the mean of both orders.
        let tie = Pairwise {
            certainty: 0.5,
            ..pair(0, 1)
        };
        let found = bradley_terry(row(&SCORES), &[tie]);
        near(number(found), f64::midpoint(0.474_076_98, 0.974_076_98));
    }

    #[test]
    fn hand_worked_ranking() {
        // Order 2, 3, 1: log(e^1.1 + e^0.4 + e^-0.2) - 1.1, then log(e^0.4 + e^-0.2) - 0.4.
        let found = plackett_luce(row(&SCORES), &[(vec![(1, 3.0), (2, 1.0), (3, 2.0)], 1.0)]);
        let first = (1.1_f64.exp() + 0.4_f64.exp() + (-0.2_f64).exp()).ln() - 1.1;
        let second = (0.4_f64.exp() + (-0.2_f64).exp()).ln() - 0.4;
        near(number(found), first + second);
    }

    #[test]
    fn a_ranking_of_two_is_a_pair() {
        let ranking = plackett_luce(row(&SCORES), &[(vec![(0, 2.0), (1, 1.0)], 0.7)]);
        let pair = Pairwise {
            weight: 0.7,
            ..pair(1, 0)
        };
        near(
            number(ranking),
            number(bradley_terry(row(&SCORES), &[pair])),
        );
    }

    #[test]
    fn adding_to_all_scores_changes_nothing() {
        let moved = SCORES.map(|score| score + 2.5);
        let pairs = [pair(0, 1), pair(3, 2)];
        let rankings = [(vec![(1, 3.0), (2, 1.0), (3, 2.0)], 1.0)];
        near(
            number(bradley_terry(row(&moved), &pairs)),
            number(bradley_terry(row(&SCORES), &pairs)),
        );
        near(
            number(plackett_luce(row(&moved), &rankings)),
            number(plackett_luce(row(&SCORES), &rankings)),
        );
    }

    /// Two that are tied are drawn together, and pull at what is behind them alike.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let pairs = [
            Pairwise {
                margin: 0.2,
                certainty: 0.8,
                weight: 0.5,
                ..pair(0, 1)
            },
            pair(3, 2),
        ];
        let loss = |x: Tensor<1>| bradley_terry(x, &pairs);
        differences(&SCORES, loss, |x| number(loss(row(x).autodiff()).inner()));
        let rankings = [
            (vec![(1, 3.0), (2, 1.0), (3, 1.0)], 1.0),
            (vec![(0, 1.0), (2, 2.0)], 0.5),
        ];
        let loss = |x: Tensor<1>| plackett_luce(x, &rankings);
        differences(&SCORES, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
