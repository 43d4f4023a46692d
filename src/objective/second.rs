//! A second source of learning beside the first: texts or answers whose loss is added to every update, so that a policy
//! doesn't lose what it could before (the pretraining loss of Ouyang et al. 2022, arXiv 2203.02155, section 3.5). Any
//! objective takes one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    Asked, Correction, Credit, Fault, Loss, LossInputs, Material, Needs, Objective, Scored,
    Unasked, Unit, sft::Sft,
};

/// The settings of a second source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondConfig {
    /// JSON lines of texts or answers, as [`crate::examples`] reads them.
    pub data: PathBuf,
    /// What their loss, a mean over tokens, counts beside the objective's own. PPO-ptx's γ is 27.8 (Ouyang et al. 2022, appendix
    /// C.4), beside a policy's loss that is a mean over tokens, too.
    pub weight: f64,
    /// Examples drawn for every update.
    #[serde(default = "examples")]
    pub examples: usize,
}

const fn examples() -> usize {
    8
}

/// A second objective with its own data.
pub struct Second {
    /// What it learns.
    pub objective: Box<dyn Objective>,
    /// Where its data are, and how much it counts.
    pub config: SecondConfig,
}

/// An objective with a second source.
pub(super) struct WithSecond {
    first: Box<dyn Objective>,
    second: Second,
}

impl WithSecond {
    pub(super) fn new(first: Box<dyn Objective>, config: SecondConfig) -> Result<Self, Fault> {
        let fault = |key: &str, found: String, expected: &str| Fault {
            key: format!("objective.second.{key}"),
            found,
            expected: expected.to_owned(),
        };
        if !(config.weight > 0.0 && config.weight.is_finite()) {
            let found = config.weight.to_string();
            return Err(fault("weight", found, "a finite number above 0"));
        }
        if config.examples == 0 || config.examples > 1 << 20 {
            let found = config.examples.to_string();
            return Err(fault("examples", found, "at least 1, at most 1048576"));
        }
        let second = Second {
            objective: Box::new(Sft),
            config,
        };
        Ok(Self { first, second })
    }
}

impl Objective for WithSecond {
    fn needs(&self) -> Needs {
        self.first.needs()
    }

    fn settings(&self) -> toml::Table {
        self.first.settings()
    }

    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        self.first.select(material)
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        self.first.credit(scored)
    }

    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        self.first.terms(scored)
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        self.first.loss(inputs)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Err("a second source is learnt beside it (objective.second), in one step with it")
    }

    fn correction(&self) -> Option<Correction> {
        self.first.correction()
    }

    fn state(&self) -> Option<serde_json::Value> {
        self.first.state()
    }

    fn restore(&self, state: serde_json::Value) -> Result<(), String> {
        self.first.restore(state)
    }

    fn second(&self) -> Option<&Second> {
        Some(&self.second)
    }
}
