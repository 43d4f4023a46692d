//! CRRAFT, the calibrated-regularized reward ranking fine-tuning of CGPO (Xu et al. 2024, arXiv 2409.20370, section 4.1): of the
//! answers to a problem that meet all constraints and are within the KL bound the best is learnt, as much as it is better than the
//! stored answer; where there is none, the stored answer itself, if that meets the constraints.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::config::table;
use super::constrained::{self, Told};
use super::stats::{Clip, PpoStats, Tokens};
use super::{
    Credit, Entry, Fault, Loss, LossInputs, Material, Needs, Objective, Old, Scored, Setup, Stored,
    Unit, pairs,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "crraft",
    older: &[],
    about: "CGPO: the best answer within the constraints and a KL bound is learnt, weighed by its calibrated reward",
    keys: &[],
    build: |setup| Ok(Box::new(Crraft::new(setup)?)),
};

/// CRRAFT's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `KL_max`: nats by which an answer may be likelier than under the reference and still be learnt. The paper names no number.
    pub kl_max: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { kl_max: 10.0 }
    }
}

/// CRRAFT with the settings of a run.
#[derive(Debug)]
pub struct Crraft {
    settings: Settings,
    told: Told,
}

impl Crraft {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        pairs::positive("kl_max", settings.kl_max)?;
        Ok(Self {
            settings,
            told: Told::default(),
        })
    }
}

/// The place of the answer that is learnt: the best of those within the bound, the first of equals; else the stored one.
/// Each is its worth, where it was played, and its KL.
fn learnt(answers: &[(Option<f64>, f64)], kl_max: f64) -> Option<usize> {
    let within = (0..answers.len()).filter_map(|place| {
        let (worth, kl) = answers[place];
        Some((place, worth.filter(|_| kl <= kl_max)?))
    });
    let best = within.rev().max_by(|one, other| one.1.total_cmp(&other.1));
    let stored = || answers.iter().position(|(worth, _)| worth.is_none());
    best.map(|(place, _)| place).or_else(stored)
}

impl Objective for Crraft {
    fn needs(&self) -> Needs {
        Needs {
            reference: true,
            old: Old::ForCredit,
            stored: Stored::Learnt,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.settings)
    }

    /// The feasible answers to each problem with the stored one, where that is feasible: which is learnt is known once their
    /// log-probabilities are.
    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        let groups = material.groups().iter().enumerate();
        let units = groups.map(|(number, group)| {
            let played = group
                .clone()
                .filter(|&index| material.candidates()[index].is_feasible());
            // A group of which nothing was kept has no prompt to learn for.
            let stored = material.stored(number).filter(|_| !group.is_empty());
            played.chain(stored).collect::<Unit>()
        });
        units.filter(|unit| !unit.is_empty()).collect()
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let kls = constrained::log_ratios(scored);
        let candidates: Vec<_> = scored.candidates().collect();
        let mut weights = vec![0.0; kls.len()];
        let (mut first, mut none, mut of_stored) = (0, 0, 0);
        for unit in scored.units {
            let rows = first..first + unit.len();
            first = rows.end;
            let answers: Vec<(Option<f64>, f64)> = rows
                .clone()
                .map(|row| {
                    let candidate = candidates[row];
                    (candidate.episode.map(|_| candidate.worth()), kls[row])
                })
                .collect();
            match learnt(&answers, self.settings.kl_max) {
                Some(place) => {
                    let row = rows.start + place;
                    weights[row] = candidates[row].calibrated();
                    of_stored += usize::from(candidates[row].is_stored);
                }
                None => none += 1,
            }
        }
        let share = |count: usize| count as f64 / scored.units.len().max(1) as f64;
        let over = kls.iter().filter(|&&kl| kl > self.settings.kl_max).count();
        self.told.set(vec![
            ("crraft/stored", share(of_stored)),
            ("crraft/none", share(none)),
            ("over_kl_max", over as f64 / kls.len().max(1) as f64),
        ]);
        let actions = scored.batch.actions.iter();
        Credit {
            advantages: actions.map(|action| weights[action.row] as f32).collect(),
            returns: Vec::new(),
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let tokens = Tokens::of(inputs);
        let seen = PpoStats::of(&tokens.plain_log_ratio(), Clip::from(f64::INFINITY));
        let value = weighed(&tokens, inputs.totals.units);
        Loss::new(value, seen).with(self.told.share(inputs))
    }
}

