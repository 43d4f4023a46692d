//! The `[objective]` table of a run's TOML: which objective, and what several of them share. What one alone has is in
//! `[objective.settings]` and read by its own file.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::correction::Correction;
use super::second::SecondConfig;
use super::table::{self, Fault};
use crate::advantage::Normalisation;

/// The name of an objective, as a configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Algorithm(String);

impl Algorithm {
    /// The name, or the one that an older name stands for now.
    pub fn named(name: &str) -> Self {
        Self(table::current_name(name))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        Ok(Self::named(&String::deserialize(text)?))
    }
}

impl From<&str> for Algorithm {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

/// Where values are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueHead {
    /// From a network of its own, which starts as a copy of the policy (section 2.2). Its head starts at zero, where the
    /// paper's is drawn at random: the first advantages are the returns themselves.
    #[default]
    Separate,
    /// From the policy's last hidden states, by a head beside its own: half the passes and no second network, but both
    /// losses pull at one body. `[policy_optimizer]` moves both, `[value_optimizer]` is unused.
    Shared,
}

/// Which objective, and the bounds of its loss. Sections are the RLEF paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObjectiveConfig {
    /// The objective: `ppo` (as RLEF uses it), `grpo`, or another name of the table.
    pub algorithm: Algorithm,
    /// ε of the policy's clip (section 2.2: 0.2).
    pub clip: f64,
    /// α of the value's clip (section 2.2: 0.2).
    pub value_clip: f64,
    /// `separate`, as in the paper, or `shared`; only PPO has values. The preset `starter` takes `shared` for PPO, unless a key of the
    /// value network or of its optimizer is set: 2.4 points less over three seeds (-6.3 to 0.9), in less time.
    pub value_head: ValueHead,
    /// What the value's loss counts beside the policy's where the head is shared (0.1 in Huang et al. 2024, arXiv
    /// 2403.17031).
    pub value_coefficient: f64,
    /// Folder of a reward model, of answers or of steps, whose body a separate value network starts from, its head at zero (Stiennon et al. 2020, arXiv
    /// 2009.01325, section 3.4; Ouyang et al. 2022, arXiv 2203.02155, appendix C.4). It must have the policy's shape and
    /// tokenizer. Without one it starts from the policy's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<PathBuf>,
    /// Over what advantages are normalised, `batch` for all turns of a round or `off`; not stated in the paper.
    pub normalisation: Normalisation,
    /// Rounds at the start that train the value network alone; 0 in the paper, whose value network starts
    /// from an instructed model's features.
    pub value_warmup_rounds: usize,
    /// Largest mean difference between the sampler's and the trainer's log-probabilities of a round that is still learnt from;
    /// past it the run stops. The two compute the same policy, and an engine that computes with 16 bits is 0.01 to 0.03 off.
    /// No token counts as more than 1 apart: those that stand out are counted in the metrics (`sampler_outliers`) and left to
    /// the correction. `inf` for no bound.
    pub max_sampler_gap: f64,
    /// Largest KL a token between sampler and trainer, counted the same way. `inf` for no bound.
    pub max_sampler_kl: f64,
    /// JSON lines to learn from, for an objective that learns from a data set; see [`crate::examples`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// The correction for a sampler that is not the trainer; with PPO it takes the place of the paper's own. The other objectives
    /// have one where an engine samples, which cuts weights to 2 and leaves out episodes with a ratio below 1e-4, and else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Correction>,
    /// A second source, whose loss is added in every update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondConfig>,
    /// What the chosen objective alone has.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub settings: toml::Table,
}

impl ObjectiveConfig {
    /// The objective's name, to be shown: what a name decides is the objectives' own.
    pub fn name(&self) -> &str {
        self.algorithm.name()
    }
}

impl Default for ObjectiveConfig {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::named("ppo"),
            clip: 0.2,
            value_clip: 0.2,
            value_head: ValueHead::Separate,
            value_coefficient: 0.1,
            value_from: None,
            normalisation: Normalisation::Batch,
            value_warmup_rounds: 0,
            max_sampler_gap: 0.1,
            max_sampler_kl: 0.05,
            data: None,
            correction: None,
            second: None,
            settings: toml::Table::new(),
        }
    }
}

/// What an objective is built from.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The `[objective]` table.
    pub config: &'a ObjectiveConfig,
    /// Weight of the term that holds the policy near the reference: `reward.kl_beta`.
    pub kl_beta: f64,
    /// Tokens that the answers of one episode have at most.
    pub longest: usize,
}

impl Setup<'_> {
    /// The objective's own settings, each with its default where the file has none.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let read: Result<T, toml::de::Error> = self.config.settings.clone().try_into();
        read.map_err(|error| Fault {
            key: "objective.settings".to_owned(),
            found: error.message().to_owned(),
            expected: format!(
                "the settings of objective.algorithm = {:?}",
                self.config.algorithm.name()
            ),
        })
    }

    /// Refuses settings where the objective has none.
    pub fn no_settings(&self) -> Result<(), Fault> {
        match self.config.settings.keys().next() {
            None => Ok(()),
            Some(key) => Err(Fault {
                key: format!("objective.settings.{key}"),
                found: self.config.settings[key].to_string(),
                expected: format!(
                    "nothing with objective.algorithm = {:?}: it has no settings of its own",
                    self.config.algorithm.name()
                ),
            }),
        }
    }
}

/// An objective's own settings as a table.
pub(super) fn table(settings: &impl Serialize) -> toml::Table {
    toml::Table::try_from(settings).expect("settings are a table of plain values")
}
