//! Groups of graded episodes → what an evaluation says: solved by turn, pass@k, n@k, repair, with intervals that resample
//! whole clusters of problems. Pure; the rollouts come from `rollout`. `record` is the file it is kept in, `table` what a person sees.

pub mod best_of;
pub mod estimators;
pub mod journal;
pub mod play;
pub mod record;
mod repair;
pub mod stamp;
mod table;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::episode::{Episode, StopReason};
use crate::problem::Problem;
use crate::rollout::{Group, RolloutStats};
use crate::server::Usage;
pub use crate::statistics::Estimate;
use crate::statistics::bootstrap;
use crate::verdict::Grade;
pub use best_of::BestOf;
use estimators::{Counts, episodes_of, n_at_k, pass_at_k};
pub use repair::TurnReport;
pub(crate) use table::histogram;

/// What an evaluation says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Problems evaluated.
    pub problems: usize,
    /// Clusters they form, which are what intervals resample; 0 in files made before there were any.
    #[serde(default)]
    pub clusters: usize,
    /// Problems without public tests, of which one turn is played: there is nothing to tell a policy.
    #[serde(default)]
    pub single_turn: usize,
    /// Episodes that were graded.
    pub episodes: usize,
    /// Episodes that the sandbox or the policy's server lost; they count nowhere else.
    pub aborted: usize,
    /// Those of them that the policy's server refused, which says something of the policy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: usize,
    /// What the server said when it first refused one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Share of episodes that all tests accept when stopped after turn 1, 2, ...: the last entry is 1@turns.
    pub solved_by_turn: Vec<Estimate>,
    /// Share solved in the end among those that the first answer did not solve, whichever test it failed.
    pub repair_rate: Estimate,
    /// Share of later answers that repeat the program before them.
    pub identical_resubmissions: f64,
    /// Answers that were cut at the token limit, with a program in them or without.
    #[serde(default)]
    pub cut: usize,
    /// Those of them without a program: among the grades they count as `no_program`, though a longer answer may have had one.
    #[serde(default)]
    pub cut_without_program: usize,
    /// Grades of the last answers.
    pub grades: BTreeMap<Grade, usize>,
    /// Mean number of turns.
    pub turns: f64,
    /// Sampled tokens per second of sampling; 0 where nothing was timed, or not every token counted.
    pub tokens_per_second: f64,
    /// Programs judged per second of judging; 0 where nothing was timed.
    pub programs_per_second: f64,
    /// Probability that one of k episodes solves a problem (unbiased), by k.
    #[serde(default)]
    pub pass_at: BTreeMap<usize, Estimate>,
    /// n@k, where every turn counts as a sample: by (n, k).
    #[serde(default)]
    pub n_at: Vec<NAtK>,
    /// What choosing the best of n answers by judges' scores brings; empty where no judge besides the tests was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub best_of: Vec<BestOf>,
    /// What happened at each turn.
    #[serde(default)]
    pub by_turn: Vec<TurnReport>,
    /// Sampled tokens over episodes solved; absent where none was, or not every token was counted.
    #[serde(default)]
    pub tokens_per_solved: Option<f64>,
    /// Share solved in the end, by label and its value, for example `difficulty`, `hard`.
    #[serde(default)]
    pub by_label: BTreeMap<String, BTreeMap<String, Slice>>,
    /// What a server was asked and charged; absent where the policy is no server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// n@k with what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NAtK {
    /// Programs that may be submitted.
    pub n: usize,
    /// Answers they are chosen from, turns included.
    pub k: usize,
    /// Share of problems solved.
    pub solved: Estimate,
}

