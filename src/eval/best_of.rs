//! Scored episodes → what choosing the best of n by score brings, without bias and without drawing anything: the truth and the
//! score of the chosen one in expectation over all subsets of n of a problem's episodes (Nakano et al. 2021, arXiv 2112.09332,
//! appendix I; Gao et al. 2022, arXiv 2210.10760, section 2).

use std::collections::BTreeMap;

use rlef_judge::evaluation::{BestOf, Report};

use super::{by_id, clusters, graded};
use crate::episode::Episode;
use crate::problem::Problem;
use crate::rollout::Group;
use crate::statistics::bootstrap;

/// Values of n that are reported where there are as many episodes of every problem.
const OF: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// `log n - (n - 1) / n` (Stiennon et al. 2020, arXiv 2009.01325, appendix G.3).
pub fn kl(n: usize) -> f64 {
    let n = n as f64;
    n.ln() - (n - 1.0) / n
}

/// How likely each of some samples is the one with the highest score among `n` of them, drawn without replacement; equal scores
/// share alike. `n` is at least 1 and at most their number.
pub fn chances(scores: &[f64], n: usize) -> Vec<f64> {
    let all = scores.len();
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    // The i-th best is chosen where it is drawn and none before it: C(N - 1 - i, n - 1) / C(N, n).
    let mut chance = n as f64 / all as f64;
    let by_place: Vec<f64> = (0..all)
        .map(|place| {
            let own = chance;
            let behind = all - 1 - place;
            chance *= (behind + 1).saturating_sub(n) as f64 / behind.max(1) as f64;
            own
        })
        .collect();
    let mut found = vec![0.0; all];
    let mut start = 0;
    while start < all {
        let same = |place: &usize| scores[order[*place]] == scores[order[start]];
        let end = (start..all).take_while(same).last().unwrap_or(start) + 1;
        let share = by_place[start..end].iter().sum::<f64>() / (end - start) as f64;
        for &index in &order[start..end] {
            found[index] = share;
        }
        start = end;
    }
    found
}

/// Who says something of the whole last answer that counts, or has no opinion of it.
fn speakers<'a>(episode: &'a Episode, weights: &BTreeMap<String, f64>) -> Vec<&'a str> {
    let scores = episode.turns.last().map_or(&[][..], |turn| &turn.scores);
    let whole = scores.iter().filter(|score| score.span.is_none());
    let mut names: Vec<&str> = whole
        .map(|score| score.judge.as_str())
        .filter(|judge| weights.contains_key(*judge))
        .collect();
    names.sort_unstable();
    names
}

/// The weighted sum of what judges say of the whole last answer; nothing where none of them says anything, or one that counts
/// has no opinion.
fn score(episode: &Episode, weights: &BTreeMap<String, f64>) -> Option<f64> {
    let scores = episode.turns.last()?.scores.iter();
    let whole = scores.filter(|score| score.span.is_none());
    let counted = whole.filter_map(|score| Some((weights.get(&score.judge)?, score.value)));
    let weighed: Option<Vec<f64>> = counted
        .map(|(weight, value)| Some(weight * value?))
        .collect();
    weighed
        .filter(|all| !all.is_empty())
        .map(|all| all.iter().sum())
}

