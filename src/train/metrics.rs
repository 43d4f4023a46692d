//! What a round did, as numbers: rates of the episodes, and what the updates left behind.

use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::episode::{Episode, StopReason};
use crate::reward;
use crate::rollout::{Group, RolloutStats};

/// What one round did, as it is written to `metrics.jsonl`; equal runs have equal lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundMetrics {
    /// Round, counted from zero.
    pub round: usize,
    /// Policy updates so far.
    pub step: usize,
    /// Mean return of the episodes, without the KL term.
    pub reward: f64,
    /// Share of episodes whose last answer passes all tests.
    pub solve_rate: f64,
    /// Share of episodes solved with their first answer.
    pub solve_rate_turn_1: f64,
    /// Mean number of turns.
    pub turns: f64,
    /// Share of turns without a program.
    pub no_program_rate: f64,
    /// Mean per-token log-ratio of the turns to the reference. 0 where the reference was not
    /// asked: GRPO without a KL term.
    pub reference_kl: f64,
    /// Mean entropy of the policy at the sampled tokens, in nats.
    pub entropy: f64,
    /// Policy loss, averaged over the round's updates.
    pub policy_loss: f64,
    /// Value loss, averaged over the round's updates.
    pub value_loss: f64,
    /// Share of the returns' variance the values explain.
    pub explained_variance: f64,
    /// Estimated KL between the policy before and after, averaged over the round's updates.
    pub approx_kl: f64,
    /// Share of tokens whose ratio left the clip range.
    pub clip_fraction: f64,
    /// Largest distance of a ratio from 1 in the round's first update: 0, or something is wrong.
    pub first_ratio_gap: f64,
    /// Norm of the policy's gradient, averaged over the round's updates.
    pub gradient_norm: f64,
    /// Learning rate of the last update.
    pub learning_rate: f64,
    /// Largest difference between sampler's and trainer's log-probability of a token.
    pub sampler_gap_max: f64,
    /// Mean difference between them.
    pub sampler_gap_mean: f64,
    /// Estimated KL between sampler and trainer, a token.
    #[serde(default)]
    pub sampler_kl: f64,
    /// Tokens sampled.
    pub tokens: usize,
    /// Episodes the sandbox lost.
    pub aborted: usize,
}

/// Where a round's seconds went; never part of the metrics.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RoundTimings {
    /// Round, counted from zero.
    pub round: usize,
    /// Sampling.
    pub sampling_seconds: f64,
    /// Judging.
    pub judging_seconds: f64,
    /// Log-probabilities and values before the updates.
    pub scoring_seconds: f64,
    /// Updates.
    pub updating_seconds: f64,
    /// Tokens sampled per second of sampling.
    pub tokens_per_second: f64,
    /// Programs judged per second of judging, repetitions included.
    pub programs_per_second: f64,
}

pub(super) fn explained_variance(returns: &[f64], values: &[f64]) -> f64 {
    let variance = |items: &[f64]| {
        let mean = items.iter().sum::<f64>() / items.len().max(1) as f64;
        items.iter().map(|item| (item - mean).powi(2)).sum::<f64>() / items.len().max(1) as f64
    };
    let errors: Vec<f64> = returns.iter().zip(values).map(|(r, v)| r - v).collect();
    let total = variance(returns);
    if total > 0.0 {
        1.0 - variance(&errors) / total
    } else {
        0.0
    }
}

pub(super) fn describe(
    groups: &[Group],
    stats: &RolloutStats,
    config: &TrainConfig,
) -> RoundMetrics {
    let all: Vec<&Episode> = groups.iter().flat_map(|group| &group.episodes).collect();
    let played: Vec<(&Episode, Vec<f64>)> = all
        .iter()
        .filter_map(|&episode| {
            reward::score(episode, &config.reward).map(|rewards| (episode, rewards))
        })
        .collect();
    let mean = |value: &dyn Fn(&Episode) -> f64| {
        played
            .iter()
            .map(|(episode, _)| value(episode))
            .sum::<f64>()
            / played.len().max(1) as f64
    };
    let turns: usize = played.iter().map(|(episode, _)| episode.turns.len()).sum();
    let silent = played
        .iter()
        .flat_map(|(episode, _)| &episode.turns)
        .filter(|turn| turn.verdict.grade == crate::verdict::Grade::NoProgram)
        .count();
    RoundMetrics {
        reward: played
            .iter()
            .map(|(_, rewards)| rewards.iter().sum::<f64>())
            .sum::<f64>()
            / played.len().max(1) as f64,
        solve_rate: mean(&|episode| f64::from(u8::from(episode.is_solved()))),
        solve_rate_turn_1: mean(&|episode| {
            f64::from(u8::from(episode.is_solved() && episode.turns.len() == 1))
        }),
        turns: mean(&|episode| episode.turns.len() as f64),
        no_program_rate: silent as f64 / turns.max(1) as f64,
        tokens: stats.tokens,
        aborted: all
            .iter()
            .filter(|episode| episode.stop == Some(StopReason::Aborted))
            .count(),
        ..RoundMetrics::default()
    }
}

/// Compares the sampler's log-probabilities of the sampled tokens with the trainer's: largest and mean difference, and
/// `KL(sampler ‖ trainer)` a token by the estimator `e^x - 1 - x` with `x = log π - log π_b` (Schulman's k3).
pub(super) fn sampler_gap(trainer: &[f32], sampler: &[f32]) -> [f64; 3] {
    let count = trainer.len().max(1) as f64;
    let mut found = [0.0; 3];
    for (&trainer, &sampler) in trainer.iter().zip(sampler) {
        let away = f64::from(trainer) - f64::from(sampler);
        let gap = f64::from((trainer - sampler).abs());
        // `f64::max` would pass over what is not a number.
        if gap > found[0] || gap.is_nan() {
            found[0] = gap;
        }
        found[1] += gap / count;
        found[2] += (away.exp() - 1.0 - away) / count;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_gaps() {
        let [largest, mean, kl] = sampler_gap(&[-1.0, -2.0], &[-1.0, -1.5]);
        assert_eq!((largest, mean), (0.5, 0.25));
        assert!((kl - 0.5 * (0.606_530_66 - 1.0 + 0.5)).abs() < 1e-8);
        assert_eq!(sampler_gap(&[], &[]), [0.0; 3]);
    }

    #[test]
    fn what_is_no_number_is_no_small_gap() {
        for bad in [f32::NAN, f32::INFINITY] {
            let [largest, ..] = sampler_gap(&[-1.0, bad, -1.0], &[-1.0, -1.0, -1.5]);
            assert!(!largest.is_finite(), "{largest}");
        }
    }
}
