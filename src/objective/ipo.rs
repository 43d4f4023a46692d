//! IPO (Azar et al. 2023, arXiv 2310.12036): a squared error in place of DPO's logistic loss, so that a pair that is already apart
//! is not driven further.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss, Pairs};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "ipo",
    older: &[],
    about: "a squared error in place of DPO's logistic loss: pairs are moved so far apart, and no further",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        Ok(OnPairs::boxed(settings, PairLoss::Held(loss)))
    },
};

/// IPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How strongly the policy is held near the reference: pairs are moved `1 / (2 β)` apart (the paper's τ).
    pub beta: f64,
    /// Whether a row counts by the mean of its tokens, as in TRL, and not by their sum, as in the paper: answers of different
    /// lengths then weigh alike.
    pub per_token: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            per_token: true,
        }
    }
}

/// `Σ (h - 1/(2β))² / pairs`, where `h` is how far the preferred answer's log-ratio to the reference is above the rejected one's.
/// Inputs `[n]`, one entry an answer's token.
pub fn loss(
    new: Tensor<1>,
    reference: Tensor<1>,
    spans: &Spans,
    settings: Settings,
    pairs: usize,
) -> (Tensor<1>, Own) {
    let ratios = new.clone() - reference;
    let of_rows = if settings.per_token {
        spans.means(ratios)
    } else {
        spans.sums(ratios)
    };
    let ratios = Pairs::of(spans, of_rows);
    let away = ratios.apart() - 1.0 / (2.0 * settings.beta);
    let own = pairs::seen(&new, spans, &ratios.times(settings.beta), pairs);
    (away.clone().mul(away).sum() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, REFERENCE, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    fn settings(per_token: bool) -> Settings {
        Settings {
            beta: 0.25,
            per_token,
        }
    }

    #[test]
    fn hand_worked() {
        let found = |per_token| {
            let at = row(&NEW).autodiff();
            loss(at, row(&REFERENCE), &two_pairs(), settings(per_token), 2)
        };
        // 1/(2β) = 2. Sums are 0.8 and -0.9 apart; means 0.15 + 0.25 and -0.2 - 0.35.
        let (sums, own) = found(false);
        near(number(sums.inner()), f64::midpoint(1.2 * 1.2, 2.9 * 2.9));
        near(
            told(&own, "rewards/margins"),
            0.25 * f64::midpoint(0.8, -0.9),
        );
        let (means, _) = found(true);
        near(number(means.inner()), f64::midpoint(1.6 * 1.6, 2.55 * 2.55));
    }

    #[test]
    fn the_gradient_of_means_agrees_with_finite_differences() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| loss(x, row(&REFERENCE), &spans, settings(true), 2).0;
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }

    #[test]
    fn the_gradient_of_sums_agrees_with_finite_differences() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| loss(x, row(&REFERENCE), &spans, settings(false), 2).0;
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
