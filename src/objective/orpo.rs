//! ORPO (Hong et al. 2024, arXiv 2403.07691): supervised fine-tuning on the preferred answer and, beside it, the odds of the two.
//! One model, no reference.

use burn::tensor::{Tensor, activation::log_sigmoid};
use serde::{Deserialize, Serialize};

use super::Entry;
use super::pairs::{self, OnPairs, Own, PairLoss, Pairs};
use crate::learner::Spans;

/// The mean log-probability above which odds are taken as if it were this.
const CERTAIN: f64 = -1e-7;

/// `log(P / (1 - P))` of `log P`; by `1 - eˣ = (1 + eˣ) tanh(-x/2)`, so that nothing is lost where P is near 1.
fn log_odds(log_p: Tensor<1>) -> Tensor<1> {
    let x = log_p.clamp_max(CERTAIN);
    let rest = (x.clone().exp() + 1.0).log() + (x.clone() * -0.5).tanh().log();
    x - rest
}

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "orpo",
    older: &[],
    about: "supervised fine-tuning on preferred answers with a term of odds against the rejected ones",
    keys: &["objective.data"],
    build: |setup| {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        Ok(OnPairs::boxed(settings, PairLoss::Free(loss)))
    },
};

/// ORPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// λ, what the odds count beside the preferred answer's loss (TRL calls it beta).
    pub beta: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { beta: 0.1 }
    }
}

/// `Σ (-mean log π(preferred) - λ log σ(log odds(preferred) - log odds(rejected))) / pairs`, with `odds = P / (1 - P)` and `log P`
/// the mean log-probability of an answer's token, as in the paper's equations 3 to 7. `new` is `[n]`, one entry an answer's token.
pub fn loss(new: Tensor<1>, spans: &Spans, settings: Settings, pairs: usize) -> (Tensor<1>, Own) {
    let means = Pairs::of(spans, spans.means(new.clone()));
    let odds = Pairs {
        chosen: log_odds(means.chosen.clone()),
        rejected: log_odds(means.rejected.clone()),
    };
    let margins = odds.apart();
    let each = means.chosen.clone() + log_sigmoid(margins.clone()) * settings.beta;
    let mut own = pairs::seen(&new, spans, &means.times(settings.beta), pairs);
    let mean = |tensor: Tensor<1>| {
        let sum = tensor.inner().sum().into_scalar::<f32>();
        f64::from(sum) / pairs as f64
    };
    own.push(("nll_loss", -mean(means.chosen)));
    own.push(("log_odds_chosen", mean(margins.clone())));
    own.push(("log_odds_ratio", mean(log_sigmoid(margins))));
    (each.sum().neg() / pairs as f64, own)
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    const SETTINGS: Settings = Settings { beta: 0.4 };

    #[test]
    fn hand_worked() {
        // P is e^-0.7 = 0.496585 and e^-1.1 = 0.332871; e^-0.8 = 0.449329 and the same again. The logarithms of the odds are
        // -0.013659, -0.695228, -0.203382 and -0.695228, so that the margins are 0.681569 and 0.491846.
        let (found, own) = loss(row(&NEW).autodiff(), &two_pairs(), SETTINGS, 2);
        let minus_log_sigmoid = |x: f64| (1.0 + (-x).exp()).ln();
        let (first, second) = (0.681_569_0, 0.491_845_7);
        near(told(&own, "log_odds_chosen"), f64::midpoint(first, second));
        near(
            number(found.inner()),
            f64::midpoint(
                0.7 + 0.4 * minus_log_sigmoid(first),
                0.8 + 0.4 * minus_log_sigmoid(second),
            ),
        );
        near(told(&own, "nll_loss"), 0.75);
    }

    /// Where an answer is all but certain, `1 - P` is lost in single precision; its logarithm is not.
    #[test]
    fn odds_of_what_is_certain_are_finite() {
        for (mean, expected) in [(-1e-5_f64, 11.512_92), (0.0, 16.118_095), (-90.0, -90.0)] {
            let found = number(log_odds(row(&[mean as f32])));
            assert!((found - expected).abs() < 1e-4, "{mean}: {found}");
        }
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| loss(x, &spans, SETTINGS, 2).0;
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
