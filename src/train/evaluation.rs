//! The evaluations before and after the rounds, and what is kept of a run that fails between them.

use super::{Event, Observer, Session, TrainError};
use crate::completion::Sampling;
use crate::eval::{self, Report};
use crate::model::decoder::Decoder;
use crate::policy::ModelPolicy;
use crate::problem::Problem;
use crate::rollout::{self, RolloutConfig, RolloutStats};

/// Problems played between two words on how far it is.
const SLICE: usize = 64;
/// Files of the reports in the run's folder.
const BEFORE: &str = "before.json";
const AFTER: &str = "after.json";

impl Session<'_> {
    /// Evaluates the policy that the run began with, unless that was done before.
    pub(super) fn evaluate_before(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.held_out.is_empty() || self.run.has(BEFORE) {
            return Ok(());
        }
        let report = self.evaluate(&self.learner.reference, observer)?;
        if let Err(error) = self.run.save_report(BEFORE, &report) {
            observer.on(Event::Unsaved(&report));
            return Err(error.into());
        }
        Ok(())
    }

    /// Evaluates what was learnt.
    pub(super) fn evaluate_after(&self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.held_out.is_empty() {
            return Ok(());
        }
        let after = self.evaluate(&self.learner.policy, observer)?;
        let saved = self.run.save_report(AFTER, &after);
        let before = self.run.report(BEFORE);
        // Told before anything else can fail: it took long to find.
        observer.on(Event::Compared {
            before: before.as_ref().ok(),
            after: &after,
        });
        saved?;
        before?;
        Ok(())
    }

    /// Keeps what was learnt until a round failed: it did before a weight was moved.
    pub(super) fn save_what_was_learnt(&mut self, error: &TrainError, observer: &mut dyn Observer) {
        let (rounds, every) = (self.done.rounds, self.config.resources.checkpoint_every);
        let due = !rounds.is_multiple_of(every) && !error.is_of_weights();
        let saved = due.then(|| self.run.checkpoint(&self.learner, rounds));
        let failed = saved.and_then(Result::err);
        observer.on(Event::Failed(failed.as_ref()));
    }

    fn evaluate(
        &self,
        policy: &Decoder,
        observer: &mut dyn Observer,
    ) -> Result<Report, TrainError> {
        let config = self.config;
        let sampling = Sampling {
            temperature: config.evaluation.temperature,
            top_p: config.evaluation.top_p,
            top_k: config.evaluation.top_k,
            ..config.rollout.sampling.clone()
        };
        let rollout = RolloutConfig {
            group: config.evaluation.rollouts,
            sampling,
            ..config.rollout
        };
        let policy = ModelPolicy {
            decoder: policy,
            tokenizer: &self.learner.tokenizer,
            batch: config.resources.sampling_batch,
        };
        observer.on(Event::Evaluating {
            problems: self.held_out.len(),
        });
        let (mut groups, mut total) = (Vec::new(), RolloutStats::default());
        for slice in self.held_out.chunks(SLICE) {
            let some: Vec<&Problem> = slice.iter().collect();
            let (more, stats) = rollout::play(&policy, self.grader, &some, &rollout, config.seed)?;
            groups.extend(more);
            total.add(&stats);
            let report = eval::report(&groups, self.held_out, rollout.turns, &total, config.seed);
            observer.on(Event::Evaluated {
                problems: groups.len(),
                report: &report,
            });
        }
        let (held_out, turns) = (self.held_out, rollout.turns);
        Ok(eval::report(&groups, held_out, turns, &total, config.seed))
    }
}
