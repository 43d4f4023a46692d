//! DPO on the run's own samples: every round pairs are made of the answers that were just played, by what the run's judges say of
//! them, and learnt from (Guo et al. 2024, "Direct Language Model Alignment from Online AI Feedback", arXiv 2402.04792; iterated
//! DPO as in Pang et al. 2024, arXiv 2404.19733). Whole episodes are compared; what the environment says in them is not learnt.

use serde::{Deserialize, Serialize};

use super::config::table;
use super::stats::PpoStats;
use super::{
    Entry, Fault, Loss, LossInputs, Material, Needs, Objective, Old, Setup, Unit, dpo, pairs,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "online_dpo",
    older: &[],
    about: "DPO on pairs of the round's own episodes, the better one by its judges preferred",
    keys: &[],
    build: |setup| Ok(Box::new(OnlineDpo::new(setup)?)),
};

/// Its own settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// β, how strongly the policy is held near the reference.
    pub beta: f64,
    /// Pairs of one problem in a round at most: the best with the worst, the second best with the second worst, and so on.
    pub pairs_per_problem: usize,
    /// By how much a pair's rewards must differ at least; more than 0 where scores are noise.
    pub least_difference: f64,
    /// Whether the reference is the policy as it was when the round began, so that each round is an iteration of its own; else
    /// it is the policy that the run began with.
    pub renew_reference: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beta: 0.1,
            pairs_per_problem: 1,
            least_difference: 0.0,
            renew_reference: false,
        }
    }
}

/// DPO on own samples with the settings of a run.
#[derive(Clone, Debug)]
pub struct OnlineDpo(Settings);

impl OnlineDpo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        let settings: Settings = setup.settings()?;
        pairs::positive("beta", settings.beta)?;
        pairs::not_negative("least_difference", settings.least_difference)?;
        if settings.pairs_per_problem == 0 {
            return Err(Fault {
                key: "objective.settings.pairs_per_problem".to_owned(),
                found: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        Ok(Self(settings))
    }
}

/// Pairs of places, the better one first: the best with the worst, then inwards, as long as they differ by more than `least`.
fn extremes(rewards: &[f64], most: usize, least: f64) -> Vec<[usize; 2]> {
    let mut order: Vec<usize> = (0..rewards.len()).collect();
    order.sort_by(|&one, &other| {
        rewards[other]
            .total_cmp(&rewards[one])
            .then(one.cmp(&other))
    });
    let pairs = (0..rewards.len() / 2).map(|place| [order[place], order[order.len() - 1 - place]]);
    let pairs = pairs.take_while(|[better, worse]| rewards[*better] - rewards[*worse] > least);
    pairs.take(most).collect()
}

impl Objective for OnlineDpo {
    fn needs(&self) -> Needs {
        let renewed = self.0.renew_reference;
        Needs {
            reference: !renewed,
            old: if renewed { Old::ForLoss } else { Old::Never },
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn settings(&self) -> toml::Table {
        table(&self.0)
    }

    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        let Settings {
            pairs_per_problem,
            least_difference,
            ..
        } = self.0;
        let groups = material.groups().iter().enumerate();
        let pairs = groups.flat_map(|(group, candidates)| {
            let rewards = material.totals(group);
            let found = extremes(&rewards, pairs_per_problem, least_difference).into_iter();
            found.map(move |pair| pair.map(|place| candidates.start + place).to_vec())
        });
        pairs.collect()
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let reference = if self.0.renew_reference {
            inputs.old()
        } else {
            inputs.reference()
        };
        let settings = dpo::Settings { beta: self.0.beta };
        let (new, pairs) = (inputs.new.clone(), inputs.totals.units);
        let (value, own) = dpo::loss(new, reference, inputs.spans(), settings, pairs);
        Loss::new(value, PpoStats::default()).with(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_meets_the_worst_and_ties_meet_nobody() {
        let rewards = [0.2, -1.0, 1.0, 0.5, -1.0];
        assert_eq!(extremes(&rewards, 1, 0.0), [[2, 4]]);
        assert_eq!(extremes(&rewards, 9, 0.0), [[2, 4], [3, 1]]);
        assert_eq!(extremes(&rewards, 9, 1.6), [[2, 4]]);
        for rewards in [&[][..], &[1.0], &[0.5, 0.5, 0.5]] {
            assert!(extremes(rewards, 9, 0.0).is_empty());
        }
    }
}
