//! Training, top to bottom: an evaluation, rounds of playing, choosing, scoring, crediting and updating, and an evaluation
//! again. What is learnt from and how is the objective's; the loop asks what it needs and nothing else. Files and resuming
//! are `run`'s, passes are `learner`'s.

mod checks;
mod draw;
mod error;
mod evaluation;
mod learner;
mod metrics;
mod observer;
mod sample;
mod score;
mod second;
mod update;

use std::time::Instant;

use crate::batch::Batch;
use crate::config::TrainConfig;
use crate::examples::Example;
use crate::objective::{Material, Objective, Source};
use crate::problem::Problem;
use crate::rollout::{Grader, Group, RolloutStats};
use crate::run::{Progress, Run};
use checks::enough_was_played;
pub use error::TrainError;
pub use learner::{Learner, ValueNetwork};
pub use metrics::{Own, RoundMetrics, RoundTimings};
pub use observer::{End, Event, Observer};
use score::Chosen;

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
    /// What it learns from.
    pub data: Data<'a>,
    /// What it is evaluated on before and after; nothing for no evaluation.
    pub held_out: &'a [Problem],
    /// Who judges.
    pub grader: &'a dyn Grader,
}

/// What rounds draw from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// Problems, for an objective that learns from episodes.
    pub problems: &'a [Problem],
    /// Examples of a data set, for one that learns from them.
    pub examples: &'a [Example],
    /// Those of a second source, where the objective has one.
    pub second: &'a [Example],
}

impl Data<'_> {
    /// Refuses to learn from nothing.
    fn check(&self, objective: &dyn Objective) -> Result<(), TrainError> {
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

/// Trains to the last round, or until the observer says to stop.
pub fn run(mut session: Session<'_>, observer: &mut dyn Observer) -> Result<End, TrainError> {
    session.evaluate_before(observer)?;
    let (config, every) = (session.config, session.config.resources.checkpoint_every);
    observer.on(Event::Training {
        rounds: config.rounds,
    });
    while session.done.rounds < config.rounds {
        let step = session.learner.policy_optimizer.steps();
        let (grader, data, number) = (session.grader, session.data, session.done.rounds);
        let played = round(&mut session.learner, grader, data, config, number);
        let (groups, metrics, timings) = match played {
            Ok(played) => played,
            Err(error) => {
                session.save_what_was_learnt(&error, observer);
                return Err(error);
            }
        };
        session.run.record(step, &groups, &metrics, &timings)?;
        session.done.rounds += 1;
        let rounds = session.done.rounds;
        observer.on(Event::Round {
            rounds,
            metrics: &metrics,
            timings: &timings,
        });
        if let Some(error) = session.learner.diverged() {
            return Err(error);
        }
        let stopping = observer.stop();
        let due = rounds.is_multiple_of(every) || rounds == config.rounds || stopping;
        if due && rounds < config.rounds && session.learner.is_in_doubt() {
            // The one before it stays, to go on from if it gets no better.
            observer.on(Event::NoCheckpoint { rounds });
        } else if due {
            session.run.checkpoint(&session.learner, rounds)?;
        }
        if stopping {
            return Ok(End::Stopped { rounds });
        }
    }
    observer.on(Event::Trained);
    session.evaluate_after(observer)?;
    Ok(End::Done)
}

/// Plays one round and learns from it, unless too much of it was lost: then no weight is moved.
pub fn round<'a>(
    learner: &mut Learner,
    grader: &dyn Grader,
    data: impl Into<Data<'a>>,
    config: &TrainConfig,
    round: usize,
) -> Result<(Vec<Group>, RoundMetrics, RoundTimings), TrainError> {
    let (data, objective) = (data.into(), learner.objective.clone());
    data.check(&*objective)?;
    let (groups, stats) = match objective.needs().source {
        Source::Episodes => sample::play_round(learner, grader, data.problems, config, round)?,
        Source::Examples(_) => (Vec::new(), RolloutStats::default()),
    };
    let mut material = Material::of_groups(&groups, &config.reward)?;
    material.add_examples(&draw::items(data.examples, config, round));
    let mut metrics = RoundMetrics {
        round,
        ..metrics::describe(&groups, &material, &stats)
    };
    enough_was_played(&metrics, &stats, &groups, &material, config)?;

    let clock = Instant::now();
    let units = objective.select(&material);
    metrics.count(&material, &units);
    let batch = Batch::of_units(material.rows_of(&units));
    let minibatches = draw::minibatches(batch.units.len(), config, round);
    let chosen = Chosen {
        material: &material,
        units: &units,
        batch: &batch,
        minibatches: &minibatches,
        second: second::draw(&*objective, data.second, minibatches.len(), config, round),
    };
    let known = score::score(learner, &chosen, config, &mut metrics)?;
    let scoring_seconds = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    update::update(learner, &chosen, &known, config, &mut metrics)?;
    metrics.step = learner.policy_optimizer.steps();
    let timings = RoundTimings::new(round, &stats, scoring_seconds, clock.elapsed());
    Ok((groups, metrics, timings))
}
