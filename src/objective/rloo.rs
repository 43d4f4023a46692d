//! RLOO (Ahmadian et al. 2024, arXiv 2402.14740): REINFORCE on whole answers, with the mean of the others of the group as the
//! baseline and the reference in the reward. The ratio to the old policy is of a whole episode and clipped, as in TRL, since a
//! round takes more than one update.

use burn::tensor::Tensor;

use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored, Setup,
    Unasked,
};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "rloo",
    older: &[],
    about: "REINFORCE on whole episodes against the mean of the others, the reference in the reward",
    keys: &["objective.clip", "objective.correction", "reward.kl_beta"],
    build: |setup| Ok(Box::new(Rloo::new(setup)?)),
};

/// RLOO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Rloo {
    clip: f64,
    kl_beta: f64,
    correction: Option<Correction>,
}

impl Rloo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        Ok(Self {
            clip: setup.config.clip,
            kl_beta: setup.kl_beta,
            correction: setup.config.correction,
        })
    }
}

impl Objective for Rloo {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            ..stats::needs_held(self.kl_beta)
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let mut held = vec![0.0; scored.batch.rows.len()];
        let of_tokens = stats::held(scored, self.kl_beta);
        for (action, token) in scored.batch.actions.iter().zip(of_tokens) {
            held[action.row] += token;
        }
        Credit {
            advantages: stats::against_group_less(scored, &held, leave_one_out),
            ..Credit::default()
        }
    }

    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        stats::kl_terms(scored, self.kl_beta)
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = policy_loss(tokens, inputs.spans(), self.clip, inputs.totals.rows);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Err("its ratio is of whole episodes, and such a server has one of each token")
    }
}

/// `r - mean of the others'` within one group; zero for one alone.
pub fn leave_one_out(rewards: &[f64]) -> Vec<f64> {
    let sum: f64 = rewards.iter().sum();
    let others = rewards.len().saturating_sub(1);
    let relative = |reward: &f64| match others {
        0 => 0.0,
        others => reward - (sum - reward) / others as f64,
    };
    rewards.iter().map(relative).collect()
}

/// `-Σ min(r A, clip(r, 1 - ε, 1 + ε) A) / rows` with `r = π/π_old` of a row's tokens together; at `r = 1` its gradient is
/// REINFORCE's, `-A ∇ log π`. Inputs `[n]`, one entry a sampled token; a row's advantages are all the same. `rows` are all of
/// the update.
pub fn policy_loss(tokens: Tokens, spans: &Spans, clip: f64, rows: usize) -> (Tensor<1>, PpoStats) {
    let of_rows = spans.sums(tokens.new.clone() - tokens.old.clone());
    let mut seen = PpoStats::of(&tokens.plain_log_ratio(), clip.into());
    // What is clipped is a row, with all its tokens.
    seen.clipped = PpoStats::of(&spans.to_actions(of_rows.clone().inner()), clip.into()).clipped;
    let advantages = spans.firsts(tokens.advantages.clone());
    let each = Clip::from(clip).surrogate(of_rows.exp(), advantages);
    (
        tokens.weighted_rows(each, spans).sum().neg() / rows as f64,
        seen,
    )
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    #[test]
    fn hand_worked_advantages() {
        // 1 - (−1 + 0.5) / 2, −1 − 1.5 / 2, 0.5 − 0.
        assert_eq!(leave_one_out(&[1.0, -1.0, 0.5]), [1.25, -1.75, 0.5]);
        assert_eq!(leave_one_out(&[0.7]), [0.0]);
        assert!(leave_one_out(&[]).is_empty());
    }

    #[test]
    fn hand_worked_loss() {
        // First row: log-ratio 0.1 + 0.05 = 0.15, ratio 1.1618; second: 0.5, ratio 1.6487, cut to 1.2.
        let at = tokens(row(&[-0.9, -0.95, -0.5]), &[-1.0; 3], &[-1.0, -1.0, 2.0]);
        let spans = Spans::of_counts(&[2, 1], &[1, 1]);
        let (loss, seen) = policy_loss(at, &spans, 0.2, 2);
        near(number(loss), -(-1.161_834 + 2.4) / 2.0);
        assert_eq!(seen.clipped, 1.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3, -0.4], [0.7, 0.7, -1.2, -1.2]);
        let spans = Spans::of_counts(&[2, 2], &[1, 1]);
        let loss = |x: Tensor<1>| policy_loss(tokens(x, &old, &advantages), &spans, 0.2, 2).0;
        differences(&[-0.95, -0.8, -1.2, -0.45], loss, |x| number(loss(row(x))));
    }
}
