//! RLEF training, on one screen: play, score, collate, update, record, and again. Files and resuming are `run`'s,
//! passes are `learner`'s, losses are `objective`'s.

mod checks;
mod error;
mod metrics;
mod returns;

use burn::tensor::Tensor;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::advantage;
use crate::batch::Batch;
use crate::config::{Algorithm, TrainConfig, ValueHead};
use crate::episode::Episode;
use crate::learner::{Micro, Passes, Scores};
use crate::objective::{grpo, rlef};
use crate::policy::ModelPolicy;
use crate::policy::engine::{Engine, EngineError, EnginePolicy};
use crate::policy::model::Decoder;
use crate::policy::tokenizer::{Place, Tokenizer};
use crate::problem::Problem;
use crate::reward;
use crate::rollout::{self, Grader, Group};
use crate::update::{MOST_PASSED_OVER, Optimizer, Step};
use checks::{compare, enough_was_played, finite};
pub use error::TrainError;
pub use metrics::{RoundMetrics, RoundTimings};
use metrics::{describe, explained_variance};
use returns::{against_group, equal_episodes, reference_kl, returns_of};

/// Everything that learns.
pub struct Learner {
    /// π, the policy.
    pub policy: Decoder,
    /// ρ, the frozen reference.
    pub reference: Decoder,
    /// V, where it is a network of its own; else a head of the policy is, or nothing asks for values.
    pub value: Option<ValueNetwork>,
    /// AdamW of the policy.
    pub policy_optimizer: Optimizer,
    /// Shared by all three.
    pub tokenizer: Tokenizer,
    /// Who samples the episodes, where that isn't done here.
    pub engine: Option<Engine>,
}

/// V, as a network of its own.
pub struct ValueNetwork {
    /// Its weights.
    pub decoder: Decoder,
    /// Its AdamW.
    pub optimizer: Optimizer,
}

impl Learner {
    /// A learner that has taken no step: `policy` is π, ρ, and the body that values start from.
    pub fn new(
        policy: Decoder,
        tokenizer: Tokenizer,
        config: &TrainConfig,
        engine: Option<Engine>,
    ) -> Self {
        let optimizer =
            |settings, decoder: &Decoder| Optimizer::new(settings, decoder.trained().tensors.len());
        let reference = policy.clone();
        let (policy, value) = match (config.objective.algorithm, config.objective.value_head) {
            (Algorithm::Grpo, _) => (policy, None),
            (Algorithm::Rlef, ValueHead::Shared) => (policy.with_value_head(), None),
            (Algorithm::Rlef, ValueHead::Separate) => {
                let decoder = policy.value_network();
                let optimizer = optimizer(config.value_optimizer, &decoder);
                (policy, Some(ValueNetwork { decoder, optimizer }))
            }
        };
        Self {
            policy_optimizer: optimizer(config.policy_optimizer, &policy),
            policy,
            reference,
            value,
            tokenizer,
            engine,
        }
    }

    /// Why training should not go on: too many updates in a row had a gradient that is not a finite number.
    pub fn diverged(&self) -> Option<TrainError> {
        let value = self.value.as_ref().map(|value| &value.optimizer);
        let networks = [
            ("policy", Some(&self.policy_optimizer)),
            ("value network", value),
        ];
        networks.into_iter().find_map(|(network, optimizer)| {
            let in_a_row = optimizer?.passed_over();
            (in_a_row >= MOST_PASSED_OVER).then_some(TrainError::Diverged { network, in_a_row })
        })
    }

    /// Whether the last update of a network had no gradient: what the one before it led to may not be worth keeping.
    pub fn is_in_doubt(&self) -> bool {
        let value = self.value.as_ref().map(|value| &value.optimizer);
        std::iter::once(&self.policy_optimizer)
            .chain(value)
            .any(|optimizer| optimizer.passed_over() > 0)
    }

    /// What stands against keeping what was learnt: a policy or a value network whose weights are finite, but which computes
    /// nothing finite from them. The weights themselves are looked at as they are written.
    pub fn fault(&self) -> Option<String> {
        let Ok(prompt) = self.tokenizer.message(Place::Opening, "1") else {
            return Some("the tokenizer gives no ids for \"1\"".to_owned());
        };
        let said = self.policy.plain().probe(&prompt);
        if !said.is_finite() {
            return Some(format!("the policy computes {said} for a first prompt"));
        }
        let value = &self.value.as_ref()?.decoder;
        let said = value.plain().probe(&prompt);
        (!said.is_finite()).then(|| format!("the value network computes {said} for a first prompt"))
    }

