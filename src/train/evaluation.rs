//! The evaluations before, between and after the rounds, and what is kept of a run that fails between them. Through the
//! serving engine where there is one.

use std::ops::ControlFlow;

use super::{End, Event, Observer, Phase, Session, Stage, TrainError, checks};
use crate::completion::Sampling;
use crate::environment::RewardRule;
use crate::eval::record::{self, Setting};
use crate::eval::stamp::PolicyStamp;
use crate::eval::{self, Report};
use crate::objective::Source;
use crate::problem::Problem;
use crate::rollout::{self, Group, PublicTests, RolloutConfig};

/// Problems that are over between two words on how far it is.
const WORD_EVERY: usize = 64;
/// Files of the reports in the run's folder.
const BEFORE: &str = "before.json";
const AFTER: &str = "after.json";

/// One evaluation.
struct Evaluation<'a> {
    /// What is played.
    problems: &'a [Problem],
    /// Episodes of each.
    rollouts: usize,
    /// When it is made.
    stage: Stage,
}

impl Session<'_> {
    /// Evaluates the policy that the run began with, unless that was done before.
    pub(super) fn evaluate_before(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        if self.held_out.is_empty() || self.run.has(BEFORE) {
            return Ok(());
        }
        // Nothing is learnt yet, or the file would be there: the reference is what the engine holds.
        let evaluation = Evaluation {
            problems: self.held_out,
            rollouts: self.config.evaluation.rollouts,
            stage: Stage::Before,
        };
        let (groups, report) = self.evaluate(&evaluation, observer)?;
        let policy = self.stamps.policy.clone();
        let record = self.recorded(&evaluation, policy, &groups, &report);
        if let Err(error) = self.run.save_evaluation(BEFORE, &record) {
            observer.on(Event::Unsaved(&report));
            return Err(error.into());
        }
        Ok(())
    }

    /// Evaluates what was learnt.
    pub(super) fn evaluate_after(&mut self, observer: &mut dyn Observer) -> Result<(), TrainError> {
        if self.held_out.is_empty() {
            return Ok(());
        }
        let evaluation = Evaluation {
            problems: self.held_out,
            rollouts: self.config.evaluation.rollouts,
            stage: Stage::After,
        };
        let (groups, after) = self.evaluate(&evaluation, observer)?;
        let record = self.recorded(&evaluation, self.learnt()?, &groups, &after);
        let saved = self.run.save_evaluation(AFTER, &record);
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

    /// Plays the validation set, and keeps what came of it under this name.
    pub(super) fn validated(
        &mut self,
        name: &str,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Group>, Report), TrainError> {
        let evaluation = Evaluation {
            problems: self.validation,
            rollouts: self.config.validation.rollouts,
            stage: Stage::Between,
        };
        let (groups, report) = self.evaluate(&evaluation, observer)?;
        let record = self.recorded(&evaluation, self.learnt()?, &groups, &report);
        self.run.save_evaluation(name, &record)?;
        Ok((groups, report))
    }

    /// An evaluation as `rlef gate` reads it, with its speeds.
    fn recorded(
        &self,
        evaluation: &Evaluation<'_>,
        policy: PolicyStamp,
        groups: &[Group],
        report: &Report,
    ) -> record::Evaluation {
        let config = self.config;
        let setting = Setting {
            problems: match evaluation.stage {
                Stage::Between => &config.validation.problems,
                Stage::Before | Stage::After => &config.evaluation.problems,
            },
            policy,
            config: &self.rollout(evaluation),
            sandbox: self.stamps.sandbox.clone(),
            left_to_server: Vec::new(),
            seed: config.seed,
        };
        record::Evaluation {
            report: Some(report.clone()),
            ..record::evaluation(&setting, evaluation.problems, groups, report)
        }
    }

    /// The stamp of the policy as it is now: by the files of its checkpoint, where there is one of this round.
    fn learnt(&self) -> Result<PolicyStamp, TrainError> {
        let (rounds, began) = (self.done.rounds, &self.stamps.policy);
        let name = format!("{} after {rounds} rounds", began.name);
        let device = self.config.resources.device;
        let stamp = self
            .run
            .stamp_of_checkpoint(rounds, |files| PolicyStamp::of(&name, files, device))?;
        Ok(PolicyStamp {
            device: began.device.clone(),
            chat_template: began.chat_template.clone(),
            ..stamp
        })
    }

    /// How episodes of an evaluation are played.
    fn rollout(&self, evaluation: &Evaluation<'_>) -> RolloutConfig {
        let config = self.config;
        let sampling = Sampling {
            temperature: config.evaluation.temperature,
            top_p: config.evaluation.top_p,
            top_k: config.evaluation.top_k,
            ..config.rollout.sampling.clone()
        };
        RolloutConfig {
            group: evaluation.rollouts,
            sampling,
            // The report says which answers pass fewer tests than the one before.
            public_tests: PublicTests::All,
            ..config.rollout
        }
    }

    /// Keeps what was learnt where the run is stopped: the round under way has moved no weight.
    pub(super) fn stopped(&mut self) -> Result<End, TrainError> {
        let rounds = self.done.rounds;
        if rounds > 0 && !self.learner.is_in_doubt() {
            self.run.checkpoint(&self.learner, rounds)?;
        }
        Ok(End::Stopped { rounds })
    }

    /// Keeps what was learnt until a round failed: it did before a weight was moved.
    pub(super) fn save_what_was_learnt(&mut self, error: &TrainError, observer: &mut dyn Observer) {
        let (rounds, every) = (self.done.rounds, self.config.resources.checkpoint_every);
        let due = !rounds.is_multiple_of(every) && !error.is_of_weights();
        let saved = due.then(|| self.run.checkpoint(&self.learner, rounds));
        let failed = saved.and_then(Result::err);
        observer.on(Event::Failed {
            also: failed.as_ref(),
            resumable: !error.is_of_settings(),
        });
    }

    /// Plays with the policy as it is now.
    fn evaluate(
        &mut self,
        evaluation: &Evaluation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Group>, Report), TrainError> {
        self.learner.sync_weights()?;
        self.play(evaluation, observer)
    }

    fn play(
        &self,
        evaluation: &Evaluation<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Group>, Report), TrainError> {
        let (config, problems, learner) = (self.config, evaluation.problems, &self.learner);
        let rollout = self.rollout(evaluation);
        let speaker = learner.speaker(config.resources.sampling_batch);
        let policy = &*speaker;
        let plays = learner.objective.needs().source == Source::Episodes;
        observer.on(Event::Evaluating {
            problems: problems.len(),
            stage: evaluation.stage,
        });
        observer.on(Event::Phase(Phase::Playing));
        let some: Vec<&Problem> = problems.iter().collect();
        let rule = RewardRule::default();
        let mut groups: Vec<Group> = Vec::with_capacity(problems.len());
        let mut refused = None;
        let played = rollout::play_each(
            policy,
            self.judge,
            &some,
            (&rollout, &rule),
            config.seed,
            &mut |group, stats| {
                groups.push(group);
                if !groups.len().is_multiple_of(WORD_EVERY) && groups.len() < problems.len() {
                    return ControlFlow::Continue(());
                }
                // What would stop the first round is found out before an evaluation has taken its time.
                if evaluation.stage == Stage::Before && groups.len() <= WORD_EVERY && plays {
                    refused = checks::usable(&groups, config).err();
                }
                let report = eval::report(&groups, problems, rollout.turns, stats, config.seed);
                observer.on(Event::Evaluated {
                    problems: groups.len(),
                    report: &report,
                });
                if refused.is_some() || observer.stop() {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            },
        );
        if let Some(error) = refused {
            return Err(error);
        }
        if observer.stop() {
            return Err(TrainError::Stopped);
        }
        let report = eval::report(&groups, problems, rollout.turns, &played?, config.seed);
        Ok((groups, report))
    }
}
