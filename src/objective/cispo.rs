//! CISPO (MiniMax 2025, arXiv 2506.13585; the cap of ScaleRL, arXiv 2510.13786): the ratio is a weight that is cut from
//! above and carries no gradient, so that no token is ever dropped from the gradient. Advantages as in GRPO, a mean over all
//! tokens of the update, no reference.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored,
    Setup, Share, Unasked,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "cispo",
    older: &[],
    about: "a cut ratio as a weight of the log-probability, so that no token is dropped",
    keys: &["objective.correction"],
    build: |setup| Ok(Box::new(Cispo::new(setup)?)),
};

/// CISPO's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How far a ratio may rise above 1.
    pub clip_high: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clip_high: 5.0 }
    }
}

/// CISPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Cispo {
    clip: Clip,
    correction: Option<Correction>,
}

impl Cispo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        Ok(Self {
            // Nothing is cut from below: no ratio is below 0.
            clip: Clip::new(1.0, settings.clip_high)?,
            correction: setup.config.correction,
        })
    }
}

impl Objective for Cispo {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&Settings {
            clip_high: self.clip.high,
        })
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        Credit {
            advantages: stats::against_group(scored, stats::standardised),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = policy_loss(tokens, self.clip, inputs.totals.tokens);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Ok(Asked {
            loss: AskedLoss::Cispo(self.clip),
            share: Share::Tokens,
        })
    }

    fn correction(&self) -> Option<Correction> {
        self.correction
    }
}

/// `-Σ sg(min(r, 1 + high)) A log π / tokens` with `r = π/π_old`, all inputs `[n]`, one entry a sampled token; `count` are
/// all tokens of the update.
pub fn policy_loss(tokens: Tokens, clip: Clip, count: usize) -> (Tensor<1>, PpoStats) {
    let log_ratio = tokens.plain_log_ratio();
    let seen = PpoStats::of(&log_ratio, clip);
    let weight = log_ratio.exp().clamp_max(1.0 + clip.high);
    let each = tokens.new.clone() * (weight * tokens.advantages.clone());
    (tokens.weighted(each).sum().neg() / count as f64, seen)
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    const CLIP: Clip = Clip {
        low: 1.0,
        high: 0.5,
    };

    #[test]
    fn hand_worked_loss() {
        // Ratio e^0.5 = 1.6487 cut to 1.5, ratio e^-0.5 = 0.6065 whole.
        let at = tokens(row(&[-0.5, -1.5]), &[-1.0; 2], &[1.0, -2.0]);
        let (loss, seen) = policy_loss(at, CLIP, 2);
        near(number(loss), -(1.5 * -0.5 + 0.606_531 * -2.0 * -1.5) / 2.0);
        assert_eq!(seen.clipped, 1.0);
    }

    /// The weight is a constant of the gradient: it is held while differencing. The gradient of a cut token stays.
    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.7, -1.2, 0.4]);
        let at = [-0.3, -0.8, -1.4];
        let held: Vec<f64> = at
            .iter()
            .zip(old)
            .map(|(x, old): (&f32, f32)| f64::from(x - old).exp().min(1.5))
            .collect();
        differences(
            &at,
            |x| policy_loss(tokens(x, &old, &advantages), CLIP, 3).0,
            |x| {
                let each = (0..3).map(|i| held[i] * f64::from(advantages[i]) * f64::from(x[i]));
                -each.sum::<f64>() / 3.0
            },
        );
    }
}
