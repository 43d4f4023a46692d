//! A training run's TOML. Unknown keys are refused; every key has a default, and the resolved file is kept in the
//! run folder. Where the paper (RLEF, arXiv 2410.02089) names a number, the doc line names its section; where a default is
//! another number, the doc line says so. Defaults here are the preset `starter`; [`Preset`] says what others change.

mod assign;
mod check;
mod commented;
mod data;
mod error;
mod evaluation;
mod keys;
mod layers;
mod preset;
mod resources;
mod tasks;
#[cfg(test)]
mod tests;
mod tinker;

pub use crate::objective::{Algorithm, ObjectiveConfig, ValueHead};
pub use assign::{Assignment, merge};
pub use commented::{commented, commented_sft};
pub use data::{Curriculum, DataConfig, Decontamination, SetConfig};
pub use error::ConfigError;
pub use evaluation::{EvaluationConfig, HELD_OUT, ValidationConfig};
pub use layers::Layers;
pub use preset::{PolicyFacts, Preset};
pub use resources::ResourceConfig;
pub use tasks::TaskConfig;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::judge::JudgeConfig;
use crate::logger::Logger;
use crate::model::lora::LoraConfig;
use crate::objective::{self, Objective, Setup};
use crate::policy::engine::EngineConfig;
use crate::reward::RewardConfig;
use crate::rollout::RolloutConfig;
use crate::update::OptimizerConfig;

/// Everything that decides the result of `rlef train`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Whose defaults the keys have that nobody sets: `starter` for the small policy that ships and others of its kind, `llm`
    /// for an instructed model, `paper` for the paper's own numbers; `auto` takes `llm` where the policy has a chat template,
    /// else `starter`.
    pub preset: Preset,
    /// Names all random draws of the run.
    pub seed: u64,
    /// Directory or GGUF file of the policy to start from, or `starter`; it is also the frozen reference ρ.
    pub policy: PathBuf,
    /// A file of Jinja that speaks in place of the policy's own chat template; the checkpoints of the run hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<PathBuf>,
    /// Low-rank adaptation: only small matrices beside the policy's (and the value network's) frozen weights learn. `false`
    /// for none where the preset has one; the paper trains all weights.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "table_or_false"
    )]
    pub lora: Option<LoraConfig>,
    /// Problems to train on: a file, or `contest:train`. Unused by an objective that learns from a data set.
    pub problems: String,
    /// What of the problems is trained on, and how often.
    pub data: DataConfig,
    /// A list written by `rlef doctor --problems`: its problems are left out. Empty for none.
    pub quarantine: String,
    /// Rounds of collecting and learning; the paper's 12,000 updates of an 8B model are 3,000 (appendix A.1).
    pub rounds: usize,
    /// Problems drawn per round, or examples for an objective that learns from a data set. Times `rollout.group` it is the
    /// episodes of a round: 1024 in the paper (section 3.1), 256 by default, for two cores.
    pub problems_per_round: usize,
    /// Updates per round, each on its own share of the episodes (section 3.1: 4 updates of 256 sequences; by default the shares
    /// are of 64).
    pub updates_per_round: usize,
    /// How episodes are played.
    pub rollout: RolloutConfig,
    /// The reward's scalars.
    pub reward: RewardConfig,
    /// Who judges answers, and what each one's scores count in the reward; the tests alone where nobody is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeConfig>,
    /// The answers that others are compared with, one to each problem, by an objective that calibrates rewards and by judges that
    /// compare: `reference` has the reference say each once, when the problem is first drawn; else a file of samples or a journal,
    /// of which the first to each problem is taken.
    pub baselines: String,
    /// The losses' bounds.
    pub objective: ObjectiveConfig,
    /// AdamW of the policy. The paper's learning rate is 2e-7, its weight decay 0.1, its warm-up 50 steps (appendix A.1), and it
    /// names no bound of the gradient and no betas; the starter, 5000 times smaller, takes 3e-4, 0.01, 10 and a bound of 1.
    #[serde(deserialize_with = "policy_optimizer")]
    pub policy_optimizer: OptimizerConfig,
    /// AdamW of the value network. The paper gives one set of numbers for both; a value network of the starter's size takes 1e-3
    /// besides the numbers of its policy.
    #[serde(deserialize_with = "value_optimizer")]
    pub value_optimizer: OptimizerConfig,
    /// A serving engine that samples the episodes; without it they are sampled here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineConfig>,
    /// What is written beside `metrics.jsonl`: `tensorboard` for event files, `csv` for a table.
    pub loggers: Vec<Logger>,
    /// What a run may use.
    pub resources: ResourceConfig,
    /// Evaluation before and after training.
    pub evaluation: EvaluationConfig,
    /// Evaluation between rounds, by which the best policy is kept.
    pub validation: ValidationConfig,
    /// What is learnt at once, each on its own problems and in its own way: `problems`, `problems_per_round`, `rollout`, `reward`,
    /// `judges`, `objective` and `baselines` as here, where a task's differ. Without one the run is its own only task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskConfig>,
}