/// The same report with what choosing the best of n by these judges' scores brings, where they gave all episodes one.
#[must_use]
pub fn with_best_of(
    mut report: Report,
    groups: &[Group],
    problems: &[Problem],
    weights: &BTreeMap<String, f64>,
    seed: u64,
) -> Report {
    let all_clusters = clusters(groups, &by_id(problems));
    let (mut samples, mut of) = (Vec::new(), Vec::new());
    for (episodes, cluster) in graded(groups).iter().zip(all_clusters) {
        let scores: Option<Vec<f64>> = (episodes.iter())
            .map(|episode| score(episode, weights))
            .collect();
        // Sums of unlike terms are not compared.
        let unlike =
            |episode: &&Episode| speakers(episode, weights) != speakers(episodes[0], weights);
        if episodes.iter().any(unlike) {
            return report;
        }
        let Some(scores) = scores else { return report };
        if !scores.is_empty() {
            let solved = episodes.iter().map(|episode| episode.is_solved());
            samples.push((scores, solved.collect::<Vec<bool>>()));
            of.push(cluster);
        }
    }
    let fewest = samples.iter().map(|(scores, _)| scores.len()).min();
    let fewest = fewest.unwrap_or(0);
    report.best_of = (OF.into_iter().filter(|&n| n <= fewest))
        .map(|n| {
            let each = samples.iter().map(|(scores, solved)| {
                let chances = chances(scores, n);
                let expected = |of: &dyn Fn(usize) -> f64| -> f64 {
                    let parts = chances.iter().enumerate();
                    parts.map(|(index, chance)| chance * of(index)).sum()
                };
                (
                    expected(&|index| f64::from(u8::from(solved[index]))),
                    expected(&|index| scores[index]),
                )
            });
            let (solved, scores): (Vec<f64>, Vec<f64>) = each.unzip();
            BestOf {
                n,
                kl: kl(n),
                solved: bootstrap::mean(&solved, &of, seed),
                score: bootstrap::mean(&scores, &of, seed),
            }
        })
        .collect();
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::judge::Score;
    use crate::rollout::RolloutStats;
    use crate::verdict::Grade;
    use proptest::prelude::*;

    #[test]
    fn hand_worked_chances() {
        // Of 3, 2 drawn: the best is among them in 2 of 3, the second is the best in 1 of 3, the last never.
        let found = chances(&[0.1, 0.9, 0.5], 2);
        for (found, expected) in found.iter().zip([0.0, 2.0 / 3.0, 1.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        // Ties share: of 4, 2 drawn, places have 3, 2, 1 and 0 of 6.
        let found = chances(&[1.0, 1.0, 0.0, 1.0], 2);
        for (found, expected) in found.iter().zip([1.0 / 3.0, 1.0 / 3.0, 0.0, 1.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        assert_eq!(chances(&[3.0, 2.0], 1), [0.5, 0.5]);
        assert_eq!(chances(&[3.0, 2.0], 2), [1.0, 0.0]);
        assert_eq!(chances(&[7.0], 1), [1.0]);
        assert!((kl(1)).abs() < 1e-12 && (kl(4) - (4.0_f64.ln() - 0.75)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn chances_are_the_shares_of_all_subsets(scores in prop::collection::vec(0_u8..5, 1..9), n in 1_usize..9) {
            let n = n.min(scores.len());
            let values: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
            let mut expected = vec![0.0; values.len()];
            let mut subsets = 0.0;
            for mask in (0_u32..1 << values.len()).filter(|mask| mask.count_ones() as usize == n) {
                let drawn: Vec<usize> = (0..values.len()).filter(|&i| mask & (1 << i) != 0).collect();
                let most = drawn.iter().map(|&i| values[i]).fold(f64::MIN, f64::max);
                let best: Vec<&usize> = drawn.iter().filter(|&&i| values[i] == most).collect();
                for &&index in &best {
                    expected[index] += 1.0 / best.len() as f64;
                }
                subsets += 1.0;
            }
            for (found, expected) in chances(&values, n).iter().zip(expected) {
                prop_assert!((found - expected / subsets).abs() < 1e-9);
            }
        }
    }

    /// The score prefers what is wrong: the more there are to choose from, the worse.
    #[test]
    fn a_report_says_what_the_best_is_like() {
        let episode = |value: f64, good: bool| {
            let mut episode = played(&[Grade::WrongAnswer, Grade::Accepted], good);
            let score = |judge: &str, value| Score {
                judge: judge.to_owned(),
                value: Some(value),
                span: None,
                reason: String::new(),
            };
            // Of the answers before the last nothing counts, nor does a judge without a weight.
            episode.turns[0].scores = vec![score("reward_model", 100.0)];
            episode.turns[1].scores = vec![score("reward_model", value), score("other", 9.0)];
            episode
        };
        let episodes = vec![episode(1.0, true), episode(3.0, false), episode(2.0, true)];
        let groups = [Group {
            problem_id: "a".to_owned(),
            episodes,
        }];
        let plain = || super::super::report(&groups, &[], 3, &RolloutStats::default(), 1);
        let weights = BTreeMap::from([("reward_model".to_owned(), 0.5)]);
        let report = with_best_of(plain(), &groups, &[], &weights, 1);
        let found: Vec<_> = report
            .best_of
            .iter()
            .map(|best| (best.n, best.solved.mean, best.score.mean))
            .collect();
        assert_eq!(found.len(), 2);
        for (found, expected) in found
            .iter()
            .zip([(1, 2.0 / 3.0, 1.0), (2, 1.0 / 3.0, 4.0 / 3.0)])
        {
            assert_eq!(found.0, expected.0);
            assert!((found.1 - expected.1).abs() < 1e-12, "{found:?}");
            assert!((found.2 - expected.2).abs() < 1e-12, "{found:?}");
        }
        let text = report.to_string();
        assert!(
            text.contains("best of 2") && text.contains("KL 0.19 nats"),
            "{text}"
        );
        let read: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        let of =
            |report: &Report| -> Vec<usize> { report.best_of.iter().map(|best| best.n).collect() };
        assert_eq!(of(&read), of(&report));
        assert!(
            with_best_of(plain(), &groups, &[], &BTreeMap::new(), 1)
                .best_of
                .is_empty()
        );
    }
}
