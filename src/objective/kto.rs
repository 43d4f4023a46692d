//! KTO (Ethayarajh et al. 2024, arXiv 2402.01306): from answers of which each is said to be good or bad, without pairs. An
//! answer counts by how far its implicit reward is from a reference point z₀, which people who lose are known to weigh
//! otherwise than people who win.
//!
//! A unit is two rows: an answer to its prompt, and an answer to another prompt put after this one. The second is never
//! learnt: z₀ is the mean log-ratio of those rows, an estimate of the KL divergence to the reference, and never below 0.

use burn::tensor::{Tensor, activation::sigmoid};
use serde::{Deserialize, Serialize};

use super::config::table;
use super::pairs::{self, CHOSEN_TOKEN, Own};
use super::stats::{PpoStats, floats};
use super::{
    Credit, Entry, Fault, Loss, LossInputs, Material, Needs, Objective, Old, Scored, Setup, Shape,
    Source, Unit,
};
use crate::learner::Spans;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "kto",
    older: &[],
    about: "answers of a data set that are labelled good or bad, each alone (objective.data)",
    keys: &["objective.data"],
    build: |setup| Ok(Box::new(Kto::new(setup)?)),
};

/// KTO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference.
    pub beta: f64,
    /// λ_D, what a good answer counts; with λ_U so that the two kinds together count alike, as the paper advises.
    pub desirable_weight: f64,
    /// λ_U, what a bad answer counts.
    pub undesirable_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            desirable_weight: 1.0,
            undesirable_weight: 1.0,
        }
    }
}

/// KTO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Kto(Settings);

impl Kto {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::positive("desirable_weight", settings.desirable_weight)?;
        pairs::positive("undesirable_weight", settings.undesirable_weight)?;
        Ok(Self(settings))
    }
}

impl Objective for Kto {
    fn needs(&self) -> Needs {
        Needs {
            source: Source::Examples(Shape::Labelled),
            reference: true,
            // z₀ is of the whole round, which no micro-batch sees.
            old: Old::ForCredit,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.0)
    }

    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        material.whole_groups()
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let labels: Vec<bool> = scored
            .units
            .iter()
            .map(|unit| scored.material.candidates()[unit[0]].total() > 0.0)
            .collect();
        let mut ratios = vec![0.0; scored.batch.rows.len()];
        let pairs = scored.policy().iter().zip(scored.reference());
        for (action, (policy, reference)) in scored.batch.actions.iter().zip(pairs) {
            ratios[action.row] += f64::from(*policy) - f64::from(*reference);
        }
        let by_row = worth(&labels, &ratios);
        let actions = scored.batch.actions.iter();
        Credit {
            advantages: actions.map(|action| by_row[action.row] as f32).collect(),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (new, reference) = (inputs.new.clone(), inputs.reference());
        let units = inputs.totals.units;
        let worth = inputs.advantages();
        let (value, own) = loss(new, reference, worth, inputs.spans(), self.0, units);
        Loss::new(value, PpoStats::default()).with(own)
    }
}

/// Of every row of units of two: of an answer one over the share of its kind, below 0 where it is bad; of the row beside it
/// z₀. `ratios` are the rows' log-ratios to the reference.
fn worth(labels: &[bool], ratios: &[f64]) -> Vec<f64> {
    let count = labels.len() as f64;
    let others: f64 = ratios.iter().skip(1).step_by(2).sum();
    let point = (others / count).max(0.0);
    let good = labels.iter().filter(|&&label| label).count() as f64;
    let of_label = |&label: &bool| {
        let own = if label {
            count / good
        } else {
            -count / (count - good)
        };
        [own, point]
    };
    labels.iter().flat_map(of_label).collect()
}

/// `Σ λ (1 - σ(±(β log π/ρ - β z₀))) / units`, + for a good answer, - for a bad one. `new`, `reference` and `worth` are `[n]`,
/// one entry an answer's token; `worth` as credit gives it. `units` are all of the update.
pub fn loss(
    new: Tensor<1>,
    reference: Tensor<1>,
    worth: Tensor<1>,
    spans: &Spans,
    settings: Settings,
    units: usize,
) -> (Tensor<1>, Own) {
    let of_rows = spans.sums(new.clone() - reference);
    let own = || spans.units().iter().map(|unit| unit.start);
    let beside = spans.units().iter().map(|unit| unit.start + 1);
    let worth = spans.firsts(worth);
    let point = spans.pick(worth.clone(), beside);
    let worth = floats(&spans.pick(worth, own()));
    let device = new.clone().inner().device();
    let numbers = |of: &dyn Fn(f32) -> f64| {
        let all = worth.iter().map(|&worth| of(worth) as f32);
        crate::learner::numbers(all.collect(), &device)
    };
    let is_good = |worth: f32| worth > 0.0;
    let sign = numbers(&|worth| f64::from(worth.signum()));
    let weight = numbers(&|worth| {
        if is_good(worth) {
            settings.desirable_weight
        } else {
            settings.undesirable_weight
        }
    });
    let rewards = spans.pick(of_rows, own()) * settings.beta;
    let gains = (rewards.clone() - point.clone() * settings.beta) * sign;
    let own = seen(&new, &rewards, &gains, &worth, &point, spans, units);
    let each = (sigmoid(gains).neg() + 1.0) * weight;
    (each.sum() / units as f64, own)
}

