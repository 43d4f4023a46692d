//! A training run's TOML. Unknown keys are refused; every key has a default, and the resolved file is kept in the
//! run folder. Where the paper names a number, the doc line names its section; where a small policy on two cores
//! needs another, the doc line says so.

mod check;
#[cfg(test)]
mod tests;

pub use crate::objective::{Algorithm, ObjectiveConfig, ValueHead};
pub(crate) use check::MOST_WORKERS;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rlef_sandbox::Isolation;
use serde::{Deserialize, Deserializer, Serialize};

use crate::completion::is_zero;
use crate::judge::JudgeConfig;
use crate::model::decoder::Arithmetic;
use crate::model::device::Processor;
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
    /// Names all random draws of the run.
    pub seed: u64,
    /// Directory of the policy to start from; it is also the frozen reference ρ.
    pub policy: PathBuf,
    /// Low-rank adaptation: only small matrices beside the policy's (and the value network's) frozen weights learn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraConfig>,
    /// Problems to train on: a file, or `contest:train`. Unused by an objective that learns from a data set.
    pub problems: String,
    /// A list written by `rlef doctor --problems`: its problems are left out. Empty for none.
    pub quarantine: String,
    /// Rounds of collecting and learning.
    pub rounds: usize,
    /// Problems drawn per round, or examples for an objective that learns from a data set. With `rollout.group` this makes the paper's 1024 rollouts (section 3.1); the
    /// default is smaller, for two cores.
    pub problems_per_round: usize,
    /// Updates per round, each on its own share of the episodes (section 3.1: 4 updates of 256 sequences).
    pub updates_per_round: usize,
    /// How episodes are played.
    pub rollout: RolloutConfig,
    /// The reward's scalars.
    pub reward: RewardConfig,
    /// Who judges answers, and what each one's scores count in the reward; the tests alone where nobody is named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeConfig>,
    /// The losses' bounds.
    pub objective: ObjectiveConfig,
    /// AdamW of the policy.
    #[serde(deserialize_with = "policy_optimizer")]
    pub policy_optimizer: OptimizerConfig,
    /// AdamW of the value network.
    #[serde(deserialize_with = "value_optimizer")]
    pub value_optimizer: OptimizerConfig,
    /// A serving engine that samples the episodes; without it they are sampled here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineConfig>,
    /// What a run may use.
    pub resources: ResourceConfig,
    /// Evaluation before and after.
    pub evaluation: EvaluationConfig,
}

/// What a run may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceConfig {
    /// `cpu`, `wgpu` or `cuda`: what models are computed on. The last two are Cargo features, and repeat a run only as far as
    /// the card's sums do.
    pub device: Processor,
    /// `f32`, or `bf16` for the products of the blocks' linear maps where the device has it; weights and moments stay f32.
    pub precision: Arithmetic,
    /// Tokens of one forward and backward pass at most, counted as if its rows were all as long as the longest.
    pub tokens_per_pass: usize,
    /// Whether the way back computes every block again instead of keeping what the way there found: less memory for a
    /// third more work, the same gradients.
    #[serde(default)]
    pub recompute: bool,
    /// Episodes sampled side by side.
    pub sampling_batch: usize,
    /// What stands between programs and the host: `process`, `wasm`, or `auto`, which takes processes where the host can
    /// jail them and has a python3, else WebAssembly.
    pub isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment; without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PathBuf>,
    /// Programs judged side by side; 0 takes one a core.
    pub workers: usize,
    /// Largest share of a round's episodes that the sandbox or the policy's server may lose; a round that lost more is not
    /// learnt from, and the run stops.
    pub max_infra_rate: f64,
    /// Rounds between checkpoints.
    pub checkpoint_every: usize,
    /// Checkpoints kept.
    pub checkpoints_kept: usize,
    /// Memory the run may need at its peak by our estimate, in MiB; 0 takes what the machine has.
    pub memory_mib: u64,
}

/// Evaluation before and after training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Problems to evaluate on; empty skips it.
    pub problems: String,
    /// Episodes per problem.
    pub rollouts: usize,
    /// Sampling temperature. The paper's 1@3 takes 0.2 (section 3.1); a small policy is measured as it was trained.
    pub temperature: f64,
    /// Nucleus; the paper takes 0.95.
    pub top_p: f64,
    /// Likeliest tokens kept; 0, as in the paper, keeps all.
    #[serde(skip_serializing_if = "is_zero")]
    pub top_k: usize,
}

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
            seed: 1,
            policy: PathBuf::from("starter"),
            lora: None,
            problems: "contest:train".to_owned(),
            quarantine: String::new(),
            rounds: 30,
            problems_per_round: 128,
            updates_per_round: 4,
            rollout: RolloutConfig::default(),
            reward: RewardConfig::default(),
            judges: Vec::new(),
            objective: ObjectiveConfig::default(),
            policy_optimizer: optimizer(3e-4),
            value_optimizer: optimizer(1e-3),
            engine: None,
            resources: ResourceConfig::default(),
            evaluation: EvaluationConfig::default(),
        }
    }
}

fn policy_optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    TrainConfig::default().policy_optimizer.changed_by(table)
}

fn value_optimizer<'de, D: Deserializer<'de>>(table: D) -> Result<OptimizerConfig, D::Error> {
    TrainConfig::default().value_optimizer.changed_by(table)
}

impl Default for ResourceConfig {
    fn default() -> Self {
        Self {
            device: Processor::Cpu,
            precision: Arithmetic::F32,
            tokens_per_pass: 8192,
            recompute: false,
            sampling_batch: 256,
            isolation: Isolation::default(),
            python: None,
            workers: 0,
            max_infra_rate: 0.05,
            checkpoint_every: 5,
            checkpoints_kept: 2,
            memory_mib: 0,
        }
    }
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            problems: "contest:test".to_owned(),
            rollouts: 4,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
        }
    }
}

/// Why a configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("failed to read configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is no TOML, or a key is unknown or of another type.
    #[error("failed to read configuration {path}: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The library's words, with line and column.
        reason: String,
    },
    /// A value makes no sense.
    #[error("failed to use configuration: {key} is {found}; expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: Cow<'static, str>,
    },
}

impl TrainConfig {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = crate::files::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        config.check()?;
        config.resolved()
    }

    /// The same with every setting of the objective's own, each with its default where it had none.
    pub fn resolved(mut self) -> Result<Self, ConfigError> {
        self.objective.settings = self.objective()?.settings();
        Ok(self)
    }

    /// The objective that it names.
    pub fn objective(&self) -> Result<Box<dyn Objective>, ConfigError> {
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
