//! What a round did, as numbers: rates of the episodes, and what the updates left behind.

mod number;
mod own;
mod sampler;
mod standing;
mod together;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::completion::is_zero;
use crate::config::ValueHead;
use crate::episode::{Episode, StopReason, Turn};
use crate::objective::{Material, Unit};
use crate::reward;
use crate::rollout::{Group, RolloutStats};
use crate::schema::Schema;
pub use own::Own;
pub(super) use sampler::Gap;
pub(super) use together::together;

/// What one round did, as it is written to `metrics.jsonl`; equal runs have equal lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundMetrics {
    /// Form of the line.
    #[serde(default)]
    pub schema: Schema<1>,
    /// Round, counted from zero.
    pub round: usize,
    /// Policy updates so far.
    pub step: usize,
    /// Mean return of the episodes, without the KL term.
    #[serde(with = "number")]
    pub reward: f64,
    /// Share of episodes whose last answer passes all tests.
    #[serde(with = "number")]
    pub solve_rate: f64,
    /// Share of episodes solved with their first answer.
    #[serde(with = "number")]
    pub solve_rate_turn_1: f64,
    /// Mean number of turns.
    #[serde(with = "number")]
    pub turns: f64,
    /// Share of turns without a program.
    #[serde(with = "number")]
    pub no_program_rate: f64,
    /// Share of turns whose answer was cut at the token limit, with a program in it or without.
    #[serde(default, with = "number")]
    pub cut_rate: f64,
    /// Mean per-token log-ratio of the turns to the reference. 0 where the reference was not
    /// asked: GRPO without a KL term.
    #[serde(with = "number")]
    pub reference_kl: f64,
    /// Mean entropy of the policy at the sampled tokens, in nats.
    #[serde(with = "number")]
    pub entropy: f64,
    /// Policy loss, averaged over the round's updates.
    #[serde(with = "number")]
    pub policy_loss: f64,
    /// Value loss, averaged over the round's updates.
    #[serde(with = "number")]
    pub value_loss: f64,
    /// Share of the returns' variance the values explain.
    #[serde(with = "number")]
    pub explained_variance: f64,
    /// Estimated KL between the policy before and after, averaged over the round's updates.
    #[serde(with = "number")]
    pub approx_kl: f64,
    /// Share of tokens whose ratio left the clip range.
    #[serde(with = "number")]
    pub clip_fraction: f64,
    /// Largest distance of a ratio from 1 in the round's first update: 0, or something is wrong.
    #[serde(with = "number")]
    pub first_ratio_gap: f64,
    /// Norm of the policy's gradient, averaged over the round's updates that were taken.
    #[serde(with = "number")]
    pub gradient_norm: f64,
    /// Learning rate of the last update.
    #[serde(with = "number")]
    pub learning_rate: f64,
    /// Largest difference between sampler's and trainer's log-probability of a token.
    #[serde(with = "number")]
    pub sampler_gap_max: f64,
    /// Mean difference between them.
    #[serde(with = "number")]
    pub sampler_gap_mean: f64,
    /// Estimated KL between sampler and trainer, a token.
    #[serde(default, with = "number")]
    pub sampler_kl: f64,
    /// The difference that one token in a hundred exceeds.
    #[serde(default, with = "number")]
    pub sampler_gap_q99: f64,
    /// Share of tokens that one of the two finds more than twice as likely as the other.
    #[serde(default, with = "number")]
    pub sampler_outliers: f64,
    /// Tokens sampled.
    pub tokens: usize,
    /// Episodes left out because an answer or a verdict was lost.
    pub aborted: usize,
    /// Of them, those whose answer the policy's server lost or that had no room for one.
    #[serde(default)]
    pub lost_answers: usize,
    /// Episodes left out because the isolation lacks what their last answer needs.
    #[serde(default)]
    pub unsupported: usize,
    /// Episodes left out because a judge that counts gave no opinion on one of their answers.
    #[serde(default)]
    pub no_opinion: usize,
    /// Updates of the policy that were passed over: their gradient was not a finite number.
    #[serde(default)]
    pub skipped_updates: usize,
    /// Updates of the value network that were passed over.
    #[serde(default)]
    pub skipped_value_updates: usize,
    /// Groups of episodes of which nothing was learnt, because the objective selected none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_groups: usize,
    /// Examples of a data set that were learnt from.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub examples: usize,
    /// Numbers of the objective's own, by name, averaged over the round's updates that were taken.
    #[serde(default, skip_serializing_if = "Own::is_empty")]
    pub own: Own,
}

impl RoundMetrics {
    /// Counts what an objective has selected.
    pub(super) fn count(&mut self, material: &Material<'_>, units: &[Unit]) {
        let candidates = material.candidates();
        let mut chosen = vec![false; material.groups().len()];
        for &index in units.iter().flatten() {
            let candidate = &candidates[index];
            let first = !std::mem::replace(&mut chosen[candidate.group], true);
            let is_example = candidate.episode.is_none() && !candidate.is_stored;
            self.examples += usize::from(first && is_example);
        }
        let groups = material.groups().iter().zip(chosen);
        let dropped = groups.filter(|(group, chosen)| !chosen && !group.is_empty());
        self.dropped_groups = dropped.count();
    }

    /// Makes sums over `updates` that left out those passed over the means of the ones taken.
    pub(super) fn average_over_taken(&mut self, updates: usize, value_head: Option<ValueHead>) {
        let taken = |passed_over: usize| match updates - passed_over {
            // Nothing was summed.
            0 => 1.0,
            taken => updates as f64 / taken as f64,
        };
        let policy = taken(self.skipped_updates);
        let value = match value_head {
            Some(ValueHead::Shared) => policy,
            Some(ValueHead::Separate) | None => taken(self.skipped_value_updates),
        };
        if self.skipped_updates > 0 {
            for mean in [
                &mut self.gradient_norm,
                &mut self.policy_loss,
                &mut self.approx_kl,
                &mut self.clip_fraction,
            ] {
                *mean *= policy;
            }
            self.own.scale(policy);
        }
        if value != 1.0 {
            self.value_loss *= value;
        }
    }
}