/// Who says the answers that others are compared with, where no file holds them.
pub const REFERENCE: &str = "reference";

impl Default for TrainConfig {
    fn default() -> Self {
        let optimizer = |learning_rate| OptimizerConfig {
            learning_rate,
            weight_decay: 0.01,
            warmup_steps: 10,
            beta_1: 0.9,
            beta_2: 0.95,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
        };
        Self {
            preset: Preset::Auto,
            seed: 1,
            policy: PathBuf::from("starter"),
            chat_template: None,
            lora: None,
            problems: "contest:train".to_owned(),
            data: DataConfig::default(),
            quarantine: String::new(),
            rounds: 30,
            problems_per_round: 128,
            updates_per_round: 4,
            rollout: RolloutConfig::default(),
            reward: RewardConfig::default(),
            judges: Vec::new(),
            baselines: REFERENCE.to_owned(),
            objective: ObjectiveConfig::default(),
            policy_optimizer: optimizer(3e-4),
            value_optimizer: optimizer(1e-3),
            engine: None,
            loggers: vec![Logger::Tensorboard, Logger::Csv],
            resources: ResourceConfig::default(),
            evaluation: EvaluationConfig::default(),
            validation: ValidationConfig::default(),
            tasks: Vec::new(),
        }
    }
}

/// A table, or `false` for none.
fn table_or_false<'de, D: Deserializer<'de>>(value: D) -> Result<Option<LoraConfig>, D::Error> {
    struct Either;
    impl<'de> serde::de::Visitor<'de> for Either {
        type Value = Option<LoraConfig>;

        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("a table, or false for none")
        }

        fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Self::Value, E> {
            if on {
                return Err(E::custom(
                    "invalid value: true; expected a table, or false for none",
                ));
            }
            Ok(None)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            LoraConfig::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }
    value.deserialize_any(Either)
}

fn policy_optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    TrainConfig::default().policy_optimizer.changed_by(table)
}

fn value_optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    TrainConfig::default().value_optimizer.changed_by(table)
}

impl TrainConfig {
    /// Reads and checks a file; what it leaves out is as for the starter, whatever the policy is. See [`Layers`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let config: Self = Self::parse(path, &Self::text(path)?)?;
        config.check()?;
        config.resolved()
    }

    fn text(path: &Path) -> Result<String, ConfigError> {
        crate::files::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })
    }

    fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The same with every setting of the objective's own, each with its default where it had none.
    pub fn resolved(mut self) -> Result<Self, ConfigError> {
        if !self.tasks.is_empty() {
            return self.resolved_tasks();
        }
        self.objective.settings = self.objective()?.settings();
        Ok(self)
    }

    /// The objective that it names; the first task's, where there are tasks.
    pub fn objective(&self) -> Result<Box<dyn Objective>, ConfigError> {
        if let Some(task) = self.tasks.first() {
            return self.of_task(task)?.objective();
        }
        let setup = Setup {
            config: &self.objective,
            kl_beta: self.reward.kl_beta,
            longest: (self.rollout.turns).saturating_mul(self.rollout.sampling.max_tokens),
        };
        objective::build(&setup).map_err(|fault| ConfigError::Value {
            key: fault.key,
            found: fault.found,
            expected: fault.expected.into(),
        })
    }
}
