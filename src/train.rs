//! Training, top to bottom: an evaluation, rounds of playing, choosing, scoring, crediting and updating, and an evaluation
//! again. What is learnt from and how is the objective's; files and resuming are `run`'s, passes are `learner`'s.

mod ahead;
mod checks;
mod credit;
mod draw;
mod error;
mod evaluation;
mod filter;
mod learner;
mod metrics;
mod observer;
mod part;
mod rates;
mod reference;
mod sample;
mod score;
mod second;
mod served;
mod session;
mod steps;
mod stored;
mod task;
mod update;
mod validation;

use std::time::Instant;

use crate::config::TrainConfig;
use crate::judge::Judge;
use crate::rollout::RolloutStats;
pub use error::TrainError;
pub use learner::{Learner, ValueNetwork};
pub use metrics::{Own, RoundMetrics, RoundTimings};
use observer::stop_if_told;
pub use observer::{End, Event, Observer, Phase, Stage};
pub use rates::Rates;
pub use reference::KeptReference;
pub use session::{Data, Played, Session, Stamps};
pub use stored::{StoredAnswer, StoredSet};
pub use task::Task;
pub use validation::Validated;

/// Trains to the last round, or until the observer says to stop.
pub fn run(mut session: Session<'_>, observer: &mut dyn Observer) -> Result<End, TrainError> {
    session.evaluate_before(observer)?;
    let config = session.config;
    let rounds = config.rounds;
    observer.on(Event::Training { rounds });
    let objective = session.learner.objective.clone();
    let whole = [Task::whole(config, objective, session.judge, session.data)];
    let tasks = if session.tasks.is_empty() {
        &whole[..]
    } else {
        session.tasks
    };
    if config.rollout.max_staleness > 0 {
        if let Some(end) = ahead::rounds(&mut session, tasks, observer)? {
            return Ok(end);
        }
    } else {
        while session.done.rounds < config.rounds {
            let step = session.learner.policy_optimizer.steps();
            let number = session.done.rounds;
            let played = watched_round(&mut session.learner, tasks, number, observer);
            if let Some(end) = session.took(step, played, observer)? {
                return Ok(end);
            }
        }
    }
    observer.on(Event::Trained);
    session.evaluate_after(observer)?;
    Ok(End::Done)
}

/// Plays one round and learns from it, unless too much of it was lost: then no weight is moved.
pub fn round<'a>(
    learner: &mut Learner,
    judge: &'a dyn Judge,
    data: impl Into<Data<'a>>,
    config: &'a TrainConfig,
    round: usize,
) -> Result<Played, TrainError> {
    let task = Task::whole(config, learner.objective.clone(), judge, data.into());
    tasks_round(learner, &[task], round)
}

/// [`round`] of several tasks: the policy takes one step against the weighed sum of their gradients (CGPO, algorithm 2).
pub fn tasks_round(
    learner: &mut Learner,
    tasks: &[Task<'_>],
    round: usize,
) -> Result<Played, TrainError> {
    watched_round(learner, tasks, round, &mut ())
}

fn watched_round(
    learner: &mut Learner,
    tasks: &[Task<'_>],
    round: usize,
    observer: &mut dyn Observer,
) -> Result<Played, TrainError> {
    for task in tasks {
        task.data.check(&*task.objective)?;
    }
    observer.on(Event::Phase(Phase::Playing));
    let (played, cost) = sample::play_tasks(learner, tasks, round, observer)?;
    learnt(learner, tasks, (played, &cost), round, observer)
}

/// Learns from what was played of a round.
fn learnt(
    learner: &mut Learner,
    tasks: &[Task<'_>],
    (played, cost): (Vec<sample::Sampled>, &RolloutStats),
    round: usize,
    observer: &mut dyn Observer,
) -> Result<Played, TrainError> {
    let stored = tasks.iter().zip(&played);
    let stored = stored.map(|(task, (groups, _))| part::learnable(learner, task, groups));
    let stored: Vec<_> = stored.collect();
    let (mut parts, mut all) = part::of_tasks(tasks, &played, round)?;

    observer.on(Event::Phase(Phase::Scoring));
    let clock = Instant::now();
    let mut known = Vec::with_capacity(parts.len());
    for ((part, stored), metrics) in parts.iter_mut().zip(&stored).zip(&mut all) {
        part.choose(stored, round);
        metrics.count(&part.material, &part.units);
        known.push(score::score(learner, part, metrics)?);
        stop_if_told(observer)?;
    }
    let scoring_seconds = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let read = update::update(learner, &parts, &known, &mut all, observer)?;
    let credit = credit::of_parts(&parts, &known, &read);
    let mut metrics = metrics::together(&parts, all);
    metrics.step = learner.policy_optimizer.steps();
    drop(parts);
    let groups = credit::given(played, credit);
    learner.note(&groups);
    observer.on(Event::Phase(Phase::Done));
    let timings = RoundTimings::new(round, cost, scoring_seconds, clock.elapsed());
    Ok((groups, metrics, timings))
}
