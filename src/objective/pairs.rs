//! What the objectives on pairs of answers share: which rows are preferred, settings and their bounds, and the numbers that
//! are told of every update, under the names that TRL gives them.

use burn::tensor::Tensor;
use serde::Serialize;

use super::stats::{PpoStats, floats};
use super::{Fault, Loss, LossInputs, Material, Needs, Objective, Old, Shape, Source, Unit};
use crate::learner::Spans;

/// Names and parts of means.
pub type Own = Vec<(&'static str, f64)>;

/// One number of each pair's preferred answer, and one of its rejected answer.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Of the preferred answers.
    pub chosen: Tensor<1>,
    /// Of the rejected ones.
    pub rejected: Tensor<1>,
}

impl Pairs {
    /// Of numbers `[rows]`: in each unit the first row is preferred, the second rejected.
    pub fn of(spans: &Spans, of_rows: Tensor<1>) -> Self {
        let rows = |place: usize| spans.units().iter().map(move |unit| unit.start + place);
        Self {
            chosen: spans.pick(of_rows.clone(), rows(0)),
            rejected: spans.pick(of_rows, rows(1)),
        }
    }

    /// How far the preferred answer is above the rejected one.
    pub fn apart(&self) -> Tensor<1> {
        self.chosen.clone() - self.rejected.clone()
    }

    /// Both, so many times.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self {
            chosen: self.chosen.clone() * factor,
            rejected: self.rejected.clone() * factor,
        }
    }
}

/// The implicit rewards of pairs: β times how far the policy has moved the sum of an answer's log-probabilities from the
/// reference's. Inputs `[n]`, one entry an answer's token.
pub fn implicit(new: &Tensor<1>, reference: Tensor<1>, spans: &Spans, beta: f64) -> Pairs {
    Pairs::of(spans, spans.sums(new.clone() - reference)).times(beta)
}

/// A loss on pairs: of the policy's log-probabilities, the reference's where it is held near one, the spans, the settings, and
/// how many pairs the update has.
pub(super) enum PairLoss<S> {
    /// Held near the reference.
    Held(fn(Tensor<1>, Tensor<1>, &Spans, S, usize) -> (Tensor<1>, Own)),
    /// Without a reference.
    Free(fn(Tensor<1>, &Spans, S, usize) -> (Tensor<1>, Own)),
}

/// An objective on the pairs of a data set: a pair's two rows are one unit. What sets one apart are its settings and its loss.
pub(super) struct OnPairs<S> {
    settings: S,
    loss: PairLoss<S>,
}

impl<S: Copy + Serialize + Send + Sync + 'static> OnPairs<S> {
    pub(super) fn boxed(settings: S, loss: PairLoss<S>) -> Box<dyn Objective> {
        Box::new(Self { settings, loss })
    }
}

impl<S: Copy + Serialize + Send + Sync> Objective for OnPairs<S> {
    fn needs(&self) -> Needs {
        needs(matches!(self.loss, PairLoss::Held(_)))
    }

    fn settings(&self) -> toml::Table {
        super::config::table(&self.settings)
    }

    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        material.whole_groups()
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (new, spans, pairs) = (inputs.new.clone(), inputs.spans(), inputs.totals.units);
        let (value, own) = match self.loss {
            PairLoss::Held(loss) => loss(new, inputs.reference(), spans, self.settings, pairs),
            PairLoss::Free(loss) => loss(new, spans, self.settings, pairs),
        };
        Loss::new(value, PpoStats::default()).with(own)
    }
}

/// What an objective on pairs needs.
pub fn needs(reference: bool) -> Needs {
    Needs {
        source: Source::Examples(Shape::Pairs),
        reference,
        old: Old::Never,
        ..Needs::POLICY_GRADIENT
    }
}

/// What is told of every update: the implicit rewards of both answers, how far apart they are, the share of pairs in which
/// they are in the order that was given, and the log-probabilities of the answers, of which those of a token of the preferred
/// answer show whether it is still said at all. `pairs` are all of the update.
pub fn seen(new: &Tensor<1>, spans: &Spans, rewards: &Pairs, pairs: usize) -> Own {
    let new = new.clone().inner();
    let logps = Pairs::of(spans, spans.sums(new.clone()));
    let tokens = Pairs::of(spans, spans.means(new));
    let numbers = |tensor: &Tensor<1>| -> Vec<f64> {
        let all = floats(&tensor.clone().inner()).into_iter();
        all.map(f64::from).collect()
    };
    let share = |sum: f64| sum / pairs as f64;
    let mean = |tensor: &Tensor<1>| share(numbers(tensor).into_iter().sum());
    let margins = numbers(&rewards.apart());
    let right = margins.iter().filter(|&&margin| margin > 0.0).count();
    vec![
        ("rewards/chosen", mean(&rewards.chosen)),
        ("rewards/rejected", mean(&rewards.rejected)),
        ("rewards/margins", share(margins.iter().sum())),
        ("rewards/accuracies", share(right as f64)),
        ("logps/chosen", mean(&logps.chosen)),
        ("logps/rejected", mean(&logps.rejected)),
        (CHOSEN_TOKEN, mean(&tokens.chosen)),
    ]
}

