//! RLEF training, on one screen: play, score, collate, update, record, and again. Files and resuming are `run`'s,
//! passes are `learner`'s, losses are `objective`'s.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::advantage;
use crate::batch::Batch;
use crate::config::TrainConfig;
use crate::episode::{Episode, StopReason};
use crate::learner::{Micro, Passes};
use crate::objective::rlef;
use crate::policy::model::Decoder;
use crate::policy::tokenizer::Tokenizer;
use crate::policy::{ModelPolicy, PolicyError};
use crate::problem::Problem;
use crate::reward;
use crate::rollout::{self, Grader, Group, RolloutStats};
use crate::update::Optimizer;

/// Everything that learns.
pub struct Learner {
    /// π, the policy.
    pub policy: Decoder,
    /// ρ, the frozen reference.
    pub reference: Decoder,
    /// V, the value network.
    pub value: Decoder,
    /// AdamW of the policy.
    pub policy_optimizer: Optimizer,
    /// AdamW of the value network.
    pub value_optimizer: Optimizer,
    /// Shared by all three.
    pub tokenizer: Tokenizer,
}

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
    /// Mean per-token log-ratio of the turns to the reference.
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

/// Plays one round and learns from it.
pub fn round(
    learner: &mut Learner,
    grader: &dyn Grader,
    problems: &[Problem],
    config: &TrainConfig,
    round: usize,
) -> Result<(Vec<Group>, RoundMetrics, RoundTimings), PolicyError> {
    let drawn = draw(problems, config, round);
    let seed = config
        .seed
        .wrapping_mul(1_000_003)
        .wrapping_add(round as u64);
    let mut sampler = ModelPolicy {
        decoder: &learner.policy,
        tokenizer: &learner.tokenizer,
        batch: config.resources.sampling_batch,
    };
    let (groups, stats) = rollout::play(&mut sampler, grader, &drawn, &config.rollout, seed)?;
    let mut metrics = RoundMetrics {
        round,
        ..describe(&groups, &stats, config)
    };
    let episodes: Vec<&Episode> = groups
        .iter()
        .flat_map(|group| &group.episodes)
        .filter(|episode| reward::score(episode, &config.reward).is_some())
        .collect();
    let (scoring_seconds, updating_seconds) = if episodes.is_empty() {
        (0.0, 0.0)
    } else {
        learn(learner, &episodes, config, round, &mut metrics)
    };
    metrics.step = learner.policy_optimizer.steps();
    let per_second = |count: usize, seconds: f64| {
        if seconds > 0.0 {
            count as f64 / seconds
        } else {
            0.0
        }
    };
    let timings = RoundTimings {
        round,
        sampling_seconds: stats.sampling_seconds,
        judging_seconds: stats.judging_seconds,
        scoring_seconds,
        updating_seconds,
        tokens_per_second: per_second(stats.tokens, stats.sampling_seconds),
        programs_per_second: per_second(stats.programs, stats.judging_seconds),
    };
    Ok((groups, metrics, timings))
}

/// The round's problems: a seeded shuffle of the whole set per pass over it.
fn draw<'a>(problems: &'a [Problem], config: &TrainConfig, round: usize) -> Vec<&'a Problem> {
    let count = config.problems_per_round.min(problems.len());
    let per_pass = (problems.len() / count).max(1);
    let mut order: Vec<&Problem> = problems.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(
        config.seed ^ ((round / per_pass) as u64) << 20,
    ));
    order
        .into_iter()
        .skip(round % per_pass * count)
        .take(count)
        .collect()
}

