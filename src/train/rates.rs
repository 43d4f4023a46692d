//! What was played → how often each problem is solved of late, and how often it should be drawn. Kept with every checkpoint, so
//! that a run that is continued draws as one that was not interrupted.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::config::{Curriculum, DataConfig};
use crate::reward;
use crate::rollout::Group;

/// Visits that a rate is about the mean of.
const MEMORY: usize = 4;
/// How often a problem outside the band is drawn, beside 1 for one inside.
const OUTSIDE: f64 = 0.05;
/// What is added to p(1 - p), which is 1/4 at most: a problem that is always solved, or never, comes back now and then.
const FLOOR: f64 = 0.025;

/// How often one problem was solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    /// How often it was drawn.
    visits: usize,
    /// The share of its episodes that were solved of late.
    solved: f64,
}

/// The running solve rate of every problem that was played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rates {
    /// By id.
    by_problem: BTreeMap<String, Rate>,
}

impl Rates {
    /// Takes what was played; episodes that are no data say nothing.
    pub fn note(&mut self, groups: &[Group]) {
        for group in groups {
            let data = group
                .episodes
                .iter()
                .filter(|episode| episode.outcome.is_some() && !reward::is_unsupported(episode));
            let (count, solved) = data.fold((0, 0), |(count, solved), episode| {
                (count + 1, solved + usize::from(episode.is_solved()))
            });
            if count == 0 {
                continue;
            }
            let rate = self.by_problem.entry(group.problem_id.clone()).or_default();
            rate.visits += 1;
            let share = solved as f64 / f64::from(count);
            rate.solved += (share - rate.solved) / rate.visits.min(MEMORY) as f64;
        }
    }

    /// How often a problem is solved, once it was played.
    pub fn of(&self, problem: &str) -> Option<f64> {
        self.by_problem.get(problem).map(|rate| rate.solved)
    }

    /// How often a problem should be drawn, beside others of its set. One that was never played is as good as the best.
    fn weight(&self, problem: &str, config: &DataConfig) -> f64 {
        let Some(solved) = self.of(problem) else {
            return match config.curriculum {
                Curriculum::Off => 1.0,
                Curriculum::SolveRate => 0.25 + FLOOR,
            };
        };
        let [low, high] = config.solve_rate;
        let inside = if (low..=high).contains(&solved) {
            1.0
        } else {
            OUTSIDE
        };
        let telling = match config.curriculum {
            Curriculum::Off => 1.0,
            Curriculum::SolveRate => solved * (1.0 - solved) + FLOOR,
        };
        inside * telling
    }
}

/// `count` different items by weight: each has a number that is drawn for it alone, so that what the others weigh doesn't move
/// it (Efraimidis and Spirakis 2006).
pub(super) fn draw<'a, T>(
    all: &'a [T],
    id: impl Fn(&T) -> &str,
    weight_of_set: impl Fn(usize) -> f64,
    rates: &Rates,
    config: &DataConfig,
    (count, seed): (usize, u64),
) -> Vec<&'a T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<(f64, usize)> = all
        .iter()
        .enumerate()
        .map(|(place, item)| {
            let weight = weight_of_set(place) * rates.weight(id(item), config);
            // The logarithm of u^(1/w): the largest win.
            (
                rng.random::<f64>().max(f64::MIN_POSITIVE).ln() / weight,
                place,
            )
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let chosen = order.into_iter().take(count);
    chosen.map(|(_, place)| &all[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::verdict::Grade;

    fn group(id: &str, solved: &[bool]) -> Group {
        let grade = |solved| {
            if solved {
                Grade::Accepted
            } else {
                Grade::WrongAnswer
            }
        };
        let episode = |&solved: &bool| played(&[grade(solved)], solved);
        Group {
            problem_id: id.to_owned(),
            episodes: solved.iter().map(episode).collect(),
        }
    }

    #[test]
    fn a_rate_follows_what_is_played_and_forgets() {
        let mut rates = Rates::default();
        assert_eq!(rates.of("p"), None);
        rates.note(&[group("p", &[true, false])]);
        assert_eq!(rates.of("p"), Some(0.5));
        rates.note(&[group("p", &[true, true])]);
        assert_eq!(rates.of("p"), Some(0.75));
        for _ in 0..40 {
            rates.note(&[group("p", &[false, false])]);
        }
        assert!(rates.of("p").unwrap() < 1e-4);
        let mut lost = group("q", &[false]);
        lost.episodes[0].outcome = None;
        rates.note(&[lost]);
        assert_eq!(rates.of("q"), None);
        let text = serde_json::to_string(&rates).unwrap();
        assert_eq!(serde_json::from_str::<Rates>(&text).unwrap(), rates);
    }

    /// How often each of some problems is among two that are drawn.
    fn drawn(rates: &Rates, config: &DataConfig, set: impl Fn(usize) -> f64) -> Vec<f64> {
        let all: Vec<String> = (0..6).map(|number| format!("p{number}")).collect();
        let mut counts = vec![0.0; all.len()];
        for seed in 0..4000 {
            let found = draw(&all, |id| id.as_str(), &set, rates, config, (2, seed));
            assert_eq!(found.len(), 2);
            for id in found {
                let place = all.iter().position(|other| other == id).unwrap();
                counts[place] += 1.0 / 4000.0;
            }
        }
        counts
    }

    #[test]
    fn draws_go_by_weights_bands_and_rates() {
        let mut rates = Rates::default();
        for _ in 0..8 {
            let all = [&[true, true][..], &[false, false], &[true, false]];
            for (number, solved) in all.into_iter().enumerate() {
                rates.note(&[group(&format!("p{number}"), solved)]);
            }
        }
        let plain = DataConfig::default();
        let even = drawn(&rates, &plain, |_| 1.0);
        assert!(
            even.iter().all(|share| (share - 1.0 / 3.0).abs() < 0.03),
            "{even:?}"
        );
        let heavy = drawn(&rates, &plain, |place| if place == 5 { 4.0 } else { 1.0 });
        assert!(heavy[5] > 0.6 && heavy[0] < 0.3, "{heavy:?}");
        let band = DataConfig {
            solve_rate: [0.1, 0.9],
            ..DataConfig::default()
        };
        let inside = drawn(&rates, &band, |_| 1.0);
        // Always and never solved are hardly drawn; half solved and never played are.
        assert!(
            inside[0] < 0.06 && inside[1] < 0.06 && inside[2] > 0.4 && inside[3] > 0.4,
            "{inside:?}"
        );
        let curriculum = DataConfig {
            curriculum: Curriculum::SolveRate,
            ..DataConfig::default()
        };
        let telling = drawn(&rates, &curriculum, |_| 1.0);
        assert!(
            telling[0] < 0.15 && telling[2] > 0.4 && telling[4] > 0.4,
            "{telling:?}"
        );
    }
}
