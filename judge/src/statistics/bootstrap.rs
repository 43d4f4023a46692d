//! Bootstrap by cluster: what was sampled together, a problem's episodes at least, is drawn again with replacement as a
//! whole, 2,000 times, percentiles 2.5 and 97.5 are the interval (Efron & Tibshirani 1993, section 13.3; RLEF resamples
//! too, 200 times).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Estimate, normal_quantile, wilson};

/// Draws of an interval.
pub const RESAMPLES: usize = 2000;

/// Adds up the pairs of each cluster; `clusters[i]` numbers the cluster of `pairs[i]`, and where `clusters` is shorter
/// the rest stand alone.
pub fn gathered(pairs: &[(f64, f64)], clusters: &[usize]) -> Vec<(f64, f64)> {
    let mut sums: std::collections::BTreeMap<Result<usize, usize>, (f64, f64)> =
        std::collections::BTreeMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        let cluster = clusters.get(index).copied().ok_or(index);
        let sum = sums.entry(cluster).or_default();
        sum.0 += pair.0;
        sum.1 += pair.1;
    }
    sums.into_values().collect()
}

/// Sum of first parts over sum of second parts, one pair a cluster: a share of episodes, where clusters may have
/// different numbers of them. 0 where the second parts are all 0.
pub fn ratio(clusters: &[(f64, f64)], seed: u64) -> Estimate {
    let divide = |sums: (f64, f64)| if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    let add = |a: (f64, f64), b: &(f64, f64)| (a.0 + b.0, a.1 + b.1);
    // A cluster without a defined episode says nothing, and would make the interval wider than it is.
    let defined: Vec<(f64, f64)> = clusters
        .iter()
        .copied()
        .filter(|pair| pair.1 > 0.0)
        .collect();
    let mean = divide(defined.iter().fold((0.0, 0.0), add));
    let Some(first) = defined.first().copied() else {
        return Estimate {
            mean,
            low: 0.0,
            high: 1.0,
        };
    };
    if defined
        .iter()
        .all(|&pair| (divide(pair) - divide(first)).abs() < 1e-12)
    {
        return alike(mean, defined.len());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    interval(mean, || {
        divide((0..defined.len()).fold((0.0, 0.0), |sums, _| {
            add(sums, &defined[rng.random_range(0..defined.len())])
        }))
    })
}

/// Mean over problems of one number each between 0 and 1, such as pass@k; `clusters` as for [`gathered`].
pub fn mean(values: &[f64], clusters: &[usize], seed: u64) -> Estimate {
    let pairs: Vec<(f64, f64)> = values.iter().map(|&value| (value, 1.0)).collect();
    ratio(&gathered(&pairs, clusters), seed)
}

/// Clusters that are all alike would draw an interval of no width, as if nothing else could ever happen. Wilson's
/// interval with the cluster as the unit says what so few clusters can exclude.
fn alike(mean: f64, clusters: usize) -> Estimate {
    let n = clusters as f64;
    let (low, high) = wilson(mean * n, n, normal_quantile(0.975));
    Estimate {
        mean,
        low: low.min(mean),
        high: high.max(mean),
    }
}

fn interval(mean: f64, mut draw: impl FnMut() -> f64) -> Estimate {
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
    means.sort_by(f64::total_cmp);
    let at = |quantile: f64| means[((RESAMPLES as f64 * quantile) as usize).min(RESAMPLES - 1)];
    Estimate {
        mean,
        low: at(0.025),
        high: at(0.975),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_problems_are_drawn_as_a_binomial() {
        // Means 0, 1/2, 1 with probability 1/4, 1/2, 1/4: both percentiles are at the ends.
        let estimate = mean(&[0.0, 1.0], &[], 3);
        assert_eq!(
            (estimate.mean, estimate.low, estimate.high),
            (0.5, 0.0, 1.0)
        );
    }

    #[test]
    fn a_cluster_is_drawn_whole() {
        // Four problems in two clusters, alike within each: the same draws as two problems.
        let four = mean(&[0.0, 1.0, 0.0, 1.0], &[7, 2, 7, 2], 3);
        assert_eq!((four.mean, four.low, four.high), (0.5, 0.0, 1.0));
        let alone = mean(&[0.0, 1.0, 0.0, 1.0], &[], 3);
        assert!(alone.high - alone.low <= 1.0);
        assert_eq!(
            gathered(&[(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)], &[4, 4]),
            vec![(4.0, 6.0), (5.0, 6.0)]
        );
    }

    #[test]
    fn siblings_that_rise_and_fall_together_need_clusters() {
        // 60 clusters of 5 problems that share one difficulty: by problem the interval misses the truth far too often.
        let truth = 0.3;
        let held = |clustered: bool| {
            (0..200)
                .filter(|&world| {
                    let mut rng = ChaCha8Rng::seed_from_u64(world);
                    let (mut values, mut clusters) = (Vec::new(), Vec::new());
                    for cluster in 0..60 {
                        let p = if rng.random_bool(0.5) {
                            2.0 * truth
                        } else {
                            0.0
                        };
                        for _ in 0..5 {
                            values.push(f64::from(u8::from(rng.random_bool(p))));
                            clusters.push(cluster);
                        }
                    }
                    let clusters: &[usize] = if clustered { &clusters } else { &[] };
                    let estimate = mean(&values, clusters, world);
                    estimate.low <= truth && truth <= estimate.high
                })
                .count()
        };
        let (with, without) = (held(true), held(false));
        assert!(with >= 180 && without < 170, "{with} and {without} of 200");
    }

    #[test]
    fn episodes_weigh_alike_and_undefined_problems_say_nothing() {
        let estimate = ratio(&[(1.0, 1.0), (0.0, 3.0), (0.0, 0.0)], 3);
        assert_eq!(estimate.mean, 0.25);
        assert_eq!(
            ratio(&[], 1),
            Estimate {
                mean: 0.0,
                low: 0.0,
                high: 1.0
            }
        );
    }

    #[test]
    fn problems_all_alike_leave_room_for_what_was_not_seen() {
        let estimate = mean(&[0.0; 10], &[], 1);
        assert_eq!((estimate.mean, estimate.low), (0.0, 0.0));
        assert!((estimate.high - 0.277_53).abs() < 1e-5, "{estimate:?}");
        let estimate = mean(&[1.0; 10], &[], 1);
        assert!(
            (estimate.low - 0.722_47).abs() < 1e-5 && estimate.high == 1.0,
            "{estimate:?}"
        );
    }

    /// Share of intervals that hold the truth, for problems whose difficulty varies, with `rollouts` each.
    fn coverage(problems: usize, rollouts: usize, truth: f64, worlds: u64) -> f64 {
        let held = (0..worlds)
            .filter(|&world| {
                let mut rng = ChaCha8Rng::seed_from_u64(world);
                let clusters: Vec<(f64, f64)> = (0..problems)
                    .map(|_| {
                        // Half the problems are twice as easy, half are hopeless: strongly clustered.
                        let p = if rng.random_bool(0.5) {
                            2.0 * truth
                        } else {
                            0.0
                        };
                        let hits = (0..rollouts).filter(|_| rng.random_bool(p)).count();
                        (hits as f64, rollouts as f64)
                    })
                    .collect();
                let estimate = ratio(&clusters, world);
                estimate.low <= truth && truth <= estimate.high
            })
            .count();
        held as f64 / worlds as f64
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        // 400 worlds: standard error 1.1 points around 95.
        for (problems, rollouts, truth) in [(164, 1, 0.3), (164, 5, 0.3), (100, 10, 0.45)] {
            let share = coverage(problems, rollouts, truth, 400);
            assert!(
                (0.915..=0.985).contains(&share),
                "{problems} x {rollouts}, {truth}: {share}"
            );
        }
    }

    #[test]
    fn ignoring_clusters_would_be_wrong() {
        // The same data with every episode its own cluster: the reason why problems are drawn whole.
        let (problems, rollouts, truth) = (60, 20, 0.3);
        let held = (0..200)
            .filter(|&world| {
                let mut rng = ChaCha8Rng::seed_from_u64(world);
                let mut episodes = Vec::new();
                for _ in 0..problems {
                    let p = if rng.random_bool(0.5) {
                        2.0 * truth
                    } else {
                        0.0
                    };
                    episodes.extend((0..rollouts).map(|_| f64::from(u8::from(rng.random_bool(p)))));
                }
                let estimate = mean(&episodes, &[], world);
                estimate.low <= truth && truth <= estimate.high
            })
            .count();
        assert!(held < 150, "{held} of 200");
        assert!(coverage(problems, rollouts, truth, 200) > 0.9);
    }
}
