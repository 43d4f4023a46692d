//! What a run goes on with: its folder, what learns, and what it learns from.

use super::{End, Event, Learner, Observer, RoundMetrics, RoundTimings, Task, TrainError};
use crate::config::TrainConfig;
use crate::eval::stamp::{PolicyStamp, SandboxStamp};
use crate::examples::Example;
use crate::judge::Judge;
use crate::objective::{Objective, Source};
use crate::policy::replay::ReplayPolicy;
use crate::problem::Problem;
use crate::rollout::Group;
use crate::run::{Progress, Run};

/// A run that was opened or begun, and everything it goes on with.
pub struct Session<'a> {
    /// Its folder.
    pub run: Run,
    /// How far it is.
    pub done: Progress,
    /// Everything that learns.
    pub learner: Learner,
    /// What decides its result.
    pub config: &'a TrainConfig,
    /// What it learns from, where it has no tasks.
    pub data: Data<'a>,
    /// What it learns at once; none for a run that is its own only task.
    pub tasks: &'a [Task<'a>],
    /// What it is evaluated on before and after; nothing for no evaluation.
    pub held_out: &'a [Problem],
    /// What it is validated on between rounds; nothing for no validation.
    pub validation: &'a [Problem],
    /// Who judges.
    pub judge: &'a dyn Judge,
    /// What its evaluations record beside what they found.
    pub stamps: Stamps,
}

/// What tells evaluations of one run from those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Of the policy that the run began with.
    pub policy: PolicyStamp,
    /// Of what runs the programs.
    pub sandbox: SandboxStamp,
}

impl Session<'_> {
    /// Records a round that was played and learnt from, sampled from the policy after `step` updates, and keeps what is due; how the
    /// run ended with it, where it did.
    pub(super) fn took(
        &mut self,
        step: usize,
        played: Result<Played, TrainError>,
        observer: &mut dyn Observer,
    ) -> Result<Option<End>, TrainError> {
        let (groups, metrics, timings) = match played {
            Ok(played) => played,
            Err(TrainError::Stopped) => return self.stopped().map(Some),
            Err(error) => {
                self.save_what_was_learnt(&error, observer);
                return Err(error);
            }
        };
        self.run.record(step, &groups, &metrics, &timings)?;
        self.done.rounds += 1;
        let rounds = self.done.rounds;
        observer.on(Event::Round {
            rounds,
            metrics: &metrics,
            timings: &timings,
        });
        if let Some(error) = self.learner.diverged() {
            return Err(error);
        }
        let stopping = observer.stop();
        self.keep(stopping, observer)?;
        match self.validate(observer) {
            Err(TrainError::Stopped) => return self.stopped().map(Some),
            validated => validated?,
        }
        self.run.log(rounds);
        Ok(stopping.then_some(End::Stopped { rounds }))
    }

    /// Writes a checkpoint where one is due after this round.
    pub(super) fn keep(
        &mut self,
        stopping: bool,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let (rounds, last) = (self.done.rounds, self.config.rounds);
        let every = self.config.resources.checkpoint_every;
        let due = rounds.is_multiple_of(every) || rounds == last || stopping;
        if due && rounds < last && self.learner.is_in_doubt() {
            // The one before it stays, to go on from if it gets no better.
            observer.on(Event::NoCheckpoint { rounds });
        } else if due {
            self.learner.save_elsewhere(rounds)?;
            self.run.checkpoint(&self.learner, rounds)?;
        }
        Ok(())
    }
}

/// What a round has played, and what it did.
pub type Played = (Vec<Group>, RoundMetrics, RoundTimings);

/// What rounds draw from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// Problems, for an objective that learns from episodes.
    pub problems: &'a [Problem],
    /// How often each problem is drawn; nothing where all are alike.
    pub weights: &'a [f64],
    /// Examples of a data set, for one that learns from them.
    pub examples: &'a [Example],
    /// Those of a second source, where the objective has one.
    pub second: &'a [Example],
    /// A file of stored answers; without one the reference says them.
    pub stored: Option<&'a ReplayPolicy>,
    /// The judges that compare each answer with the stored one.
    pub compared: &'a [String],
}

impl Data<'_> {
    /// Refuses to learn from nothing.
    pub(super) fn check(&self, objective: &dyn Objective) -> Result<(), TrainError> {
        let (what, none) = match objective.needs().source {
            Source::Episodes => ("problems to play", self.problems.is_empty()),
            Source::Examples(_) => ("examples of a data set", self.examples.is_empty()),
        };
        if none {
            return Err(TrainError::NoData { what });
        }
        if objective.second().is_some() && self.second.is_empty() {
            let what = "examples of the second source";
            return Err(TrainError::NoData { what });
        }
        Ok(())
    }
}

impl<'a> From<&'a Vec<Problem>> for Data<'a> {
    fn from(problems: &'a Vec<Problem>) -> Self {
        Self {
            problems,
            ..Self::default()
        }
    }
}
