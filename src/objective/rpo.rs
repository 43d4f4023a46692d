//! RPO (Pang et al. 2024, "Iterative Reasoning Preference Optimization", arXiv 2404.19733): DPO with the preferred answer's own
//! loss beside it, so that its probability does not fall with the rejected one's.

use burn::tensor::{Tensor, activation::log_sigmoid};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss, Pairs};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "rpo",
    older: &[],
    about: "DPO with the loss of the preferred answer beside it",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::positive("alpha", settings.alpha)?;
        Ok(OnPairs::boxed(settings, PairLoss::Held(loss)))
    },
};

/// RPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference.
    pub beta: f64,
    /// α, what the preferred answer's loss a token counts (the paper takes 1; TRL calls it rpo_alpha).
    pub alpha: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            alpha: 1.0,
        }
    }
}

/// `Σ (-log σ(m) - α mean log π(preferred)) / pairs` with `m` as in DPO. Inputs `[n]`, one entry an answer's token.
pub fn loss(
    new: Tensor<1>,
    reference: Tensor<1>,
    spans: &Spans,
    settings: Settings,
    pairs: usize,
) -> (Tensor<1>, Own) {
    let rewards = pairs::implicit(&new, reference, spans, settings.beta);
    let said = Pairs::of(spans, spans.means(new.clone())).chosen;
    let each = log_sigmoid(rewards.apart()) + said.clone() * settings.alpha;
    let mut own = pairs::seen(&new, spans, &rewards, pairs);
    let nll = said.inner().sum().neg().into_scalar::<f32>();
    own.push(("nll_loss", f64::from(nll) / pairs as f64));
    (each.sum().neg() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, REFERENCE, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    const SETTINGS: Settings = Settings {
        beta: 0.5,
        alpha: 0.3,
    };

    #[test]
    fn hand_worked() {
        let (found, own) = loss(
            row(&NEW).autodiff(),
            row(&REFERENCE),
            &two_pairs(),
            SETTINGS,
            2,
        );
        // DPO's -log σ(0.4) and -log σ(-0.45), and means of -0.7 and -0.8.
        let (first, second) = (0.513_015_25 + 0.3 * 0.7, 0.943_248_64 + 0.3 * 0.8);
        near(number(found.inner()), f64::midpoint(first, second));
        near(told(&own, "nll_loss"), 0.75);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| loss(x, row(&REFERENCE), &spans, SETTINGS, 2).0;
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
