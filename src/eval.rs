//! Groups of graded episodes → what an evaluation says: solved by turn, pass@k, n@k, repair, with intervals that resample
//! whole clusters of problems. Pure; the rollouts come from `rollout`. `record` is the file it is kept in, `table` what a person sees.

pub mod best_of;
pub mod journal;
pub mod play;
pub mod record;
mod repair;
pub mod stamp;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use rlef_judge::evaluation::{NAtK, Report, Slice, TurnReport, estimators};

use crate::episode::{Episode, StopReason};
use crate::problem::Problem;
use crate::rollout::{Group, RolloutStats};
pub use crate::statistics::Estimate;
use crate::statistics::bootstrap;
pub use best_of::with_best_of;
use estimators::{Counts, episodes_of, n_at_k, pass_at_k};

/// Values of k that pass@k is reported for, where there are as many episodes.
const PASS_AT: [usize; 8] = [1, 2, 4, 5, 10, 25, 50, 100];

/// Pairs (n, k) that n@k is reported for, where there are as many episodes: the paper's 10@100, and smaller ones.
const N_AT: [(usize, usize); 3] = [(1, 10), (5, 50), (10, 100)];

/// Labels that the problems are split by, where they carry them.
const LABELS: [&str; 2] = ["difficulty", "language"];

/// Values of a label that are still a table.
const LABEL_VALUES: usize = 12;

/// Summarises graded groups of `problems`; `turns` is the limit they were played under, `seed` names the bootstrap's draws.
/// A group whose problem is not among them is a cluster of its own.
pub fn report(
    groups: &[Group],
    problems: &[Problem],
    turns: usize,
    stats: &RolloutStats,
    seed: u64,
) -> Report {
    let problem_of = by_id(problems);
    let clusters = clusters(groups, &problem_of);
    let graded = graded(groups);
    let all: Vec<&Episode> = graded.iter().flatten().copied().collect();
    let (counts, clusters_of_counts): (Vec<Counts>, Vec<usize>) = graded
        .iter()
        .zip(&clusters)
        .filter(|(episodes, _)| !episodes.is_empty())
        .map(|(episodes, &cluster)| (counts(episodes), cluster))
        .unzip();
    let fewest = counts
        .iter()
        .map(|counts| counts.samples)
        .min()
        .unwrap_or(0);
    let by_turn = repair::by_turn(&graded, &clusters, turns, seed);
    let mut grades = BTreeMap::new();
    for verdict in all.iter().filter_map(|episode| episode.outcome.as_ref()) {
        *grades.entry(verdict.grade).or_insert(0) += 1;
    }
    let later: usize = by_turn.iter().skip(1).map(|turn| turn.answers).sum();
    let same: usize = by_turn.iter().map(|turn| turn.repeated).sum();
    let solved = all.iter().filter(|episode| episode.is_solved()).count();
    // Unknown where one answer's is.
    let turns_of_all = all.iter().flat_map(|episode| &episode.turns);
    let tokens: Option<usize> = turns_of_all.map(|turn| turn.tokens).sum();
    let per_second = |count: usize, seconds: f64| {
        if seconds > 0.0 {
            count as f64 / seconds
        } else {
            0.0
        }
    };
    // One that was lost whole says nothing, and is counted as lost.
    let measured = |index: &usize| !graded[*index].is_empty();
    let measured: Vec<usize> = (0..groups.len()).filter(measured).collect();
    let distinct: BTreeSet<usize> = measured.iter().map(|&index| clusters[index]).collect();
    Report {
        problems: measured.len(),
        problems_lost: groups.len() - measured.len(),
        clusters: distinct.len(),
        single_turn: measured
            .iter()
            .map(|&index| &groups[index])
            .filter_map(|group| problem_of.get(group.problem_id.as_str()))
            .filter(|problem| problem.public_tests.is_empty())
            .count(),
        episodes: all.len(),
        aborted: groups
            .iter()
            .flat_map(|group| &group.episodes)
            .filter(|episode| episode.stop == Some(StopReason::Aborted))
            .count(),
        refused: stats.refused,
        refusal: stats.refusal.clone(),
        solved_by_turn: (1..=turns)
            .map(|turn| {
                share(&graded, &clusters, seed, |episode| {
                    Some(episode.is_solved_by(turn))
                })
            })
            .collect(),
        repair_rate: share(&graded, &clusters, seed, |episode| {
            (!episode.is_solved_by(1)).then(|| episode.is_solved())
        }),
        identical_resubmissions: same as f64 / later.max(1) as f64,
        cut: by_turn.iter().map(|turn| turn.cut).sum(),
        cut_without_program: all
            .iter()
            .flat_map(|episode| &episode.turns)
            .filter(|turn| turn.is_cut() && turn.is_without_program())
            .count(),
        grades,
        turns: all.iter().map(|episode| episode.turns.len()).sum::<usize>() as f64
            / all.len().max(1) as f64,
        tokens_per_second: match stats.uncounted {
            0 => per_second(stats.tokens, stats.sampling_seconds),
            _ => 0.0,
        },
        programs_per_second: per_second(stats.programs, stats.judging_seconds),
        pass_at: PASS_AT
            .into_iter()
            .filter(|&k| k <= fewest)
            .map(|k| {
                let values: Vec<f64> = counts
                    .iter()
                    .map(|counts| pass_at_k(counts.samples, counts.solved, k))
                    .collect();
                (k, bootstrap::mean(&values, &clusters_of_counts, seed))
            })
            .collect(),
        n_at: N_AT
            .into_iter()
            .filter(|&(_, k)| (1..=fewest).contains(&episodes_of(k, turns)))
            .map(|(n, k)| {
                let values: Vec<f64> = counts
                    .iter()
                    .map(|&counts| n_at_k(counts, n, episodes_of(k, turns)))
                    .collect();
                NAtK {
                    n,
                    k,
                    solved: bootstrap::mean(&values, &clusters_of_counts, seed),
                }
            })
            .collect(),
        best_of: Vec::new(),
        by_turn,
        tokens_per_solved: (tokens.filter(|_| solved > 0))
            .map(|tokens| tokens as f64 / solved as f64),
        by_label: BTreeMap::new(),
        usage: None,
    }
}

