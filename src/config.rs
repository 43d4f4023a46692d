//! A training run's TOML. Unknown keys are refused; every key has a default, and the resolved file is kept in the
//! run folder. Where the paper names a number, the doc line names its section; where a small policy on two cores
//! needs another, the doc line says so.

mod check;

pub(crate) use check::MOST_WORKERS;

use std::path::{Path, PathBuf};

use rlef_sandbox::Isolation;
use serde::{Deserialize, Deserializer, Serialize};

use crate::advantage::Normalisation;
use crate::judge::JudgeConfig;
use crate::policy::device::Processor;
use crate::policy::engine::EngineConfig;
use crate::policy::lora::LoraConfig;
use crate::policy::model::Arithmetic;
use crate::policy::sampler::is_zero;
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
    /// Problems to train on: a file, or `contest:train`.
    pub problems: String,
    /// A list written by `rlef doctor --problems`: its problems are left out. Empty for none.
    pub quarantine: String,
    /// Rounds of collecting and learning.
    pub rounds: usize,
    /// Problems drawn per round. With `rollout.group` this makes the paper's 1024 rollouts (section 3.1); the
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

/// How episodes become a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// RLEF: a value network's baseline per turn, PPO's clip, the reference in the reward.
    #[default]
    Rlef,
    /// GRPO (arXiv 2402.03300): an episode against the others of its problem, the reference in the loss with the weight
    /// `reward.kl_beta`. The value network stays untouched; `rollout.group` is 2 at least.
    Grpo,
}

/// Where values are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueHead {
    /// From a network of its own, which starts as a copy of the policy (section 2.2).
    #[default]
    Separate,
    /// From the policy's last hidden states, by a head beside its own: half the passes and no second network, but both
    /// losses pull at one body. `[policy_optimizer]` moves both, `[value_optimizer]` is unused.
    Shared,
}

