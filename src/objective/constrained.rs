//! What the objectives of CGPO share: how much likelier answers are than under the reference, and what is told of a round.

use std::sync::{Mutex, PoisonError};

use super::inputs::{LossInputs, Scored};
use super::stats;

/// Of every row `log π(a) - log ρ(a)`, an answer's log-probability the sum of its tokens'.
pub(super) fn log_ratios(scored: &Scored<'_>) -> Vec<f64> {
    let mut all = vec![0.0; scored.batch.rows.len()];
    for (action, away) in scored.batch.actions.iter().zip(stats::held(scored, 1.0)) {
        all[action.row] += away;
    }
    all
}

/// What credit has found of a round, told with the losses of its updates.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Vec<(&'static str, f64)>>);

impl Told {
    pub(super) fn set(&self, found: Vec<(&'static str, f64)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// The part of one micro-batch, by its rows.
    pub(super) fn share(&self, inputs: &LossInputs<'_>) -> Vec<(&'static str, f64)> {
        let share = inputs.spans().rows() as f64 / inputs.totals.rows as f64;
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found
            .iter()
            .map(|&(name, value)| (name, value * share))
            .collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// One problem with three answers of three tokens, worth 1, -1 and 1 beside a stored one worth 0, of which the third violates a
    /// constraint; each token of an answer is so much likelier than under the reference.
    pub(in crate::objective) fn scored_constrained(kls: &[f32; 3], then: impl FnOnce(&Scored<'_>)) {
        use crate::batch::Batch;
        use crate::episode::tests::played;
        use crate::objective::Material;
        use crate::verdict::Grade;

        let episodes = [true, false, true].iter().enumerate();
        let episodes = episodes.map(|(sample, &solved)| {
            let mut episode = played(&[Grade::Accepted], solved);
            episode.standing.stored = Some(0.0);
            episode.standing.constraints = [("rules".to_owned(), sample < 2)].into();
            episode
        });
        let groups = [crate::rollout::Group {
            problem_id: "p".to_owned(),
            episodes: episodes.collect(),
        }];
        let material = Material::of_groups(&groups, &crate::reward::RewardConfig::default());
        let material = material.unwrap();
        let units = material.each_alone();
        let batch = Batch::of_units(material.rows_of(&units));
        let reference = vec![-1.0; batch.actions.len()];
        let policy: Vec<f32> = (batch.actions.iter())
            .map(|action| -1.0 + kls[action.row])
            .collect();
        then(&Scored {
            material: &material,
            units: &units,
            batch: &batch,
            policy: Some(&policy),
            reference: Some(&reference),
            values: None,
        });
    }
}