/// Scores the episodes and takes the round's updates; gives the seconds of both.
fn learn(
    learner: &mut Learner,
    episodes: &[&Episode],
    config: &TrainConfig,
    round: usize,
    metrics: &mut RoundMetrics,
) -> (f64, f64) {
    let clock = std::time::Instant::now();
    let batch = Batch::collate(episodes.iter().copied());
    let passes = Passes {
        batch: &batch,
        tokens: config.resources.tokens_per_pass,
        pad: learner.tokenizer.pad,
        temperature: config.rollout.sampling.temperature,
    };
    let shares = shares(batch.rows.len(), config, round);
    let (old, entropy) = passes.log_probs(&learner.policy, &shares);
    let (reference, _) = passes.log_probs(&learner.reference, &shares);
    let values = passes.values(&learner.value, &shares);
    let behaviour: Vec<f32> = batch
        .actions
        .iter()
        .map(|action| action.sampler_logprob)
        .collect();
    let (returns, kl) = returns_of(episodes, &batch, &old, &reference, config);
    let known: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
    let by_turn = advantage::advantages(&returns, &known, config.objective.normalisation);
    let advantages: Vec<f32> = batch
        .actions
        .iter()
        .map(|action| by_turn[action.turn] as f32)
        .collect();
    let returns_32: Vec<f32> = returns.iter().map(|&value| value as f32).collect();
    metrics.entropy = entropy;
    metrics.reference_kl = kl;
    metrics.explained_variance = explained_variance(&returns, &known);
    let gaps: Vec<f64> = old
        .iter()
        .zip(&behaviour)
        .map(|(&o, &b)| f64::from((o - b).abs()))
        .collect();
    metrics.sampler_gap_max = gaps.iter().copied().fold(0.0, f64::max);
    metrics.sampler_gap_mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
    let scoring_seconds = clock.elapsed().as_secs_f64();

    let clock = std::time::Instant::now();
    let device = learner.policy.device();
    for (update, rows) in shares.iter().enumerate() {
        let of_share = |row: usize| rows.contains(&row);
        let turns = batch.turns.iter().filter(|turn| of_share(turn.row)).count();
        let (gradients, loss) = passes.gradients(&learner.value, rows, |micro: &Micro, network| {
            let new = micro.values(network);
            let (old, target) = (
                micro.of_turns(&values, &device),
                micro.of_turns(&returns_32, &device),
            );
            rlef::value_loss(new, old, target, config.objective.value_clip, turns)
        });
        learner.value_optimizer.step(&mut learner.value, &gradients);
        metrics.value_loss += loss / shares.len() as f64;
        if round < config.objective.value_warmup_rounds {
            continue;
        }
        let tokens = batch
            .actions
            .iter()
            .filter(|action| of_share(action.row))
            .count();
        let mut terms = rlef::PolicyTerms::default();
        let (gradients, loss) = passes.gradients(&learner.policy, rows, |micro: &Micro, policy| {
            let (new, _) = micro.log_probs(policy, passes.temperature);
            let pick = |all: &[f32]| micro.of_actions(all, &device);
            let (loss, seen) = rlef::policy_loss(
                new,
                pick(&old),
                pick(&behaviour),
                pick(&advantages),
                config.objective.clip,
                tokens,
            );
            terms.kl += seen.kl;
            terms.clipped += seen.clipped;
            terms.ratio_gap = terms.ratio_gap.max(seen.ratio_gap);
            loss
        });
        metrics.learning_rate = learner.policy_optimizer.learning_rate();
        metrics.gradient_norm += learner
            .policy_optimizer
            .step(&mut learner.policy, &gradients)
            / shares.len() as f64;
        metrics.policy_loss += loss / shares.len() as f64;
        metrics.approx_kl += terms.kl / tokens as f64 / shares.len() as f64;
        metrics.clip_fraction += terms.clipped / tokens as f64 / shares.len() as f64;
        if update == 0 {
            metrics.first_ratio_gap = terms.ratio_gap;
        }
    }
    (scoring_seconds, clock.elapsed().as_secs_f64())
}

/// Rows of each update: a seeded shuffle cut into equal shares, each row used once.
fn shares(rows: usize, config: &TrainConfig, round: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(
        config.seed ^ (round as u64) << 32 ^ 0x5eed,
    ));
    order
        .chunks(rows.div_ceil(config.updates_per_round))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Return of every turn with its KL term, and the mean log-ratio to the reference over turns.
fn returns_of(
    episodes: &[&Episode],
    batch: &Batch,
    policy: &[f32],
    reference: &[f32],
    config: &TrainConfig,
) -> (Vec<f64>, f64) {
    let mut returns = Vec::with_capacity(batch.turns.len());
    let mut kl = 0.0;
    let mut spans = batch.turns.iter();
    for episode in episodes {
        let rewards = reward::score(episode, &config.reward).unwrap_or_default();
        let shaped: Vec<f64> = rewards
            .iter()
            .zip(spans.by_ref())
            .map(|(&reward, span)| {
                let (p, r) = (
                    &policy[span.start..span.end],
                    &reference[span.start..span.end],
                );
                kl += reward::mean_log_ratio(p, r);
                reward::shaped(reward, p, r, config.reward.kl_beta)
            })
            .collect();
        returns.extend(advantage::returns(&shaped));
    }
    (returns, kl / batch.turns.len().max(1) as f64)
}

fn explained_variance(returns: &[f64], values: &[f64]) -> f64 {
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

fn describe(groups: &[Group], stats: &RolloutStats, config: &TrainConfig) -> RoundMetrics {
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