/// One part of the problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Problems in it.
    pub problems: usize,
    /// Share of its episodes solved in the end.
    pub solved: Estimate,
}

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
    Report {
        problems: groups.len(),
        clusters: clusters.iter().collect::<BTreeSet<_>>().len(),
        single_turn: groups
            .iter()
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

impl Report {
    /// The same report, split by the labels that `problems` carry.
    #[must_use]
    pub fn with_labels(mut self, groups: &[Group], problems: &[Problem], seed: u64) -> Self {
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
                    let solved = share(&graded(&part), &clusters, seed, |episode| {
                        Some(episode.is_solved())
                    });
                    (
                        value,
                        Slice {
                            problems: part.len(),
                            solved,
                        },
                    )
                });
                self.by_label.insert(label.to_owned(), slices.collect());
            }
        }
        self
    }

    /// The same report with what a server was asked and charged.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Share solved within all turns: 1@turns.
    pub fn final_solved(&self) -> Estimate {
        self.solved_by_turn.last().copied().unwrap_or(Estimate {
            mean: 0.0,
            low: 0.0,
            high: 1.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;

    fn group(id: &str, episodes: Vec<Episode>) -> Group {
        Group {
            problem_id: id.to_owned(),
            episodes,
        }
    }

    #[test]
    fn a_hand_worked_report() {
        let wrong = Grade::WrongAnswer;
        let groups = vec![
            group(
                "a",
                vec![
                    played(&[Grade::Accepted], true),
                    played(&[wrong, Grade::Accepted], true),
                ],
            ),
            group(
                "b",
                vec![
                    played(&[wrong, wrong, wrong], false),
                    played(&[Grade::Accepted], false),
                ],
            ),
        ];
        let report = report(&groups, &[], 3, &RolloutStats::default(), 1);
        let means: Vec<f64> = report
            .solved_by_turn
            .iter()
            .map(|estimate| estimate.mean)
            .collect();
        assert_eq!(means, vec![0.25, 0.5, 0.5]);
        // Three first answers were wrong, one of them by the private tests alone; one was repaired.
        assert!((report.repair_rate.mean - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(report.turns, 7.0 / 4.0);
        assert_eq!(report.identical_resubmissions, 1.0);
        // Problem a solves both episodes, b none of two: 1@2 and pass@2 are 1/2 on average.
        assert_eq!(report.pass_at[&1].mean, 0.5);
        assert_eq!(report.pass_at[&2].mean, 0.5);
        assert!(!report.pass_at.contains_key(&4));
        // 7 answers of 3 tokens, 2 solved.
        assert_eq!(report.tokens_per_solved, Some(10.5));
        // Turn 1: 2 of 4 pass; both that went on failed, one of them was fixed at once.
        let turn = &report.by_turn[0];
        assert_eq!((turn.answers, turn.passed_public), (4, 2));
        assert_eq!(
            (report.by_turn[1].fixed, report.by_turn[1].after_failure),
            (1, 2)
        );
        assert_eq!(
            (report.by_turn[2].fixed, report.by_turn[2].after_failure),
            (0, 1)
        );
        assert_eq!(report.by_turn[1].grades[&wrong], 1);
        // Two problems: the interval spans a resample of either alone.
        assert_eq!(
            (report.final_solved().low, report.final_solved().high),
            (0.0, 1.0)
        );
    }

    #[test]
    fn problems_with_one_statement_are_one_cluster() {
        let right = || vec![played(&[Grade::Accepted], true)];
        let wrong = || vec![played(&[Grade::WrongAnswer], false)];
        let groups: Vec<Group> = ["a", "b", "c", "d"]
            .into_iter()
            .zip([right(), right(), wrong(), wrong()])
            .map(|(id, episodes)| group(id, episodes))
            .collect();
        let problem = |id: &str, statement: &str, label: Option<&str>| Problem {
            id: id.to_owned(),
            statement: statement.to_owned(),
            labels: label
                .map(|label| ("cluster".to_owned(), label.to_owned()))
                .into_iter()
                .collect(),
            ..Problem::default()
        };
        let clusters = |problems: &[Problem]| {
            let report = report(&groups, problems, 1, &RolloutStats::default(), 1);
            assert_eq!(report.final_solved().mean, 0.5);
            report.clusters
        };
        assert_eq!(clusters(&[]), 4);
        let same = [
            problem("a", "Add  two\nnumbers.", None),
            problem("b", "Add two numbers.", None),
            problem("c", "Sort.", None),
            problem("d", "Sort. ", None),
        ];
        assert_eq!(clusters(&same), 2);
        // A label goes before the statement; no statement says nothing of a kinship.
        let labelled = [
            problem("a", "Add.", Some("x")),
            problem("b", "Sort.", Some("x")),
            problem("c", "", None),
            problem("d", " ", None),
        ];
        assert_eq!(clusters(&labelled), 3);
    }

    #[test]
    fn a_set_without_public_tests_says_that_it_has_one_turn() {
        let groups = [group("a", vec![played(&[Grade::Accepted], true)])];
        let problems = [Problem {
            id: "a".to_owned(),
            statement: "Add.".to_owned(),
            ..Problem::default()
        }];
        let report = report(&groups, &problems, 3, &RolloutStats::default(), 1);
        assert_eq!(report.single_turn, 1);
        let text = report.to_string();
        assert!(text.contains("no public tests"), "{text}");
        assert!(
            !text.contains("later turns") && !text.contains("repaired"),
            "{text}"
        );
    }

    #[test]
    fn an_answer_that_is_given_up_counts_by_turn_and_as_broken() {
        // Played on whatever the tests say: wrong, right, wrong again.
        let mut episode = played(&[Grade::WrongAnswer; 3], false);
        episode.turns[1].verdict.grade = Grade::Accepted;
        episode.turns[1].verdict.passed = 1;
        episode.turns[1].full = Some(crate::episode::tests::verdict(Grade::Accepted));
        let report = report(
            &[group("a", vec![episode])],
            &[],
            3,
            &RolloutStats::default(),
            1,
        );
        let means: Vec<f64> = report.solved_by_turn.iter().map(|e| e.mean).collect();
        assert_eq!(means, vec![0.0, 1.0, 0.0]);
        assert_eq!((report.by_turn[1].fixed, report.by_turn[1].broken), (1, 0));
        assert_eq!(
            (report.by_turn[2].broken, report.by_turn[2].after_pass),
            (1, 1)
        );
        assert_eq!(report.by_turn[2].fewer_tests, 1);
    }

    #[test]
    fn n_at_k_counts_turns_as_samples() {
        // 4 episodes of up to 3 turns: 10 answers pay for 3 episodes. 2 pass the public tests, 1 of them all tests.
        let wrong = Grade::WrongAnswer;
        let episodes = vec![
            played(&[Grade::Accepted], true),
            played(&[wrong, Grade::Accepted], false),
            played(&[wrong; 3], false),
            played(&[wrong; 3], false),
        ];
        let report = report(&[group("a", episodes)], &[], 3, &RolloutStats::default(), 1);
        assert_eq!(report.n_at.len(), 1);
        // Of 4 draws of 3: two leave out a failure (both public drawn, half right), one leaves out the solved (0), one
        // the public failure (1): (0.5 + 0.5 + 0 + 1) / 4.
        assert_eq!((report.n_at[0].n, report.n_at[0].k), (1, 10));
        assert!((report.n_at[0].solved.mean - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_aborted_episode_counts_nowhere_but_among_the_aborted() {
        let mut lost = played(&[Grade::WrongAnswer], false);
        lost.stop = Some(StopReason::Aborted);
        lost.outcome = None;
        let groups = vec![group("a", vec![played(&[Grade::Accepted], true), lost])];
        let report = report(&groups, &[], 1, &RolloutStats::default(), 1);
        assert_eq!(
            (report.episodes, report.aborted, report.final_solved().mean),
            (1, 1, 1.0)
        );
    }
}
