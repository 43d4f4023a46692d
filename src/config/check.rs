//! What a configuration's values must be to make sense, and to make sense together. Reads no file.

use std::fmt::Display;

use super::{ConfigError, TrainConfig, ValueHead};
use crate::objective::Source;
use crate::policy::engine::EngineDtype;

/// The largest of the numbers that others are multiplied by, or that memory is made room for. Whoever means "all" by
/// `problems_per_round` or "for ever" by `rounds` may say more.
const MOST: usize = 1 << 20;

/// Programs judged side by side at most: each is a jail with processes of its own.
pub(crate) const MOST_WORKERS: usize = rlef_serve::cli::host::MOST_WORKERS;

/// A key, its value, what holds of it, and that in words.
type Number<'a> = (&'static str, f64, &'a dyn Fn(f64) -> bool, &'static str);

/// Refuses `found` where `fails`, by the name of its key.
fn refuse(
    fails: bool,
    key: &str,
    found: impl Display,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if fails {
        return Err(ConfigError::Value {
            key: key.to_owned(),
            found: found.to_string(),
            expected: expected.into(),
        });
    }
    Ok(())
}

impl TrainConfig {
    /// Refuses values that would fail later, or silently do nothing.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.tasks.is_empty() {
            return self.check_tasks();
        }
        self.check_counts()?;
        self.check_numbers()?;
        self.check_sampling()?;
        refuse(
            self.baselines.is_empty(),
            "baselines",
            "empty",
            "reference, or a file of answers",
        )?;
        self.check_engine()?;
        self.check_staleness()?;
        self.check_objective()?;
        let (units, most) = match self.objective()?.needs().source {
            Source::Episodes => (
                self.problems_per_round.saturating_mul(self.rollout.group),
                "at most problems_per_round times rollout.group",
            ),
            Source::Examples(_) => (self.problems_per_round, "at most problems_per_round"),
        };
        if let Some((key, found, expected)) = self.data.fault() {
            refuse(true, &key, found, expected)?;
        }
        let updates = self.updates_per_round;
        refuse(units < updates, "updates_per_round", updates, most)
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
        let (rollout, resources) = (&self.rollout, &self.resources);
        let positive = [
            ("rounds", self.rounds),
            ("problems_per_round", self.problems_per_round),
            ("updates_per_round", self.updates_per_round),
            ("rollout.group", rollout.group),
            ("rollout.turns", rollout.turns),
            ("rollout.sampling.max_tokens", rollout.sampling.max_tokens),
            ("resources.tokens_per_pass", resources.tokens_per_pass),
            ("resources.sampling_batch", resources.sampling_batch),
            ("resources.checkpoint_every", resources.checkpoint_every),
            ("resources.checkpoints_kept", resources.checkpoints_kept),
            ("evaluation.rollouts", self.evaluation.rollouts),
            ("validation.rollouts", self.validation.rollouts),
        ];
        for (key, value) in positive {
            refuse(value == 0, key, value, "at least 1")?;
        }
        let bounded = [
            ("updates_per_round", self.updates_per_round),
            ("rollout.group", rollout.group),
            ("rollout.turns", rollout.turns),
            ("rollout.sampling.max_tokens", rollout.sampling.max_tokens),
            ("evaluation.rollouts", self.evaluation.rollouts),
            ("validation.rollouts", self.validation.rollouts),
            ("resources.sampling_batch", resources.sampling_batch),
            ("lora.rank", self.lora.as_ref().map_or(1, |lora| lora.rank)),
        ];
        for (key, value) in bounded {
            refuse(value > MOST, key, value, "at most 1048576")?;
        }
        let workers = resources.workers;
        let too_many = workers > MOST_WORKERS;
        refuse(too_many, "resources.workers", workers, "at most 4096")
    }

    fn check_sampling(&self) -> Result<(), ConfigError> {
        let sampling = &self.rollout.sampling;
        // A cut nucleus gives tokens probability 0 that the trainer's softmax gives some.
        refuse(
            sampling.top_p < 1.0,
            "rollout.sampling.top_p",
            sampling.top_p,
            "1 while training: the trainer's log-probabilities are of the whole softmax",
        )?;
        refuse(
            sampling.top_k > 0,
            "rollout.sampling.top_k",
            sampling.top_k,
            "0 while training: the trainer's log-probabilities are of the whole softmax",
        )?;
        refuse(
            sampling.stop.iter().any(String::is_empty),
            "rollout.sampling.stop",
            "an empty text",
            "texts that an answer can hold",
        )?;
        refuse(
            !self.rollout.feedback.is_one_dialogue(),
            "rollout.feedback",
            self.rollout.feedback.name(),
            "real, silent, random or self_repair: fresh answers are no dialogue to learn from",
        )
    }

    fn check_engine(&self) -> Result<(), ConfigError> {
        self.check_tinker()?;
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        refuse(
            engine.concurrency == 0 || engine.timeout_s == 0,
            "engine.concurrency or engine.timeout_s",
            0,
            "at least 1",
        )?;
        refuse(
            engine.adapters && self.lora.is_none(),
            "engine.adapters",
            true,
            "false, or nothing, without [lora]: no adapter is trained",
        )?;
        refuse(
            engine.bfloat16 && !matches!(engine.dtype, EngineDtype::Auto | EngineDtype::Bfloat16),
            "engine.bfloat16",
            true,
            "nothing beside engine.dtype, which says it",
        )
    }

    /// What the objective needs, and whether the rest of the file gives it that.
    fn check_objective(&self) -> Result<(), ConfigError> {
        let needs = self.objective()?.needs();
        let (objective, name) = (&self.objective, self.objective.algorithm.name());
        if let Source::Examples(shape) = needs.source {
            if objective.data.is_none() {
                return Err(ConfigError::Value {
                    key: "objective.data".to_owned(),
                    found: "nothing".to_owned(),
                    expected: format!(
                        "a file of {} with objective.algorithm = {name:?}, which learns from a data set",
                        shape.name()
                    )
                    .into(),
                });
            }
            refuse(
                self.engine.is_some(),
                "engine",
                "set",
                "nothing with an objective that learns from a data set: nothing is sampled",
            )?;
        }
        if self.rollout.group < needs.least_group {
            let least = needs.least_group;
            return Err(ConfigError::Value {
                key: "rollout.group".to_owned(),
                found: self.rollout.group.to_string(),
                expected: format!(
                    "at least {least} with objective.algorithm = {name:?}: one episode alone has nothing to be compared with"
                )
                .into(),
            });
        }
        if objective.value_head == ValueHead::Shared && needs.values.is_none() {
            return Err(ConfigError::Value {
                key: "objective.value_head".to_owned(),
                found: "shared".to_owned(),
                expected: format!(
                    "separate, or nothing, with objective.algorithm = {name:?}: it has no values"
                )
                .into(),
            });
        }
        refuse(
            objective.value_head == ValueHead::Shared && objective.value_from.is_some(),
            "objective.value_from",
            "set",
            "nothing with objective.value_head = \"shared\": values are read from the policy itself",
        )?;
        refuse(
            objective.value_head == ValueHead::Shared && objective.value_warmup_rounds > 0,
            "objective.value_warmup_rounds",
            objective.value_warmup_rounds,
            "0 with objective.value_head = \"shared\": there is no value network to train alone",
        )
    }

    /// Every number of the file that may have a fraction, with its range.
    fn check_numbers(&self) -> Result<(), ConfigError> {
        let positive = |value: f64| value > 0.0;
        let at_least_zero = |value: f64| value >= 0.0;
        let any = |_: f64| true;
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let nucleus = |value: f64| value > 0.0 && value <= 1.0;
        let other_than_zero = |value: f64| value != 0.0;
        let (above_0, least_0) = ("a number above 0", "a number of at least 0");
        let (sampling, reward) = (&self.rollout.sampling, &self.reward);
        let (objective, evaluation) = (&self.objective, &self.evaluation);
        let alpha = self.lora.as_ref().map_or(1.0, |lora| lora.alpha);
        // No bound is one.
        let bound = |value: f64| if value == f64::INFINITY { 1.0 } else { value };
        let gap = bound(objective.max_sampler_gap);
        let kl = bound(objective.max_sampler_kl);
        let nuclear = "a number above 0, at most 1";
        let temperature = sampling.temperature;
        let coefficient = objective.value_coefficient;
        let rate = self.resources.max_infra_rate;
        let warmth = evaluation.temperature;
        let gap_words = "a number above 0, or inf for no bound";
        let (unusable, held_out) = (self.resources.max_unusable_rate, evaluation.held_out);
        let part = |value: f64| value > 0.0 && value < 1.0;
        let overlap = self.data.overlap;
        let numbers: [Number<'_>; 18] = [
            (
                "data.overlap",
                overlap,
                &nucleus,
                "a number above 0, at most 1",
            ),
            (
                "resources.max_unusable_rate",
                unusable,
                &share,
                "a number from 0 to 1",
            ),
            (
                "evaluation.held_out",
                held_out,
                &part,
                "a number between 0 and 1",
            ),
            (
                "rollout.sampling.temperature",
                temperature,
                &positive,
                above_0,
            ),
            ("rollout.sampling.top_p", sampling.top_p, &nucleus, nuclear),
            ("reward.solved", reward.solved, &any, "a number"),
            ("reward.failed", reward.failed, &any, "a number"),
            ("reward.no_program", reward.no_program, &any, "a number"),
            ("reward.kl_beta", reward.kl_beta, &at_least_zero, least_0),
            ("objective.clip", objective.clip, &positive, above_0),
            (
                "objective.value_clip",
                objective.value_clip,
                &positive,
                above_0,
            ),
            (
                "objective.value_coefficient",
                coefficient,
                &positive,
                above_0,
            ),
            (
                "resources.max_infra_rate",
                rate,
                &share,
                "a number from 0 to 1",
            ),
            ("evaluation.temperature", warmth, &at_least_zero, least_0),
            ("evaluation.top_p", evaluation.top_p, &nucleus, nuclear),
            (
                "lora.alpha",
                alpha,
                &other_than_zero,
                "a number other than 0",
            ),
            ("objective.max_sampler_gap", gap, &positive, gap_words),
            ("objective.max_sampler_kl", kl, &positive, gap_words),
        ];
        for (key, value, holds, expected) in numbers {
            refuse(!value.is_finite() || !holds(value), key, value, expected)?;
        }
        for (table, optimizer) in [
            ("policy_optimizer", &self.policy_optimizer),
            ("value_optimizer", &self.value_optimizer),
        ] {
            if let Some((name, value, expected)) = optimizer.fault() {
                refuse(true, &format!("{table}.{name}"), value, expected)?;
            }
        }
        Ok(())
    }
}