    /// Has the serving engine, where there is one, hold the policy as it is now.
    pub fn hand_over(&mut self) -> Result<(), EngineError> {
        let version = self.policy_optimizer.steps();
        self.engine.as_mut().map_or(Ok(()), |engine| {
            engine.hold(&self.policy, &self.tokenizer, version)
        })
    }
}

/// Plays one round and learns from it, unless too much of it was lost: then no weight is moved.
pub fn round(
    learner: &mut Learner,
    grader: &dyn Grader,
    problems: &[Problem],
    config: &TrainConfig,
    round: usize,
) -> Result<(Vec<Group>, RoundMetrics, RoundTimings), TrainError> {
    let drawn = draw(problems, config, round);
    let seed = config
        .seed
        .wrapping_mul(1_000_003)
        .wrapping_add(round as u64);
    learner.hand_over()?;
    let rule = config.reward.rule().with_weights(&config.judges);
    let (groups, stats) = if let Some(engine) = &mut learner.engine {
        let mut sampler = EnginePolicy {
            engine,
            tokenizer: &learner.tokenizer,
            context: learner.policy.config.max_position_embeddings,
            vocabulary: learner.policy.config.vocab_size,
        };
        rollout::play_scored(&mut sampler, grader, &drawn, &config.rollout, &rule, seed)?
    } else {
        let mut sampler = ModelPolicy {
            decoder: &learner.policy,
            tokenizer: &learner.tokenizer,
            batch: config.resources.sampling_batch,
        };
        rollout::play_scored(&mut sampler, grader, &drawn, &config.rollout, &rule, seed)?
    };
    let mut metrics = RoundMetrics {
        round,
        ..describe(&groups, &stats, config)
    };
    let episodes: Vec<&Episode> = groups
        .iter()
        .flat_map(|group| &group.episodes)
        .filter(|episode| reward::score(episode, &config.reward).is_some())
        .collect();
    let played = groups.iter().map(|group| group.episodes.len()).sum();
    enough_was_played(&metrics, &stats, played, episodes.len(), config)?;
    let (scoring_seconds, updating_seconds) =
        learn(learner, &episodes, config, round, &mut metrics)?;
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
) -> Result<(f64, f64), TrainError> {
    let clock = std::time::Instant::now();
    let batch = Batch::collate(episodes.iter().copied());
    let passes = Passes {
        batch: &batch,
        tokens: config.resources.tokens_per_pass,
        temperature: config.rollout.sampling.temperature,
        recompute: config.resources.recompute,
    };
    let shares = shares(batch.rows.len(), config, round);
    let with_values = config.objective.algorithm == Algorithm::Rlef;
    // One update alone sees the old policy itself, so that its own pass gives the old log-probabilities, to the bit.
    let in_one_pass = !with_values && shares.len() == 1;
    let Scores {
        log_probs: mut old,
        mut entropy,
        values: of_policy,
    } = if in_one_pass {
        Scores {
            log_probs: vec![0.0; batch.actions.len()],
            ..Scores::default()
        }
    } else {
        passes.scores(&learner.policy, &shares)
    };
    let behaviour: Vec<f32> = batch
        .actions
        .iter()
        .map(|action| action.sampler_logprob)
        .collect();
    if !in_one_pass {
        compare(&old, &behaviour, config, round, metrics)?;
    }
    let asks_reference = with_values || config.reward.kl_beta != 0.0;
    let reference = if asks_reference {
        passes.log_probs(&learner.reference, &shares).0
    } else {
        Vec::new()
    };
    finite(
        &reference,
        "the reference's log-probability of a token",
        round,
    )?;
    let values = match &learner.value {
        Some(value) => passes.values(&value.decoder, &shares),
        None => of_policy,
    };
    finite(&values, "the value of a turn", round)?;
    let returns = returns_of(episodes, &batch, &old, &reference, config);
    let known: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
    let by_turn = if with_values {
        advantage::advantages(&returns, &known, config.objective.normalisation)
    } else {
        against_group(episodes, &returns)
    };
    let advantages: Vec<f32> = batch
        .actions
        .iter()
        .map(|action| by_turn[action.turn] as f32)
        .collect();
    let returns_32: Vec<f32> = returns.iter().map(|&value| value as f32).collect();
    finite(&returns_32, "the return of a turn", round)?;
    finite(&advantages, "the advantage of a turn", round)?;
    if with_values {
        metrics.explained_variance = explained_variance(&returns, &known);
    }
    let scoring_seconds = clock.elapsed().as_secs_f64();

    let clock = std::time::Instant::now();
    let device = learner.policy.device();
    for (update, rows) in shares.iter().enumerate() {
        let mut of_share = vec![false; batch.rows.len()];
        for &row in rows {
            of_share[row] = true;
        }
        let turns = batch.turns.iter().filter(|turn| of_share[turn.row]).count();
        let value_loss = |micro: &Micro, new: Tensor<1>| {
            let (old, target) = (
                micro.of_turns(&values, &device),
                micro.of_turns(&returns_32, &device),
            );
            rlef::value_loss(new, old, target, config.objective.value_clip, turns)
        };
        if let Some(value) = &mut learner.value {
            let (gradients, loss) =
                passes.gradients(&value.decoder, rows, |micro: &Micro, network| {
                    value_loss(micro, micro.values(network))
                });
            match value.optimizer.step(&mut value.decoder, &gradients) {
                Step::Taken { .. } => metrics.value_loss += loss / shares.len() as f64,
                Step::PassedOver { .. } => metrics.skipped_value_updates += 1,
            }
            if round < config.objective.value_warmup_rounds {
                continue;
            }
        }
        let tokens = batch
            .actions
            .iter()
            .filter(|action| of_share[action.row])
            .count();
        let equal = if with_values {
            Vec::new()
        } else {
            equal_episodes(&batch, rows.len())
        };
        let mut terms = rlef::PolicyTerms::default();
        let mut shared_loss = 0.0;
        let (gradients, loss) = passes.gradients(&learner.policy, rows, |micro: &Micro, policy| {
            let read = micro.read(policy, passes.temperature);
            let new = read.log_probs;
            if in_one_pass {
                micro.put_actions(&mut old, new.clone().inner());
                entropy += f64::from(read.entropies.sum().into_scalar::<f32>()) / tokens as f64;
            }
            let pick = |all: &[f32]| micro.of_actions(all, &device);
            let clip = config.objective.clip;
            // Without a KL term no reference was asked, and the old policy stands for it.
            let reference = if asks_reference { &reference } else { &old };
            let reference = (!with_values).then(|| pick(reference));
            let (old, advantages) = (pick(&old), pick(&advantages));
            let (loss, seen) = if let Some(reference) = reference {
                let beta = config.reward.kl_beta;
                let weights = pick(&equal);
                grpo::policy_loss(new, old, reference, advantages, weights, clip, beta)
            } else {
                rlef::policy_loss(new, old, pick(&behaviour), advantages, clip, tokens)
            };
            terms.kl += seen.kl;
            terms.clipped += seen.clipped;
            terms.ratio_gap = terms.ratio_gap.max(seen.ratio_gap);
            let Some(values) = read.values else {
                return loss;
            };
            let of_values = value_loss(micro, values) * config.objective.value_coefficient;
            shared_loss += f64::from(of_values.clone().inner().into_scalar::<f32>());
            loss + of_values
        });
        if in_one_pass {
            compare(&old, &behaviour, config, round, metrics)?;
        }
        metrics.learning_rate = learner.policy_optimizer.learning_rate();
        let step = learner
            .policy_optimizer
            .step(&mut learner.policy, &gradients);
        let Step::Taken { norm } = step else {
            metrics.skipped_updates += 1;
            continue;
        };
        metrics.gradient_norm += norm / shares.len() as f64;
        metrics.policy_loss += (loss - shared_loss) / shares.len() as f64;
        metrics.value_loss +=
            shared_loss / config.objective.value_coefficient / shares.len() as f64;
        metrics.approx_kl += terms.kl / tokens as f64 / shares.len() as f64;
        metrics.clip_fraction += terms.clipped / tokens as f64 / shares.len() as f64;
        if update == 0 {
            metrics.first_ratio_gap = terms.ratio_gap;
        }
    }
    metrics.average_over_taken(shares.len(), config.objective.value_head);
    metrics.entropy = entropy;
    if asks_reference {
        metrics.reference_kl = reference_kl(&batch, &old, &reference);
    }
    Ok((scoring_seconds, clock.elapsed().as_secs_f64()))
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
