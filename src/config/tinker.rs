//! What a server of the Tinker API can't do, or would do otherwise without a word: found out before anything is sent.

use std::time::Duration;

use super::{ConfigError, TrainConfig};
use crate::model::decoder::ModelConfig;
use crate::model::lora::LoraConfig;
use crate::objective::{Source, Stored};
use crate::policy::engine::{EngineDtype, EngineKind};
use crate::tinker::{Backend, TinkerConfig};

impl TrainConfig {
    /// Whether a server of the Tinker API trains and samples.
    pub fn is_trained_elsewhere(&self) -> bool {
        let engine = self.engine.as_ref();
        engine.is_some_and(|engine| engine.kind == EngineKind::Tinker)
    }

    /// The server, for a policy of this shape; nothing where none trains.
    pub fn tinker(&self, shape: &ModelConfig) -> Option<TinkerConfig> {
        let engine = self.engine.as_ref()?;
        let lora = self.lora.as_ref()?;
        let key = std::env::var(&engine.api_key_env).ok();
        self.is_trained_elsewhere().then(|| TinkerConfig {
            url: engine.url.clone(),
            model: engine.model.clone(),
            backend: engine.backend.unwrap_or_default(),
            rank: lora.rank,
            seed: lora.seed,
            vocabulary: shape.vocab_size,
            context: shape.max_position_embeddings,
            concurrency: engine.concurrency,
            tries: engine.tries,
            timeout: Duration::from_secs(engine.timeout_s),
            key: key.filter(|key| !key.is_empty()),
        })
    }

    /// What can't be sampled while something else is learnt.
    pub(super) fn check_staleness(&self) -> Result<(), ConfigError> {
        let most = self.rollout.max_staleness;
        if most == 0 {
            return Ok(());
        }
        let needs = self.objective()?.needs();
        let why = if self.is_trained_elsewhere() {
            Some(
                "with engine.kind = \"tinker\": what is sampled there shares its place with what is trained",
            )
        } else if !matches!(needs.source, Source::Episodes) {
            Some("with an objective that learns from a data set: nothing is sampled")
        } else if needs.stored != Stored::Unused {
            Some(
                "with an objective that compares answers with stored ones, which are found as rounds are sampled",
            )
        } else if self.data.goes_by_rates() {
            Some("where draws go by how often problems are solved, which must be known by then")
        } else if self.engine.is_some() && !self.validation.problems.is_empty() {
            Some(
                "with an engine and validation.problems: the engine has other weights by then than those to validate",
            )
        } else if most > 16 {
            Some("or at most 16: each round ahead is held in memory")
        } else {
            None
        };
        why.map_or(Ok(()), |why| {
            Err(ConfigError::Value {
                key: "rollout.max_staleness".to_owned(),
                found: most.to_string(),
                expected: format!("0 {why}").into(),
            })
        })
    }

    pub(super) fn check_tinker(&self) -> Result<(), ConfigError> {
        let Some(engine) = &self.engine else {
            return Ok(());
        };
        let fault = |key: &str, found: String, expected: &str| {
            Err(ConfigError::Value {
                key: key.to_owned(),
                found,
                expected: expected.to_owned().into(),
            })
        };
        if engine.kind != EngineKind::Tinker {
            if engine.weights.as_os_str().is_empty() {
                return fault(
                    "engine.weights",
                    "nothing".to_owned(),
                    "a folder that this machine writes and the engine reads",
                );
            }
            return match engine.backend {
                None => Ok(()),
                Some(_) => fault(
                    "engine.backend",
                    "set".to_owned(),
                    "nothing without engine.kind = \"tinker\"",
                ),
            };
        }
        for (key, set) in [
            ("engine.weights", !engine.weights.as_os_str().is_empty()),
            ("engine.adapters", engine.adapters),
            ("engine.bfloat16", engine.bfloat16),
            ("engine.dtype", engine.dtype != EngineDtype::default()),
        ] {
            if set {
                let words = "nothing with engine.kind = \"tinker\": the server has the weights that it trains";
                return fault(key, "set".to_owned(), words);
            }
        }
        let Some(lora) = &self.lora else {
            return fault(
                "lora",
                "nothing".to_owned(),
                "a table [lora] with engine.kind = \"tinker\": an adapter is trained there, of lora.rank",
            );
        };
        // The server has these, and is asked for none of them.
        let theirs = LoraConfig::default();
        let mut targets = [lora.targets.clone(), theirs.targets.clone()];
        for targets in &mut targets {
            targets.sort();
        }
        if lora.alpha != theirs.alpha || lora.rank_stabilised || targets[0] != targets[1] {
            return fault(
                "lora",
                format!("alpha = {}, targets = {:?}", lora.alpha, lora.targets),
                "alpha = 32, all targets and no rank_stabilised with engine.kind = \"tinker\": the server makes no other adapter",
            );
        }
        let sampling = &self.rollout.sampling;
        if sampling.temperature != 1.0 {
            return fault(
                "rollout.sampling.temperature",
                sampling.temperature.to_string(),
                "1 with engine.kind = \"tinker\": its log-probabilities are those of temperature 1, whatever it samples at",
            );
        }
        if !sampling.stop.is_empty() {
            return fault(
                "rollout.sampling.stop",
                format!("{:?}", sampling.stop),
                "nothing with engine.kind = \"tinker\": it takes texts or ids that end an answer, not both, and ids are sent",
            );
        }
        if !self.tasks.is_empty() {
            return fault(
                "tasks",
                self.tasks.len().to_string(),
                "none with engine.kind = \"tinker\": gradients of tasks can't be weighed there",
            );
        }
        let bound = self.policy_optimizer.max_gradient_norm;
        if engine.backend.unwrap_or_default() == Backend::Jax && bound.is_finite() {
            return fault(
                "policy_optimizer.max_gradient_norm",
                bound.to_string(),
                "inf with engine.backend = \"jax\": it bounds no gradient",
            );
        }
        let objective = self.objective()?;
        match objective.asked() {
            Ok(_) => Ok(()),
            Err(why) => fault(
                "objective.algorithm",
                format!("{:?}", self.objective.algorithm.name()),
                &format!(
                    "turn_group, grpo, dr_grpo, dapo, cispo or reinforce_pp with engine.kind = \"tinker\": {why}"
                ),
            ),
        }
    }
}
