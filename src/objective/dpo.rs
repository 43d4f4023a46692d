//! DPO (Rafailov et al. 2023, arXiv 2305.18290): from pairs of answers of which one was preferred, without rewards and
//! without sampling. A pair's two rows are one unit.

use burn::tensor::{Tensor, activation::log_sigmoid};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "dpo",
    older: &[],
    about: "preferred against rejected answers of a data set of pairs (objective.data)",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        Ok(OnPairs::boxed(settings, PairLoss::Held(loss)))
    },
};

/// DPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference (0.1 is usual).
    pub beta: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { beta: 0.1 }
    }
}

/// `-Σ log σ(β (log π/ρ(preferred) - log π/ρ(rejected))) / pairs`, a row's log-probability the sum of its tokens'. Inputs
/// `[n]`, one entry an answer's token; of each unit the first row is preferred, the second rejected. `pairs` are all of the
/// update.
pub fn loss(
    new: Tensor<1>,
    reference: Tensor<1>,
    spans: &Spans,
    settings: Settings,
    pairs: usize,
) -> (Tensor<1>, Own) {
    let rewards = pairs::implicit(&new, reference, spans, settings.beta);
    let own = pairs::seen(&new, spans, &rewards, pairs);
    (log_sigmoid(rewards.apart()).sum().neg() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::told;
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    #[test]
    fn hand_worked() {
        // First pair: preferred 0.5 + 0.1, rejected -0.4: margin 0.5 · 1.0; second: 0.2 against 1.2: margin -0.5.
        let new = [-0.5, -0.9, -1.4, -0.8, -0.8, -1.0];
        let reference = [-1.0, -1.0, -1.0, -1.0, -1.0, -2.0];
        let spans = Spans::of_counts(&[2, 1, 1, 2], &[2, 2]);
        let at = row(&new).autodiff();
        let (found, own) = loss(at, row(&reference), &spans, Settings { beta: 0.5 }, 2);
        // -log σ(0.5) = 0.474077, -log σ(-0.5) = 0.974077.
        near(number(found.inner()), f64::midpoint(0.474_077, 0.974_077));
        assert_eq!(told(&own, "rewards/accuracies"), 0.5);
        near(told(&own, "rewards/margins"), 0.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let reference = [-1.0, -0.7, -1.3, -0.4, -0.6, -2.0];
        let spans = Spans::of_counts(&[2, 1, 1, 2], &[2, 2]);
        let loss = |x: Tensor<1>| loss(x, row(&reference), &spans, Settings { beta: 0.7 }, 2).0;
        let at = [-0.5, -0.9, -1.4, -0.8, -0.8, -1.0];
        differences(&at, loss, |x| number(loss(row(x).autodiff()).inner()));
    }

    /// Far apart, where σ would be 0 in single precision, the loss stays finite.
    #[test]
    fn a_pair_far_apart_has_a_finite_loss() {
        let spans = Spans::of_counts(&[1, 1], &[2]);
        let at = row(&[-500.0, -1.0]).autodiff();
        let (found, _) = loss(at, row(&[-1.0, -500.0]), &spans, Settings { beta: 0.1 }, 1);
        near(number(found.inner()) / 99.8, 1.0);
    }
}
