//! APA (Zhu et al. 2023, "Fine-Tuning Language Models with Advantage-Induced Policy Alignment", arXiv 2306.02231): the policy
//! that is best under a KL term is `ρ exp(A/λ)` but for a factor near 1, and a squared error moves the log-probability of each
//! token there. No ratio and no clip.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::{self, Clip, PpoStats};
use super::{
    Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored, Setup, Values, pairs,
};
use crate::advantage::{self, Normalisation};
use crate::batch::ValuesAt;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "apa",
    older: &[],
    about: "a squared error between log-probabilities and those of the reference plus advantage over lambda",
    keys: &[
        "objective.value_clip",
        "objective.value_coefficient",
        "objective.value_from",
        "objective.normalisation",
    ],
    build: |setup| Ok(Box::new(Apa::new(setup)?)),
};

/// From whose log-probability the advantage moves away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// The frozen reference's, as in the paper.
    #[default]
    Reference,
    /// The policy's from before the round.
    Old,
}

/// APA's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// λ: an advantage of 1 is to raise a token's log-probability by `1/λ`. The default fits advantages of deviation 1.
    pub lambda: f64,
    /// Whose log-probability it is raised above.
    pub anchor: Anchor,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lambda: 2.0,
            anchor: Anchor::Reference,
        }
    }
}

/// APA with the settings of a run.
#[derive(Clone, Debug)]
pub struct Apa {
    settings: Settings,
    normalisation: Normalisation,
    values: Values,
}

impl Apa {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let (settings, config): (Settings, _) = (setup.settings()?, setup.config);
        pairs::positive("lambda", settings.lambda)?;
        Ok(Self {
            settings,
            normalisation: config.normalisation,
            values: Values {
                head: config.value_head,
                at: ValuesAt::Turns,
                clip: config.value_clip,
                coefficient: config.value_coefficient,
                warmup_rounds: config.value_warmup_rounds,
            },
        })
    }
}

impl Objective for Apa {
    fn needs(&self) -> Needs {
        Needs {
            reference: self.settings.anchor == Anchor::Reference,
            values: Some(self.values),
            // Values that share the policy's body are read with its log-probabilities.
            old: super::Old::ForCredit,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.settings)
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let returns = stats::returns(scored, |plain, _| plain);
        let values: Vec<f64> = scored.values().iter().map(|&v| f64::from(v)).collect();
        let by_turn = advantage::advantages(&returns, &values, self.normalisation);
        let by_turn: Vec<f32> = by_turn.into_iter().map(|turn| turn as f32).collect();
        Credit {
            advantages: scored.batch.by_action(&by_turn),
            returns,
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let anchor = match self.settings.anchor {
            Anchor::Reference => inputs.reference(),
            Anchor::Old => inputs.old(),
        };
        let moved = inputs.new.clone().inner() - inputs.old();
        let unclipped = Clip::from(f64::INFINITY);
        let (new, advantages) = (inputs.new.clone(), inputs.advantages());
        let tokens = inputs.totals.tokens;
        let value = loss(new, anchor, advantages, self.settings.lambda, tokens);
        Loss::new(value, PpoStats::of(&moved, unclipped))
    }
}

/// `Σ (log π - log ρ - A/λ)² / tokens`. Inputs `[n]`, one entry a sampled token; `tokens` are all of the update.
pub fn loss(
    new: Tensor<1>,
    anchor: Tensor<1>,
    advantages: Tensor<1>,
    lambda: f64,
    tokens: usize,
) -> Tensor<1> {
    let away = new - anchor - advantages / lambda;
    away.clone().mul(away).sum() / tokens as f64
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    #[test]
    fn hand_worked_and_differentiated() {
        // 0.5 - 1.0/2 = 0; -0.25 + 0.5/2 = 0; 0.2 - (-2.0)/2 = 1.2.
        let (new, anchor) = ([-0.5, -1.25, -0.8], [-1.0, -1.0, -1.0]);
        let advantages = [1.0, -0.5, -2.0];
        let loss = |x: Tensor<1>| loss(x, row(&anchor), row(&advantages), 2.0, 3);
        near(number(loss(row(&new))), 1.44 / 3.0);
        differences(&new, loss, |x| number(loss(row(x))));
    }
}