/// `-Σ R_calib log π(a) / problems`, an answer's log-probability the sum of its tokens'; those that are not learnt have a weight of
/// 0. Inputs `[n]`, one entry a token; `problems` are all of the update.
pub fn weighed(tokens: &Tokens, problems: usize) -> Tensor<1> {
    (tokens.new.clone() * tokens.advantages.clone()).sum().neg() / problems as f64
}

#[cfg(test)]
mod tests {
    use super::super::ObjectiveConfig;
    use super::super::constrained::tests::scored_constrained;
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    fn built(kl_max: f64) -> Crraft {
        let config = ObjectiveConfig {
            algorithm: "crraft".into(),
            settings: table(&Settings { kl_max }),
            ..ObjectiveConfig::default()
        };
        Crraft::new(&Setup {
            config: &config,
            kl_beta: 0.05,
            longest: 10,
        })
        .unwrap()
    }

    #[test]
    fn the_best_within_the_bound_is_learnt_and_else_the_stored_one() {
        for (answers, expected) in [
            (
                &[(Some(0.1), 0.0), (Some(0.9), 0.0), (None, 0.0)][..],
                Some(1),
            ),
            (&[(Some(0.1), 0.0), (Some(0.9), 3.0), (None, 9.0)], Some(0)),
            (&[(Some(0.1), 3.0), (Some(0.9), 3.0), (None, 9.0)], Some(2)),
            (&[(Some(0.5), 2.0), (Some(0.5), 1.0)], Some(0)),
            (&[(Some(0.1), 3.0)], None),
            (&[(None, 0.0)], Some(0)),
            (&[], None),
        ] {
            assert_eq!(learnt(answers, 2.0), expected, "{answers:?}");
        }
    }

    #[test]
    fn an_answer_counts_as_much_as_it_is_better_than_the_stored_one() {
        // Worth 1 and -1 beside a stored answer worth 0; the third is not feasible, and no stored answer is a candidate.
        let objective = built(2.0);
        let weights = |kls: &[f32; 3]| {
            let mut all = Vec::new();
            scored_constrained(kls, |scored| {
                let units = objective.select(scored.material);
                assert_eq!(units, [vec![0, 1]]);
                let batch = crate::batch::Batch::of_units(scored.material.rows_of(&units));
                let count = batch.actions.len();
                let found = objective.credit(&Scored {
                    units: &units,
                    batch: &batch,
                    policy: scored.policy.map(|all| &all[..count]),
                    reference: scored.reference.map(|all| &all[..count]),
                    ..*scored
                });
                let rows = batch.turns.iter().map(|turn| found.advantages[turn.start]);
                all = rows.map(f64::from).collect();
            });
            all
        };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let found = weights(&[0.1, 0.1, 0.1]);
        near(found[0], sigmoid(1.0));
        assert_eq!(found[1], 0.0);
        // Three tokens each 1 nat likelier pass a bound of 2.
        let found = weights(&[1.0, 0.1, 0.1]);
        near(found[1], sigmoid(-1.0));
        assert_eq!(found[0], 0.0);
        assert_eq!(weights(&[1.0, 1.0, 0.1]), [0.0, 0.0]);
    }

    #[test]
    fn hand_worked_loss_and_its_gradient() {
        let (old, weights) = ([-1.0, -0.7, -1.3], [0.6, 0.6, 0.0]);
        let loss = |x: Tensor<1>| weighed(&tokens(x, &old, &weights), 2);
        near(number(loss(row(&[-0.9, -0.8, -1.2]))), 0.6 * 1.7 / 2.0);
        differences(&[-0.9, -0.8, -1.2], loss, |x| number(loss(row(x))));
    }
}
