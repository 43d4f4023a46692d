//! CODPO, the constrained online DPO of CGPO (Xu et al. 2024, arXiv 2409.20370, section 4.1): of the answers to a problem the best
//! that meets all constraints is preferred to the worst that violates one, and said more often besides.

use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::PpoStats;
use super::{
    Candidate, Entry, Fault, Loss, LossInputs, Material, Needs, Objective, Old, Setup, Unit, pairs,
    rpo,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "codpo",
    older: &[],
    about: "CGPO: DPO on the round's own episodes, the best that meets all constraints preferred to the worst that doesn't",
    keys: &[],
    build: |setup| Ok(Box::new(Codpo::new(setup)?)),
};

/// CODPO's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference.
    pub beta: f64,
    /// λ, what the preferred answer's own loss a token counts beside (equation 9); 0 for DPO alone.
    pub lambda: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            lambda: 1.0,
        }
    }
}

/// CODPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Codpo(Settings);

impl Codpo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::not_negative("lambda", settings.lambda)?;
        Ok(Self(settings))
    }
}

/// Places of the preferred and the rejected answer: the best of the feasible ones, and the worst of the others or, where there is
/// no other, the worst of all. Nothing where none is feasible, or where all are and none is worse than another.
fn chosen(answers: &[(f64, bool)]) -> Option<[usize; 2]> {
    let by_worth = |one: &usize, other: &usize| answers[*one].0.total_cmp(&answers[*other].0);
    let of = |feasible: bool| (0..answers.len()).filter(move |&place| answers[place].1 == feasible);
    // The first of equals: ties fall to neither side by what was sampled later.
    let best = of(true).rev().max_by(by_worth)?;
    if let Some(worst) = of(false).min_by(by_worth) {
        return Some([best, worst]);
    }
    let worst = of(true).min_by(by_worth)?;
    (answers[worst].0 < answers[best].0).then_some([best, worst])
}

impl Objective for Codpo {
    fn needs(&self) -> Needs {
        Needs {
            reference: true,
            old: Old::Never,
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.0)
    }

    /// Within a problem rewards are in the order of the calibrated ones, so that none need be calibrated.
    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        let groups = material.groups().iter();
        let pairs = groups.filter_map(|group| {
            let candidates = material.candidates()[group.clone()].iter();
            let said = |candidate: &Candidate<'_>| (candidate.worth(), candidate.is_feasible());
            let answers: Vec<(f64, bool)> = candidates.map(said).collect();
            Some(chosen(&answers)?.map(|place| group.start + place).to_vec())
        });
        pairs.collect()
    }

    /// `-(log σ(β Δ) + λ/|a⁺| log π(a⁺))`, the objective that is to be ascended with its sign turned (equation 15 descends on it).
    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let settings = rpo::Settings {
            beta: self.0.beta,
            alpha: self.0.lambda,
        };
        let (new, pairs) = (inputs.new.clone(), inputs.totals.units);
        let (value, own) = rpo::loss(new, inputs.reference(), inputs.spans(), settings, pairs);
        Loss::new(value, PpoStats::default()).with(own)
    }
}

#[cfg(test)]
mod tests {
    use super::super::constrained::tests::scored_constrained;
    use super::super::pairs::tests::{NEW, REFERENCE, two_pairs};
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;
    use burn::tensor::Tensor;

    #[test]
    fn the_best_that_meets_all_is_preferred_to_the_worst_that_violates_one() {
        for (answers, expected) in [
            (
                &[(0.1, true), (0.9, false), (0.5, true), (0.3, false)][..],
                Some([2, 3]),
            ),
            // A violation that is rewarded more is the rejected one all the same.
            (&[(0.9, false), (0.1, true)], Some([1, 0])),
            (&[(0.9, true), (0.1, true), (0.4, true)], Some([0, 1])),
            (&[(0.5, true), (0.5, true)], None),
            (&[(0.5, true)], None),
            (&[(0.9, false), (0.1, false)], None),
            // Of equals the first.
            (
                &[(0.5, true), (0.5, true), (0.2, false), (0.2, false)],
                Some([0, 2]),
            ),
            (&[], None),
        ] {
            assert_eq!(chosen(answers), expected, "{answers:?}");
        }
    }

    #[test]
    fn pairs_of_a_round_are_of_one_problem() {
        let config = super::super::ObjectiveConfig {
            algorithm: "codpo".into(),
            ..super::super::ObjectiveConfig::default()
        };
        let objective = Codpo::new(&Setup {
            config: &config,
            kl_beta: 0.05,
            longest: 10,
        })
        .unwrap();
        // Worth 1 and -1, both feasible; the third violates a constraint.
        scored_constrained(&[0.0; 3], |scored| {
            assert_eq!(objective.select(scored.material), [vec![0, 2]]);
        });
    }

    #[test]
    fn hand_worked_loss_and_its_gradient() {
        let settings = rpo::Settings {
            beta: 0.5,
            alpha: 0.2,
        };
        let spans = two_pairs();
        let loss = |x: Tensor<1>| rpo::loss(x, row(&REFERENCE), &spans, settings, 2).0;
        // Margins of 0.4 and -0.45; means of -0.7 and -0.8 a token.
        let expected = f64::midpoint(0.513_015_25 + 0.2 * 0.7, 0.943_248_64 + 0.2 * 0.8);
        near(number(loss(row(&NEW).autodiff()).inner()), expected);
        differences(&NEW, loss, |x| number(loss(row(x).autodiff()).inner()));
    }
}
