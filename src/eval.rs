//! Groups of graded episodes → what an evaluation says: pass@1 by turn, 1@k, repair, with intervals that resample
//! whole problems. Pure; the rollouts come from `rollout`.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::episode::{Episode, StopReason};
use crate::rollout::{Group, RolloutStats};
use crate::verdict::Grade;

/// A share with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub mean: f64,
    /// 2.5th percentile of the bootstrap.
    pub low: f64,
    /// 97.5th percentile of the bootstrap.
    pub high: f64,
}

/// What an evaluation says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Problems evaluated.
    pub problems: usize,
    /// Episodes that were graded.
    pub episodes: usize,
    /// Episodes the sandbox lost; they count nowhere else.
    pub aborted: usize,
    /// Share of episodes that all tests accept when stopped after turn 1, 2, ...: the last entry is 1@turns.
    pub solved_by_turn: Vec<Estimate>,
    /// Share solved in the end among those whose first answer failed a public test.
    pub repair_rate: Estimate,
    /// Share of later answers that repeat the program before them.
    pub identical_resubmissions: f64,
    /// Grades of the last answers.
    pub grades: BTreeMap<Grade, usize>,
    /// Mean number of turns.
    pub turns: f64,
    /// Sampled tokens per second of sampling.
    pub tokens_per_second: f64,
    /// Programs judged per second of judging.
    pub programs_per_second: f64,
}

const RESAMPLES: usize = 2000;

/// Summarises graded groups; `turns` is the limit they were played under, `seed` names the bootstrap's draws.
pub fn report(groups: &[Group], turns: usize, stats: &RolloutStats, seed: u64) -> Report {
    let graded: Vec<Vec<&Episode>> = groups
        .iter()
        .map(|group| {
            group
                .episodes
                .iter()
                .filter(|episode| episode.outcome.is_some())
                .collect()
        })
        .collect();
    let all: Vec<&Episode> = graded.iter().flatten().copied().collect();
    let solved_by_turn = (1..=turns)
        .map(|turn| {
            share(&graded, seed, |episode| {
                Some(episode.is_solved() && episode.turns.len() <= turn)
            })
        })
        .collect();
    let repair_rate = share(&graded, seed, |episode| {
        (episode.turns.len() > 1).then(|| episode.is_solved())
    });
    let later: Vec<bool> = all
        .iter()
        .flat_map(|episode| {
            episode
                .turns
                .windows(2)
                .map(|pair| pair[0].text == pair[1].text)
        })
        .collect();
    let mut grades = BTreeMap::new();
    for verdict in all.iter().filter_map(|episode| episode.outcome.as_ref()) {
        *grades.entry(verdict.grade).or_insert(0) += 1;
    }
    let per_second = |count: usize, seconds: f64| {
        if seconds > 0.0 {
            count as f64 / seconds
        } else {
            0.0
        }
    };
    Report {
        problems: groups.len(),
        episodes: all.len(),
        aborted: groups
            .iter()
            .flat_map(|group| &group.episodes)
            .filter(|e| e.stop == Some(StopReason::Aborted))
            .count(),
        solved_by_turn,
        repair_rate,
        identical_resubmissions: later.iter().filter(|&&same| same).count() as f64
            / later.len().max(1) as f64,
        grades,
        turns: all.iter().map(|episode| episode.turns.len()).sum::<usize>() as f64
            / all.len().max(1) as f64,
        tokens_per_second: per_second(stats.tokens, stats.sampling_seconds),
        programs_per_second: per_second(stats.programs, stats.judging_seconds),
    }
}

/// Share of episodes for which `property` holds, of those for which it is defined; bootstrap clustered by problem.
fn share(
    groups: &[Vec<&Episode>],
    seed: u64,
    property: impl Fn(&Episode) -> Option<bool>,
) -> Estimate {
    let counts: Vec<(f64, f64)> = groups
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
    let ratio = |sums: (f64, f64)| if sums.1 > 0.0 { sums.0 / sums.1 } else { 0.0 };
    let add = |a: (f64, f64), b: &(f64, f64)| (a.0 + b.0, a.1 + b.1);
    let mean = ratio(counts.iter().fold((0.0, 0.0), add));
    if counts.is_empty() {
        return Estimate {
            mean,
            low: 0.0,
            high: 1.0,
        };
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            ratio((0..counts.len()).fold((0.0, 0.0), |sums, _| {
                add(sums, &counts[rng.random_range(0..counts.len())])
            }))
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |quantile: f64| means[((RESAMPLES as f64 * quantile) as usize).min(RESAMPLES - 1)];
    Estimate {
        mean,
        low: at(0.025),
        high: at(0.975),
    }
}

impl Report {
    /// Share solved within all turns: 1@turns.
    pub fn final_solved(&self) -> Estimate {
        self.solved_by_turn.last().copied().unwrap_or(Estimate {
            mean: 0.0,
            low: 0.0,
            high: 1.0,
        })
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:5.1}% [{:.1}, {:.1}]",
            100.0 * self.mean,
            100.0 * self.low,
            100.0 * self.high
        )
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            formatter,
            "{} problems, {} episodes, {} lost to the sandbox",
            self.problems, self.episodes, self.aborted
        )?;
        for (index, estimate) in self.solved_by_turn.iter().enumerate() {
            writeln!(formatter, "  solved by turn {}   {estimate}", index + 1)?;
        }
        writeln!(
            formatter,
            "  repaired           {}   of those whose first answer failed",
            self.repair_rate
        )?;
        writeln!(
            formatter,
            "  identical again    {:5.1}%  of later answers",
            100.0 * self.identical_resubmissions
        )?;
        let grades: Vec<String> = self
            .grades
            .iter()
            .map(|(grade, count)| format!("{grade:?} {count}"))
            .collect();
        writeln!(formatter, "  last answers       {}", grades.join(", "))?;
        write!(
            formatter,
            "  {:.2} turns an episode, {:.0} tokens/s, {:.0} programs/s",
            self.turns, self.tokens_per_second, self.programs_per_second
        )
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
        let report = report(&groups, 3, &RolloutStats::default(), 1);
        let means: Vec<f64> = report
            .solved_by_turn
            .iter()
            .map(|estimate| estimate.mean)
            .collect();
        assert_eq!(means, vec![0.25, 0.5, 0.5]);
        assert_eq!(report.repair_rate.mean, 0.5);
        assert_eq!(report.turns, 7.0 / 4.0);
        assert_eq!(report.identical_resubmissions, 1.0);
        // Two problems: the interval spans a resample of either alone.
        assert_eq!(
            (report.final_solved().low, report.final_solved().high),
            (0.0, 1.0)
        );
    }

    #[test]
    fn an_aborted_episode_counts_nowhere_but_among_the_aborted() {
        let mut lost = played(&[Grade::WrongAnswer], false);
        lost.stop = Some(StopReason::Aborted);
        lost.outcome = None;
        let groups = vec![group("a", vec![played(&[Grade::Accepted], true), lost])];
        let report = report(&groups, 1, &RolloutStats::default(), 1);
        assert_eq!(
            (report.episodes, report.aborted, report.final_solved().mean),
            (1, 1, 1.0)
        );
    }
}
