//! Dr. GRPO (Liu et al. 2025, arXiv 2503.20783): GRPO without its two biases. An advantage is not divided by its group's
//! deviation, and a token's part not by the length of its answer but by one constant, so that a long wrong answer costs as
//! much a token as a short one. No reference.

use burn::tensor::Tensor;

use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored,
    Setup, Share, Unasked,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "dr_grpo",
    older: &[],
    about: "GRPO without dividing by a group's deviation or an answer's length",
    keys: &["objective.clip", "objective.correction"],
    build: |setup| Ok(Box::new(DrGrpo::new(setup)?)),
};

/// Dr. GRPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct DrGrpo {
    clip: f64,
    /// Tokens that an episode's answers have at most.
    longest: usize,
    correction: Option<Correction>,
}

impl DrGrpo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        Ok(Self {
            clip: setup.config.clip,
            longest: setup.longest,
            correction: setup.config.correction,
        })
    }
}

impl Objective for DrGrpo {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        Credit {
            advantages: stats::against_group(scored, centred),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let constant = inputs.totals.rows as f64 * self.longest as f64;
        let (loss, seen) = policy_loss(tokens, self.clip, constant);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Ok(Asked {
            loss: AskedLoss::Ppo(self.clip.into()),
            share: Share::Constant(self.longest as f64),
        })
    }

    fn correction(&self) -> Option<Correction> {
        self.correction
    }
}

/// `r - mean` within one group.
pub fn centred(rewards: &[f64]) -> Vec<f64> {
    let mean = rewards.iter().sum::<f64>() / rewards.len().max(1) as f64;
    rewards.iter().map(|reward| reward - mean).collect()
}

/// `-Σ min(r A, clip(r, 1 - ε, 1 + ε) A) / constant` with `r = π/π_old`, all inputs `[n]`, one entry a sampled token.
pub fn policy_loss(tokens: Tokens, clip: f64, constant: f64) -> (Tensor<1>, PpoStats) {
    let seen = PpoStats::of(&tokens.plain_log_ratio(), clip.into());
    let each = Clip::from(clip).surrogate(tokens.ratio(), tokens.advantages.clone());
    (tokens.weighted(each).sum().neg() / constant, seen)
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    #[test]
    fn hand_worked_advantages() {
        assert_eq!(centred(&[1.0, -1.0, 0.0, 1.0]), [0.75, -1.25, -0.25, 0.75]);
        assert_eq!(centred(&[0.5]), [0.0]);
        assert!(centred(&[]).is_empty());
    }

    #[test]
    fn hand_worked_loss() {
        // Ratios e^0.5 cut to 1.2 and e^0.5 whole, one of 1; divided by 2 episodes of 10 tokens at most.
        let at = tokens(row(&[-0.5, -0.5, -1.0]), &[-1.0; 3], &[1.0, -1.0, -1.0]);
        let (loss, seen) = policy_loss(at, 0.2, 20.0);
        near(number(loss), -(1.2 - 1.648_721 - 1.0) / 20.0);
        assert_eq!(seen.clipped, 2.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.7, -1.2, 0.4]);
        let loss = |x: Tensor<1>| policy_loss(tokens(x, &old, &advantages), 0.2, 5.0).0;
        differences(&[-0.95, -0.8, -1.4], loss, |x| number(loss(row(x))));
    }
}
