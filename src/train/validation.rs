//! A policy between rounds → what it solves of the validation set, and whether it is the best so far.

use std::collections::BTreeMap;

use super::{Event, Observer, Session, TrainError};
use crate::rollout::Group;
use crate::run::Best;
use crate::statistics::paired;

/// A validation, and how it stands beside the best before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// What the policy did.
    pub record: Best,
    /// The mean paired difference to the best before it, and the p-value of one as large by chance; nothing for the first.
    pub over_best: Option<(f64, f64)>,
    /// Whether it is the best now.
    pub is_best: bool,
}

impl Session<'_> {
    /// Validates where that is due, and keeps the policy where it is the best so far. Of equals the older stays.
    pub(super) fn validate(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        let (config, rounds) = (self.config, self.done.rounds);
        let due = config.validation.is_due(rounds, config.rounds);
        if !due || self.validation.is_empty() || self.learner.is_in_doubt() {
            return Ok(());
        }
        let best = self.run.best()?;
        if best.as_ref().is_some_and(|best| best.rounds == rounds) {
            // The run was killed after it, and has learnt the same again.
            return Ok(());
        }
        let name = format!("validation-{rounds:06}.json");
        let (groups, report) = self.validated(&name, observer)?;
        let record = Best {
            rounds,
            solved: report.final_solved(),
            problems: self.counts(&groups),
        };
        let over_best = best.map(|best| {
            let (mean, each) = record.over(&best);
            (mean, paired::sign_flip(&each, None, config.seed).0)
        });
        let is_best = over_best.is_none_or(|(mean, _)| mean > 0.0);
        if is_best {
            self.run.keep_best(&self.learner, &record)?;
        }
        observer.on(Event::Validated(&Validated {
            record,
            over_best,
            is_best,
        }));
        Ok(())
    }

    /// The episodes of every problem that count, and those solved.
    fn counts(&self, groups: &[Group]) -> BTreeMap<String, (String, usize, usize)> {
        let pairs = groups.iter().zip(self.validation);
        let counts = pairs.map(|(group, problem)| {
            let data = group
                .episodes
                .iter()
                .filter(|episode| episode.outcome.is_some());
            let (played, solved) = data.fold((0, 0), |(played, solved), episode| {
                (played + 1, solved + usize::from(episode.is_solved()))
            });
            (problem.id.clone(), (problem.cluster(), played, solved))
        });
        counts.collect()
    }
}