/// The mean log-probability of a token of a preferred answer.
pub const CHOSEN_TOKEN: &str = "logps/chosen_token";

/// Refuses a setting that is no finite number above 0.
pub fn positive(name: &str, found: f64) -> Result<f64, Fault> {
    let good = found > 0.0 && found.is_finite();
    refuse(name, found, good, "a finite number above 0")
}

/// Refuses a setting that is no finite number of at least 0.
pub fn not_negative(name: &str, found: f64) -> Result<f64, Fault> {
    let good = found >= 0.0 && found.is_finite();
    refuse(name, found, good, "a finite number of at least 0")
}

/// Refuses a setting that is no number from 0 to 1.
pub fn share(name: &str, found: f64) -> Result<f64, Fault> {
    let good = (0.0..=1.0).contains(&found);
    refuse(name, found, good, "a number from 0 to 1")
}

/// Refuses a share of wrong labels with which nothing would be learnt.
pub fn smoothing(found: f64) -> Result<f64, Fault> {
    let good = (0.0..0.5).contains(&found);
    let expected =
        "a number from 0 to below 0.5: a label that is as often wrong as right says nothing";
    refuse("label_smoothing", found, good, expected)
}

fn refuse(name: &str, found: f64, good: bool, expected: &str) -> Result<f64, Fault> {
    if good {
        return Ok(found);
    }
    Err(Fault {
        key: format!("objective.settings.{name}"),
        found: found.to_string(),
        expected: expected.to_owned(),
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::stats::tests::{near, row};
    use super::*;

    /// Two pairs: of three answers with two tokens and one with one.
    pub(in crate::objective) const REFERENCE: [f32; 7] = [-1.0, -0.7, -1.3, -0.4, -0.6, -2.0, -0.9];

    /// Where the policy stands in tests.
    pub(in crate::objective) const NEW: [f32; 7] = [-0.5, -0.9, -1.4, -0.8, -0.8, -1.0, -1.2];

    /// The pairs' spans.
    pub(in crate::objective) fn two_pairs() -> Spans {
        Spans::of_counts(&[2, 2, 1, 2], &[2, 2])
    }

    /// A number that was told.
    #[track_caller]
    pub(in crate::objective) fn told(own: &Own, name: &str) -> f64 {
        let found = own.iter().find(|(other, _)| *other == name);
        found.unwrap_or_else(|| panic!("no {name} in {own:?}")).1
    }

    #[test]
    fn hand_worked_numbers_of_an_update() {
        let (spans, new) = (two_pairs(), row(&NEW));
        let rewards = Pairs::of(&spans, spans.sums(new.clone() - row(&REFERENCE))).times(0.5);
        let own = seen(&new, &spans, &rewards, 2);
        // Log-ratios: 0.5 - 0.2 and -0.1 - 0.4; -0.2 and 1.0 - 0.3.
        near(told(&own, "rewards/chosen"), 0.5 * f64::midpoint(0.3, -0.2));
        near(
            told(&own, "rewards/rejected"),
            0.5 * f64::midpoint(-0.5, 0.7),
        );
        near(
            told(&own, "rewards/margins"),
            0.5 * f64::midpoint(0.8, -0.9),
        );
        assert_eq!(told(&own, "rewards/accuracies"), 0.5);
        near(told(&own, "logps/chosen"), f64::midpoint(-1.4, -0.8));
        near(told(&own, "logps/rejected"), f64::midpoint(-2.2, -2.2));
        near(told(&own, CHOSEN_TOKEN), f64::midpoint(-0.7, -0.8));
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let fault = positive("beta", bad).unwrap_err();
            assert_eq!(fault.key, "objective.settings.beta");
        }
        assert!(not_negative("gamma", 0.0).is_ok() && not_negative("gamma", f64::NAN).is_err());
        for bad in [-0.1, 0.5, 1.0, f64::NAN] {
            assert!(smoothing(bad).is_err(), "{bad}");
        }
        assert_eq!(smoothing(0.0), Ok(0.0));
    }
}
