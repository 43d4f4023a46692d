//! What a configuration's values must be to make sense, and to make sense together. Reads no file.

use super::{Algorithm, ConfigError, TrainConfig, ValueHead};
use crate::policy::engine::EngineKind;

/// The largest of the numbers that others are multiplied by, or that memory is made room for. Whoever means "all" by
/// `problems_per_round` or "for ever" by `rounds` may say more.
const MOST: usize = 1 << 20;

/// Programs judged side by side at most: each is a jail with processes of its own.
pub(crate) const MOST_WORKERS: usize = 4096;

/// A key, its value, what holds of it, and that in words.
type Number<'a> = (&'static str, f64, &'a dyn Fn(f64) -> bool, &'static str);

impl TrainConfig {
    /// Refuses values that would fail later, or silently do nothing.
    pub fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("rounds", self.rounds),
            ("problems_per_round", self.problems_per_round),
            ("updates_per_round", self.updates_per_round),
            ("rollout.group", self.rollout.group),
            ("rollout.turns", self.rollout.turns),
            (
                "rollout.sampling.max_tokens",
                self.rollout.sampling.max_tokens,
            ),
            ("resources.tokens_per_pass", self.resources.tokens_per_pass),
            ("resources.sampling_batch", self.resources.sampling_batch),
            (
                "resources.checkpoint_every",
                self.resources.checkpoint_every,
            ),
            (
                "resources.checkpoints_kept",
                self.resources.checkpoints_kept,
            ),
            ("evaluation.rollouts", self.evaluation.rollouts),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(ConfigError::Value {
                    key: key.to_owned(),
                    found: "0".to_owned(),
                    expected: "at least 1",
                });
            }
        }
        let bounded = [
            ("updates_per_round", self.updates_per_round),
            ("rollout.group", self.rollout.group),
            ("rollout.turns", self.rollout.turns),
            (
                "rollout.sampling.max_tokens",
                self.rollout.sampling.max_tokens,
            ),
            ("evaluation.rollouts", self.evaluation.rollouts),
            ("resources.sampling_batch", self.resources.sampling_batch),
            ("lora.rank", self.lora.as_ref().map_or(1, |lora| lora.rank)),
        ];
        if let Some((key, value)) = bounded.into_iter().find(|(_, value)| *value > MOST) {
            return Err(ConfigError::Value {
                key: key.to_owned(),
                found: value.to_string(),
                expected: "at most 1048576",
            });
        }
        if self.resources.workers > MOST_WORKERS {
            return Err(ConfigError::Value {
                key: "resources.workers".to_owned(),
                found: self.resources.workers.to_string(),
                expected: "at most 4096",
            });
        }
        self.check_numbers()?;
        if self.rollout.sampling.top_p < 1.0 {
            // A cut nucleus gives tokens probability 0 that the trainer's softmax gives some.
            return Err(ConfigError::Value {
                key: "rollout.sampling.top_p".to_owned(),
                found: self.rollout.sampling.top_p.to_string(),
                expected: "1 while training: the trainer's log-probabilities are of the whole softmax",
            });
        }
        if self.rollout.sampling.top_k > 0 {
            return Err(ConfigError::Value {
                key: "rollout.sampling.top_k".to_owned(),
                found: self.rollout.sampling.top_k.to_string(),
                expected: "0 while training: the trainer's log-probabilities are of the whole softmax",
            });
        }
        if self.rollout.sampling.stop.iter().any(String::is_empty) {
            return Err(ConfigError::Value {
                key: "rollout.sampling.stop".to_owned(),
                found: "an empty text".to_owned(),
                expected: "texts that an answer can hold",
            });
        }
        if !self.rollout.feedback.is_one_dialogue() {
            return Err(ConfigError::Value {
                key: "rollout.feedback".to_owned(),
                found: self.rollout.feedback.name().to_owned(),
                expected: "real, silent, random or self_repair: fresh answers are no dialogue to learn from",
            });
        }
        if let Some(engine) = &self.engine {
            if engine.kind == EngineKind::Openai {
                return Err(ConfigError::Value {
                    key: "engine.kind".to_owned(),
                    found: "openai".to_owned(),
                    expected: "vllm or sglang: an OpenAI-compatible server gives no token ids with their log-probabilities, so nothing can be learnt from it; `rlef eval --policy openai:URL` evaluates it",
                });
            }
            if engine.concurrency == 0 || engine.timeout_s == 0 {
                return Err(ConfigError::Value {
                    key: "engine.concurrency or engine.timeout_s".to_owned(),
                    found: "0".to_owned(),
                    expected: "at least 1",
                });
            }
        }
        if self.objective.algorithm == Algorithm::Grpo && self.rollout.group < 2 {
            return Err(ConfigError::Value {
                key: "rollout.group".to_owned(),
                found: self.rollout.group.to_string(),
                expected: "at least 2 with objective.algorithm = \"grpo\": one episode alone has nothing to be compared with",
            });
        }
        if self.objective.value_head == ValueHead::Shared {
            if self.objective.algorithm == Algorithm::Grpo {
                return Err(ConfigError::Value {
                    key: "objective.value_head".to_owned(),
                    found: "shared".to_owned(),
                    expected: "separate, or nothing, with objective.algorithm = \"grpo\": it has no values",
                });
            }
            if self.objective.value_warmup_rounds > 0 {
                return Err(ConfigError::Value {
                    key: "objective.value_warmup_rounds".to_owned(),
                    found: self.objective.value_warmup_rounds.to_string(),
                    expected: "0 with objective.value_head = \"shared\": there is no value network to train alone",
                });
            }
        }
        let episodes = self.problems_per_round.saturating_mul(self.rollout.group);
        if episodes < self.updates_per_round {
            return Err(ConfigError::Value {
                key: "updates_per_round".to_owned(),
                found: self.updates_per_round.to_string(),
                expected: "at most problems_per_round times rollout.group",
            });
        }
        Ok(())
    }

    /// Every number of the file that may have a fraction, with its range.
    fn check_numbers(&self) -> Result<(), ConfigError> {
        let positive = |value: f64| value > 0.0;
        let at_least_zero = |value: f64| value >= 0.0;
        let any = |_: f64| true;
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let nucleus = |value: f64| value > 0.0 && value <= 1.0;
        let (sampling, reward) = (&self.rollout.sampling, &self.reward);
        let (objective, evaluation) = (&self.objective, &self.evaluation);
        let numbers: [Number<'_>; 14] = [
            (
                "rollout.sampling.temperature",
                sampling.temperature,
                &positive,
                "a number above 0",
            ),
            (
                "rollout.sampling.top_p",
                sampling.top_p,
                &nucleus,
                "a number above 0, at most 1",
            ),
            ("reward.solved", reward.solved, &any, "a number"),
            ("reward.failed", reward.failed, &any, "a number"),
            ("reward.no_program", reward.no_program, &any, "a number"),
            (
                "reward.kl_beta",
                reward.kl_beta,
                &at_least_zero,
                "a number of at least 0",
            ),
            (
                "objective.clip",
                objective.clip,
                &positive,
                "a number above 0",
            ),
            (
                "objective.value_clip",
                objective.value_clip,
                &positive,
                "a number above 0",
            ),
            (
                "objective.value_coefficient",
                objective.value_coefficient,
                &positive,
                "a number above 0",
            ),
            (
                "resources.max_infra_rate",
                self.resources.max_infra_rate,
                &share,
                "a number from 0 to 1",
            ),
            (
                "evaluation.temperature",
                evaluation.temperature,
                &at_least_zero,
                "a number of at least 0",
            ),
            (
                "evaluation.top_p",
                evaluation.top_p,
                &nucleus,
                "a number above 0, at most 1",
            ),
            (
                "lora.alpha",
                self.lora.as_ref().map_or(1.0, |lora| lora.alpha),
                &|value| value != 0.0,
                "a number other than 0",
            ),
            (
                "objective.max_sampler_gap",
                if objective.max_sampler_gap == f64::INFINITY {
                    // No bound.
                    1.0
                } else {
                    objective.max_sampler_gap
                },
                &positive,
                "a number above 0, or inf for no bound",
            ),
        ];
        for (key, value, holds, expected) in numbers {
            if !value.is_finite() || !holds(value) {
                return Err(ConfigError::Value {
                    key: key.to_owned(),
                    found: value.to_string(),
                    expected,
                });
            }
        }
        for (table, optimizer) in [
            ("policy_optimizer", &self.policy_optimizer),
            ("value_optimizer", &self.value_optimizer),
        ] {
            if let Some((name, value, expected)) = optimizer.fault() {
                return Err(ConfigError::Value {
                    key: format!("{table}.{name}"),
                    found: value.to_string(),
                    expected,
                });
            }
        }
        Ok(())
    }
}