/// What is told of every update, under TRL's names: means over good answers and over bad ones; the share of answers that are
/// on their side of z₀; z₀ as `kl`.
fn seen(
    new: &Tensor<1>,
    rewards: &Tensor<1>,
    gains: &Tensor<1>,
    worth: &[f32],
    point: &Tensor<1>,
    spans: &Spans,
    units: usize,
) -> Own {
    let new = new.clone().inner();
    let plain = |tensor: &Tensor<1>| floats(&tensor.clone().inner());
    let of_answers = |of_rows: Tensor<1>| {
        let own = spans.units().iter().map(|unit| unit.start);
        floats(&spans.pick(of_rows, own))
    };
    let mean = |numbers: &[f32], good: bool| {
        let kind = numbers
            .iter()
            .zip(worth)
            .filter(|(_, worth)| (**worth > 0.0) == good);
        let sum: f64 = kind
            .map(|(number, worth)| f64::from(*number) * f64::from(worth.abs()))
            .sum();
        sum / units as f64
    };
    let share = |sum: f64| sum / units as f64;
    let rewards = plain(rewards);
    let logps = of_answers(spans.sums(new.clone()));
    let right = plain(gains).into_iter().filter(|&gain| gain > 0.0).count();
    let (chosen, rejected) = (mean(&rewards, true), mean(&rewards, false));
    vec![
        ("rewards/chosen", chosen),
        ("rewards/rejected", rejected),
        ("rewards/margins", chosen - rejected),
        ("rewards/accuracies", share(right as f64)),
        ("logps/chosen", mean(&logps, true)),
        ("logps/rejected", mean(&logps, false)),
        (CHOSEN_TOKEN, mean(&of_answers(spans.means(new)), true)),
        ("kl", share(plain(point).into_iter().map(f64::from).sum())),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::pairs::tests::{NEW, REFERENCE, told, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    const SETTINGS: Settings = Settings {
        beta: 0.5,
        desirable_weight: 1.5,
        undesirable_weight: 0.8,
    };

    /// A good answer and a bad one, each with a row beside it whose worth is z₀.
    const WORTH: [f32; 7] = [2.0, 2.0, 0.1, 0.1, -2.0, 0.1, 0.1];

    #[test]
    fn hand_worked() {
        let at = row(&NEW).autodiff();
        let (found, own) = loss(at, row(&REFERENCE), row(&WORTH), &two_pairs(), SETTINGS, 2);
        // Log-ratios 0.3 and -0.2: 1.5 (1 - σ(0.5 · 0.2)) and 0.8 (1 - σ(-0.5 · -0.3)).
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        let expected = f64::midpoint(1.5 * (1.0 - sigma(0.1)), 0.8 * (1.0 - sigma(0.15)));
        near(number(found.inner()), expected);
        near(told(&own, "rewards/chosen"), 0.15);
        near(told(&own, "rewards/rejected"), -0.1);
        near(told(&own, "rewards/margins"), 0.25);
        near(told(&own, "logps/chosen"), -1.4);
        near(told(&own, CHOSEN_TOKEN), -0.7);
        near(told(&own, "kl"), 0.1);
        assert_eq!(told(&own, "rewards/accuracies"), 1.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences_and_leaves_the_rows_beside_alone() {
        let spans = two_pairs();
        let loss = |x: Tensor<1>| {
            let (reference, worth) = (row(&REFERENCE), row(&WORTH));
            loss(x, reference, worth, &spans, SETTINGS, 2).0
        };
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
        let at = row(&NEW).autodiff().require_grad();
        let gradient = floats(&at.grad(&loss(at.clone()).backward()).unwrap());
        assert_eq!(
            [gradient[2], gradient[3], gradient[5], gradient[6]],
            [0.0; 4]
        );
    }

    #[test]
    fn what_answers_are_worth() {
        // Three good ones of four; z₀ is the mean of the rows beside.
        let labels = [true, true, false, true];
        let found = worth(&labels, &[9.0, 0.4, 9.0, 0.0, 9.0, -0.2, 9.0, 0.6]);
        let good = 4.0 / 3.0;
        for (found, expected) in found
            .iter()
            .zip([good, 0.2, good, 0.2, -4.0, 0.2, good, 0.2])
        {
            near(*found, expected);
        }
        assert_eq!(worth(&[false], &[0.0, -3.0]), [-1.0, 0.0]);
    }
}
