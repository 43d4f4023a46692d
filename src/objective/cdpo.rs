//! cDPO (Mitchell 2023, "A note on DPO with noisy preferences"): DPO where a share of the labels is thought to be wrong.

use burn::tensor::{Tensor, activation::log_sigmoid};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "cdpo",
    older: &[],
    about: "DPO for labels of which some are wrong",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::smoothing(settings.label_smoothing)?;
        Ok(OnPairs::boxed(settings, PairLoss::Held(loss)))
    },
};

/// Conservative DPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference.
    pub beta: f64,
    /// ε, the share of pairs whose order is thought to be wrong.
    pub label_smoothing: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            label_smoothing: 0.1,
        }
    }
}

/// `-Σ ((1 - ε) log σ(m) + ε log σ(-m)) / pairs` with `m` as in DPO: β times how far the preferred answer has moved from the
/// reference beyond the rejected one. Inputs `[n]`, one entry an answer's token.
pub fn loss(
    new: Tensor<1>,
    reference: Tensor<1>,
    spans: &Spans,
    settings: Settings,
    pairs: usize,
) -> (Tensor<1>, Own) {
    let rewards = pairs::implicit(&new, reference, spans, settings.beta);
    let (margins, wrong) = (rewards.apart(), settings.label_smoothing);
    let each = log_sigmoid(margins.clone()) * (1.0 - wrong) + log_sigmoid(-margins) * wrong;
    let own = pairs::seen(&new, spans, &rewards, pairs);
    (each.sum().neg() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, REFERENCE, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    const SETTINGS: Settings = Settings {
        beta: 0.5,
        label_smoothing: 0.2,
    };

    #[test]
    fn hand_worked() {
        // Margins 0.5 · 0.8 and 0.5 · -0.9; -log σ(±0.4) = 0.513015, 0.913015 and -log σ(±0.45) = 0.493240, 0.943240.
        let at = row(&NEW).autodiff();
        let (found, own) = loss(at, row(&REFERENCE), &two_pairs(), SETTINGS, 2);
        let first = 0.8 * 0.513_015_25 + 0.2 * 0.913_015_25;
        let second = 0.8 * 0.943_248_64 + 0.2 * 0.493_248_64;
        near(number(found.inner()), f64::midpoint(first, second));
        near(told(&own, "rewards/margins"), f64::midpoint(0.4, -0.45));
    }

    /// Without wrong labels it is DPO.
    #[test]
    fn labels_that_are_all_right_make_it_dpo() {
        let settings = Settings {
            beta: 0.3,
            label_smoothing: 0.0,
        };
        let (ours, _) = loss(row(&NEW), row(&REFERENCE), &two_pairs(), settings, 2);
        let (plain, _) = super::super::dpo::loss(
            row(&NEW),
            row(&REFERENCE),
            &two_pairs(),
            super::super::dpo::Settings { beta: 0.3 },
            2,
        );
        near(number(ours), number(plain));
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| loss(x, row(&REFERENCE), &spans, SETTINGS, 2).0;
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
