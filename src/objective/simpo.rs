//! SimPO (Meng et al. 2024, arXiv 2405.14734): the mean log-probability of a token as the reward, a margin between the two, and no
//! reference.

use burn::tensor::{Tensor, activation::log_sigmoid};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss, Pairs};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "simpo",
    older: &[],
    about: "pairs by the mean log-probability of a token, with a margin and without a reference",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::not_negative("gamma", settings.gamma)?;
        pairs::smoothing(settings.label_smoothing)?;
        Ok(OnPairs::boxed(settings, PairLoss::Free(loss)))
    },
};

/// SimPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, the scale of the rewards (the paper takes 2 to 10).
    pub beta: f64,
    /// γ, by how much the preferred answer's reward is to be higher (the paper takes 0.3 to 1.6).
    pub gamma: f64,
    /// ε, the share of pairs whose order is thought to be wrong, as in TRL.
    pub label_smoothing: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 2.0,
            gamma: 0.5,
            label_smoothing: 0.0,
        }
    }
}

/// `-Σ ((1 - ε) log σ(m) + ε log σ(-m)) / pairs` with `m = β (mean log π(preferred) - mean log π(rejected)) - γ`. `new` is `[n]`,
/// one entry an answer's token.
pub fn loss(new: Tensor<1>, spans: &Spans, settings: Settings, pairs: usize) -> (Tensor<1>, Own) {
    let rewards = Pairs::of(spans, spans.means(new.clone())).times(settings.beta);
    let (margins, wrong) = (rewards.apart() - settings.gamma, settings.label_smoothing);
    let each = log_sigmoid(margins.clone()) * (1.0 - wrong) + log_sigmoid(-margins) * wrong;
    let own = pairs::seen(&new, spans, &rewards, pairs);
    (each.sum().neg() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    const SETTINGS: Settings = Settings {
        beta: 2.0,
        gamma: 0.3,
        label_smoothing: 0.0,
    };

    #[test]
    fn hand_worked() {
        // Means -0.7 against -1.1 and -0.8 against -1.1: 2 · 0.4 - 0.3 = 0.5 and 2 · 0.3 - 0.3 = 0.3.
        let (found, own) = loss(row(&NEW).autodiff(), &two_pairs(), SETTINGS, 2);
        near(
            number(found.inner()),
            f64::midpoint(0.474_076_98, 0.554_355_24),
        );
        near(told(&own, "rewards/chosen"), f64::midpoint(-1.4, -1.6));
        assert_eq!(told(&own, "rewards/accuracies"), 1.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let spans = two_pairs();
        for label_smoothing in [0.0, 0.2] {
            let settings = Settings {
                label_smoothing,
                ..SETTINGS
            };
            let loss = |x: Tensor<1>| loss(x, &spans, settings, 2).0;
            differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
        }
    }
}
