//! CRPG, the calibrated-regularized policy gradient of CGPO (Xu et al. 2024, arXiv 2409.20370, section 4.1, equations 4 to 6): an
//! answer is worth its calibrated reward where it meets all constraints and nothing where it violates one; the more it is likelier
//! than under the reference, the less, and nothing from the bound on.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::constrained::{self, Told};
use super::stats::{Clip, PpoStats, Tokens};
use super::{
    Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Old, Scored, Setup,
    Stored, pairs,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "crpg",
    older: &[],
    about: "CGPO: REINFORCE on calibrated rewards of answers that meet all constraints, less the nearer they come to a KL bound",
    keys: &["objective.correction"],
    build: |setup| Ok(Box::new(Crpg::new(setup)?)),
};

/// CRPG's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `KL_max`: nats by which an answer may be likelier than under the reference before it is worth nothing. The paper names no
    /// number: loose for mathematics and code, strict for chat.
    pub kl_max: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { kl_max: 10.0 }
    }
}

/// CRPG with the settings of a run.
#[derive(Debug)]
pub struct Crpg {
    settings: Settings,
    correction: Option<Correction>,
    told: Told,
}

impl Crpg {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        pairs::positive("kl_max", settings.kl_max)?;
        Ok(Self {
            settings,
            correction: setup.config.correction,
            told: Told::default(),
        })
    }
}

/// `R̃ = max(1 - KL / KL_max, 0) · R_calib` where the answer is feasible, else 0.
fn regularized(calibrated: f64, feasible: bool, kl: f64, kl_max: f64) -> f64 {
    if feasible {
        (1.0 - kl / kl_max).max(0.0) * calibrated
    } else {
        0.0
    }
}

impl Objective for Crpg {
    fn needs(&self) -> Needs {
        Needs {
            reference: true,
            old: Old::ForCredit,
            stored: Stored::Compared,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.settings)
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let kls = constrained::log_ratios(scored);
        let kl_max = self.settings.kl_max;
        let candidates = scored.candidates().zip(&kls);
        let rewards: Vec<f64> = candidates
            .map(|(candidate, &kl)| {
                regularized(candidate.calibrated(), candidate.is_feasible(), kl, kl_max)
            })
            .collect();
        let count = rewards.len().max(1) as f64;
        let mean = rewards.iter().sum::<f64>() / count;
        let over = kls.iter().filter(|&&kl| kl >= kl_max).count();
        self.told.set(vec![
            ("crpg/reward", mean),
            ("answer_kl", kls.iter().sum::<f64>() / count),
            ("over_kl_max", over as f64 / count),
        ]);
        let actions = scored.batch.actions.iter();
        let advantages = actions.map(|action| (rewards[action.row] - mean) as f32);
        Credit {
            advantages: advantages.collect(),
            returns: Vec::new(),
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, mut own) = Tokens::corrected(inputs, self.correction);
        own.extend(self.told.share(inputs));
        let seen = PpoStats::of(&tokens.plain_log_ratio(), Clip::from(f64::INFINITY));
        Loss::new(policy_loss(&tokens, inputs.totals.rows), seen).with(own)
    }
}

/// `-Σ A log π / rows`, an answer's log-probability the sum of its tokens'. Its gradient is CRPG's, `-mean A ∇ log π` (equation 6),
/// as long as the policy is the one that sampled: later updates of a round are off it. Inputs `[n]`, one entry a sampled token;
/// `rows` are all of the update.
pub fn policy_loss(tokens: &Tokens, rows: usize) -> Tensor<1> {
    let each = tokens.new.clone() * tokens.advantages.clone();
    tokens.weighted(each).sum().neg() / rows as f64
}

#[cfg(test)]
mod tests {
    use super::super::constrained::tests::scored_constrained;
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::super::{ObjectiveConfig, Setup};
    use super::*;

    fn built(settings: toml::Table) -> Result<Crpg, Fault> {
        let config = ObjectiveConfig {
            algorithm: "crpg".into(),
            settings,
            ..ObjectiveConfig::default()
        };
        Crpg::new(&Setup {
            config: &config,
            kl_beta: 0.05,
            longest: 10,
        })
    }

    #[test]
    fn hand_worked_rewards() {
        // σ(1 - 1) of one half of the bound; of nothing, where a constraint is violated or the bound is passed.
        near(regularized(0.5, true, 2.0, 4.0), 0.25);
        assert_eq!(regularized(0.9, false, 0.0, 4.0), 0.0);
        assert_eq!(regularized(0.9, true, 4.0, 4.0), 0.0);
        // An answer that is less likely than under the reference is worth more, as equation 5 has it.
        near(regularized(0.5, true, -2.0, 4.0), 0.75);
    }

    #[test]
    fn hand_worked_advantages() {
        // Worth 1 and -1 beside stored answers worth 0: σ(1) and σ(-1); the third violates a constraint. KL of 3 tokens each.
        let objective = built("kl_max = 6.0".parse().unwrap()).unwrap();
        let kls = [0.1, 0.4, -0.2];
        scored_constrained(&kls, |scored| {
            let found = objective.credit(scored).advantages;
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            let worth = [
                (1.0 - 0.3 / 6.0) * sigmoid(1.0),
                (1.0 - 1.2 / 6.0) * sigmoid(-1.0),
                0.0,
            ];
            let mean = worth.iter().sum::<f64>() / 3.0;
            for (action, found) in scored.batch.actions.iter().zip(&found) {
                near(f64::from(*found), worth[action.row] - mean);
            }
        });
        for bad in ["kl_max = 0.0", "kl_max = nan", "kl_max = inf"] {
            let fault = built(bad.parse().unwrap()).unwrap_err();
            assert_eq!(fault.key, "objective.settings.kl_max");
        }
    }

    #[test]
    fn hand_worked_loss_and_its_gradient() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.5, 0.5, -0.25]);
        let loss = |x: Tensor<1>| policy_loss(&tokens(x, &old, &advantages), 2);
        // (-0.9 - 0.8) · 0.5 and -1.2 · -0.25.
        near(number(loss(row(&[-0.9, -0.8, -1.2]))), -(-0.85 + 0.3) / 2.0);
        differences(&[-0.9, -0.8, -1.2], loss, |x| number(loss(row(x))));
    }
}