/// Where a round's seconds went; never part of the metrics.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RoundTimings {
    /// Form of the line.
    #[serde(default)]
    pub schema: Schema<1>,
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

impl RoundTimings {
    pub(super) fn new(
        round: usize,
        stats: &RolloutStats,
        scoring_seconds: f64,
        updating: Duration,
    ) -> Self {
        let per_second = |count: usize, seconds: f64| {
            if seconds > 0.0 {
                count as f64 / seconds
            } else {
                0.0
            }
        };
        Self {
            schema: Schema,
            round,
            sampling_seconds: stats.sampling_seconds,
            judging_seconds: stats.judging_seconds,
            scoring_seconds,
            updating_seconds: updating.as_secs_f64(),
            tokens_per_second: per_second(stats.tokens, stats.sampling_seconds),
            programs_per_second: per_second(stats.programs, stats.judging_seconds),
        }
    }
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

/// The mean log-ratio to the reference over turns.
pub(super) fn reference_kl(batch: &Batch, policy: &[f32], reference: &[f32]) -> f64 {
    let ratios = batch.turns.iter().map(|span| {
        reward::mean_log_ratio(
            &policy[span.start..span.end],
            &reference[span.start..span.end],
        )
    });
    ratios.sum::<f64>() / batch.turns.len().max(1) as f64
}

pub(super) fn describe(
    groups: &[Group],
    material: &Material<'_>,
    stats: &RolloutStats,
) -> RoundMetrics {
    if groups.is_empty() {
        // Nothing is played where a data set is learnt from.
        return RoundMetrics::default();
    }
    let all: Vec<&Episode> = groups.iter().flat_map(|group| &group.episodes).collect();
    let played: Vec<(&Episode, &[f64])> = material
        .candidates()
        .iter()
        .filter_map(|candidate| Some((candidate.episode?, candidate.rewards.as_slice())))
        .collect();
    let mean = |value: &dyn Fn(&Episode) -> f64| {
        played
            .iter()
            .map(|(episode, _)| value(episode))
            .sum::<f64>()
            / played.len().max(1) as f64
    };
    let turns: usize = played.iter().map(|(episode, _)| episode.turns.len()).sum();
    let count = |holds: fn(&Turn) -> bool| {
        let turns = played.iter().flat_map(|(episode, _)| &episode.turns);
        turns.filter(|turn| holds(turn)).count()
    };
    let (silent, cut) = (count(Turn::is_without_program), count(Turn::is_cut));
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
        cut_rate: cut as f64 / turns.max(1) as f64,
        tokens: stats.tokens,
        aborted: all
            .iter()
            .filter(|episode| episode.stop == Some(StopReason::Aborted))
            .count(),
        lost_answers: stats.lost_answers,
        unsupported: all
            .iter()
            .filter(|episode| reward::is_unsupported(episode))
            .count(),
        no_opinion: all
            .iter()
            .filter(|episode| is_without_opinion(episode))
            .count(),
        ..RoundMetrics::default()
    }
}

/// Whether nothing but a missing opinion keeps an episode from being data.
fn is_without_opinion(episode: &Episode) -> bool {
    let played = episode.stop != Some(StopReason::Aborted) && episode.outcome.is_some();
    let withheld = episode.standing.withheld.is_some();
    let unknown = withheld || episode.rewards.is_none() && reward::lacks_opinion(episode);
    played && unknown && !reward::is_unsupported(episode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_metrics_is_read_back_whatever_it_holds() {
        let metrics = RoundMetrics {
            entropy: f64::NAN,
            policy_loss: f64::INFINITY,
            value_loss: f64::NEG_INFINITY,
            reward: -0.1,
            step: 7,
            ..RoundMetrics::default()
        };
        let line = serde_json::to_string(&metrics).unwrap();
        assert!(!line.contains("null"), "{line}");
        let read: RoundMetrics = serde_json::from_str(&line).unwrap();
        assert!(read.entropy.is_nan(), "{line}");
        let finite = |found: &RoundMetrics| RoundMetrics {
            entropy: 0.0,
            ..found.clone()
        };
        assert_eq!(finite(&read), finite(&metrics));
        let null = line.replace("-0.1", "null");
        let message = serde_json::from_str::<RoundMetrics>(&null).unwrap_err();
        assert!(message.to_string().contains("null"), "{message}");
    }

    #[test]
    fn losses_are_told_apart() {
        use crate::episode::tests::{played, verdict};
        use crate::verdict::Grade;

        let mut lost = played(&[Grade::WrongAnswer], false);
        lost.stop = Some(StopReason::Aborted);
        let mut unsupported = played(&[Grade::Unsupported], false);
        unsupported.outcome = Some(verdict(Grade::Unsupported));
        let group = Group {
            problem_id: "p".to_owned(),
            episodes: vec![lost, unsupported, played(&[Grade::Accepted], true)],
        };
        let stats = RolloutStats {
            lost_answers: 1,
            ..RolloutStats::default()
        };
        let groups = [group];
        let material = Material::of_groups(&groups, &reward::RewardConfig::default()).unwrap();
        let found = describe(&groups, &material, &stats);
        assert_eq!(
            (found.aborted, found.lost_answers, found.unsupported),
            (1, 1, 1)
        );
        assert_eq!((found.solve_rate, found.reward), (1.0, 1.0));
    }
}