fn by_id(problems: &[Problem]) -> HashMap<&str, &Problem> {
    problems
        .iter()
        .map(|problem| (problem.id.as_str(), problem))
        .collect()
}

/// The number of each group's cluster, by first appearance.
fn clusters(groups: &[Group], problem_of: &HashMap<&str, &Problem>) -> Vec<usize> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    groups
        .iter()
        .map(|group| {
            let name = problem_of
                .get(group.problem_id.as_str())
                .map_or_else(|| group.problem_id.clone(), |problem| problem.cluster());
            let next = numbers.len();
            *numbers.entry(name).or_insert(next)
        })
        .collect()
}

/// The episodes of each group that have an outcome.
fn graded(groups: &[Group]) -> Vec<Vec<&Episode>> {
    groups
        .iter()
        .map(|group| {
            group
                .episodes
                .iter()
                .filter(|episode| episode.outcome.is_some())
                .collect()
        })
        .collect()
}

/// What pass@k and n@k need to know of a problem: an episode is a sample, its last answer is what is submitted.
fn counts(episodes: &[&Episode]) -> Counts {
    let number = |of: fn(&Episode) -> bool| episodes.iter().filter(|episode| of(episode)).count();
    Counts {
        samples: episodes.len(),
        public: number(passes_public),
        solved: number(Episode::is_solved),
    }
}

/// Whether the last answer passes the public tests, and so would be submitted.
fn passes_public(episode: &Episode) -> bool {
    episode
        .turns
        .last()
        .is_some_and(|turn| turn.verdict.is_accepted())
        || episode.is_solved()
}

/// Share of episodes for which `property` holds, of those for which it is defined; `clusters[i]` is the cluster of the
/// i-th group.
fn share(
    groups: &[Vec<&Episode>],
    clusters: &[usize],
    seed: u64,
    property: impl Fn(&Episode) -> Option<bool>,
) -> Estimate {
    let pairs: Vec<(f64, f64)> = groups
        .iter()
        .map(|episodes| {
            episodes
                .iter()
                .filter_map(|episode| property(episode))
                .fold((0.0, 0.0), |(hits, all), hit| {
                    (hits + f64::from(u8::from(hit)), all + 1.0)
                })
        })
        .collect();
    bootstrap::ratio(&bootstrap::gathered(&pairs, clusters), seed)
}

/// The same report, split by the labels that `problems` carry.
#[must_use]
pub fn with_labels(
    mut report: Report,
    groups: &[Group],
    problems: &[Problem],
    seed: u64,
) -> Report {
    let problem_of = by_id(problems);
    for label in LABELS {
        let mut parts: BTreeMap<String, Vec<Group>> = BTreeMap::new();
        for group in groups {
            let value = problem_of
                .get(group.problem_id.as_str())
                .and_then(|problem| problem.labels.get(label));
            if let Some(value) = value {
                parts.entry(value.clone()).or_default().push(group.clone());
            }
        }
        if (2..=LABEL_VALUES).contains(&parts.len()) {
            let slices = parts.into_iter().map(|(value, part)| {
                let clusters = clusters(&part, &problem_of);
                let graded = graded(&part);
                let solved = share(&graded, &clusters, seed, |episode| {
                    Some(episode.is_solved())
                });
                let problems = graded.iter().filter(|episodes| !episodes.is_empty());
                (
                    value,
                    Slice {
                        problems: problems.count(),
                        solved,
                    },
                )
            });
            report.by_label.insert(label.to_owned(), slices.collect());
        }
    }
    report
}

#[cfg(test)]
mod tests;