/// The losses and their bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveConfig {
    /// `rlef` or `grpo`.
    pub algorithm: Algorithm,
    /// ε of the policy's clip (section 2.2: 0.2).
    pub clip: f64,
    /// α of the value's clip (section 2.2: 0.2).
    pub value_clip: f64,
    /// `separate` or `shared`; GRPO has no values.
    pub value_head: ValueHead,
    /// What the value's loss counts beside the policy's where the head is shared (0.1 in Huang et al. 2024, arXiv
    /// 2403.17031).
    pub value_coefficient: f64,
    /// Over what advantages are normalised; not stated in the paper.
    pub normalisation: Normalisation,
    /// Rounds at the start that train the value network alone; 0 in the paper, whose value network starts
    /// from an instructed model's features.
    pub value_warmup_rounds: usize,
    /// Largest difference between the sampler's and the trainer's log-probability of a token that is still learnt from;
    /// past it the run stops. The two compute the same policy: more than rounding between them is a mistake, and half of
    /// the clip's width would be spent on it at 0.1. `inf` for no bound.
    pub max_sampler_gap: f64,
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

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Rlef,
            clip: 0.2,
            value_clip: 0.2,
            value_head: ValueHead::Separate,
            value_coefficient: 0.1,
            normalisation: Normalisation::Batch,
            value_warmup_rounds: 0,
            max_sampler_gap: 0.1,
        }
    }
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
        expected: &'static str,
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
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolved_file_reads_back_as_itself() {
        let config = TrainConfig::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
    }

    #[test]
    fn a_table_need_not_hold_all_its_keys() {
        let text = "[rollout]\nturns = 2\n[rollout.sampling]\nmax_tokens = 7\n[reward]\n[objective]\nclip = 0.1\n\
            [policy_optimizer]\n[value_optimizer]\nwarmup_steps = 3\nmax_gradient_norm = inf\n[resources]\n[evaluation]\n[lora]\n";
        let mut expected = TrainConfig {
            lora: Some(LoraConfig::default()),
            ..TrainConfig::default()
        };
        expected.rollout.turns = 2;
        expected.rollout.sampling.max_tokens = 7;
        expected.objective.clip = 0.1;
        expected.value_optimizer.warmup_steps = 3;
        expected.value_optimizer.max_gradient_norm = f64::INFINITY;
        assert_eq!(toml::from_str::<TrainConfig>(text).unwrap(), expected);
        assert_eq!(expected.value_optimizer.learning_rate, 1e-3);
        for (wrong, words) in [
            ("lerning_rate = 1.0", "unknown field `lerning_rate`"),
            ("learning_rate = \"fast\"", "invalid type: string \"fast\""),
        ] {
            let text = format!("seed = 1\n[policy_optimizer]\n{wrong}\n");
            let message = toml::from_str::<TrainConfig>(&text)
                .unwrap_err()
                .to_string();
            assert!(message.contains(words), "{message}");
            assert!(message.contains("line 2"), "{message}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.toml");
        std::fs::write(&path, "seed = 2\nlerning_rate = 1\n").unwrap();
        let message = TrainConfig::load(&path).unwrap_err().to_string();
        assert!(
            message.contains("line 2") && message.contains("lerning_rate"),
            "{message}"
        );
    }

    #[test]
    fn counts_that_others_are_multiplied_by_are_bounded() {
        let with = |key: &str, value: &str| {
            let text = format!("{key} = {value}\n");
            let config: TrainConfig = toml::from_str(&text).unwrap();
            config.check().map_err(|error| error.to_string())
        };
        for key in [
            "rollout.group",
            "rollout.turns",
            "rollout.sampling.max_tokens",
            "updates_per_round",
            "resources.workers",
            "evaluation.rollouts",
            "resources.sampling_batch",
            "lora.rank",
        ] {
            for value in ["1000000000000", "9223372036854775807"] {
                let message = with(key, value).unwrap_err();
                assert!(
                    message.contains(key) && message.contains("at most"),
                    "{message}"
                );
            }
        }
        // All problems, and for ever.
        with("problems_per_round", "9223372036854775807").unwrap();
        with("rounds", "9223372036854775807").unwrap();
    }

    /// Whatever key is added later: its number is looked at, too.
    #[test]
    fn every_number_of_the_file_is_finite_and_in_its_range() {
        fn keys(table: &toml::Table, before: &str, all: &mut Vec<String>) {
            for (name, value) in table {
                let key = format!("{before}{name}");
                match value {
                    toml::Value::Table(inner) => keys(inner, &format!("{key}."), all),
                    toml::Value::Float(_) => all.push(key),
                    _ => {}
                }
            }
        }
        fn with(key: &str, value: f64) -> Result<(), String> {
            let config = TrainConfig {
                lora: Some(LoraConfig::default()),
                ..TrainConfig::default()
            };
            let mut root = toml::Table::try_from(config).unwrap();
            let mut table = &mut root;
            let mut parts: Vec<&str> = key.split('.').collect();
            let last = parts.pop().unwrap();
            for part in parts {
                table = table[part].as_table_mut().unwrap();
            }
            table.insert(last.to_owned(), toml::Value::Float(value));
            let config: TrainConfig = root.try_into().map_err(|error| format!("{error}"))?;
            config.check().map_err(|error| error.to_string())
        }
        let config = TrainConfig {
            lora: Some(LoraConfig::default()),
            ..TrainConfig::default()
        };
        let mut all = Vec::new();
        keys(&toml::Table::try_from(config).unwrap(), "", &mut all);
        assert_eq!(all.len(), 26, "{all:?}");
        for key in &all {
            let unbounded = ["max_sampler_gap", "max_gradient_norm"];
            let may_be_infinite = unbounded.iter().any(|name| key.ends_with(name));
            for bad in [f64::NAN, f64::NEG_INFINITY, f64::INFINITY] {
                let found = with(key, bad);
                if bad == f64::INFINITY && may_be_infinite {
                    found.unwrap();
                } else {
                    let message = found.unwrap_err();
                    assert!(message.contains(key.as_str()), "{key} {bad}: {message}");
                }
            }
            let may_be_negative = ["reward.solved", "reward.failed", "reward.no_program"];
            if !may_be_negative.contains(&key.as_str()) && key != "lora.alpha" {
                assert!(with(key, -0.5).unwrap_err().contains(key.as_str()), "{key}");
            }
        }
        for (key, bad, good) in [
            ("reward.kl_beta", -0.1, 0.0),
            ("resources.max_infra_rate", 1.5, 1.0),
            ("evaluation.top_p", 1.5, 1.0),
            ("evaluation.temperature", -1.0, 0.0),
            ("policy_optimizer.beta_1", 1.0, 0.0),
            ("value_optimizer.learning_rate", 0.0, 1e-9),
            ("lora.alpha", 0.0, -1.0),
        ] {
            assert!(with(key, bad).unwrap_err().contains(key));
            with(key, good).unwrap();
        }
    }

    #[test]
    fn senseless_values_are_refused_by_name() {
        let mut config = TrainConfig::default();
        config.rollout.group = 0;
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("rollout.group")
        );
        let mut config = TrainConfig::default();
        config.rollout.sampling.top_p = 0.9;
        assert!(config.check().unwrap_err().to_string().contains("top_p"));
        let mut config = TrainConfig::default();
        config.objective.algorithm = Algorithm::Grpo;
        config.check().unwrap();
        config.rollout.group = 1;
        assert!(config.check().unwrap_err().to_string().contains("grpo"));
        let mut config = TrainConfig::default();
        config.objective.value_head = ValueHead::Shared;
        config.check().unwrap();
        config.objective.value_warmup_rounds = 1;
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains("value_warmup_rounds"), "{message}");
        config.objective.value_warmup_rounds = 0;
        config.objective.algorithm = Algorithm::Grpo;
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains("value_head"), "{message}");
        let mut config = TrainConfig::default();
        config.objective.max_sampler_gap = f64::NAN;
        assert!(
            config
                .check()
                .unwrap_err()
                .to_string()
                .contains("max_sampler_gap")
        );
        let mut config = TrainConfig::default();
        config.rollout.sampling.top_k = 5;
        assert!(config.check().unwrap_err().to_string().contains("top_k"));
        let mut config = TrainConfig::default();
        config.rollout.sampling.stop = vec!["\n\n".to_owned(), String::new()];
        assert!(config.check().unwrap_err().to_string().contains("stop"));
    }
}
