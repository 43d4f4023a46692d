//! Training, top to bottom: an evaluation, rounds of playing, choosing, scoring, crediting and updating, and an evaluation
//! again. What is learnt from and how is the objective's; files and resuming are `run`'s, passes are `learner`'s.

mod checks;
mod draw;
mod error;
mod evaluation;
mod filter;
mod learner;
mod metrics;
mod observer;
mod rates;
mod reference;
mod sample;
mod score;
mod second;
mod session;
mod update;
mod validation;

use std::time::Instant;

use crate::batch::Batch;
use crate::config::TrainConfig;
use crate::judge::Judge;
use crate::objective::{Material, Source};
use crate::rollout::RolloutStats;
use checks::enough_was_played;
pub use error::TrainError;
pub use learner::{Learner, ValueNetwork};
pub use metrics::{Own, RoundMetrics, RoundTimings};
use observer::stop_if_told;
pub use observer::{End, Event, Observer, Phase, Stage};
pub use rates::Rates;
pub use reference::KeptReference;
use score::Chosen;
pub use session::{Data, Played, Session, Stamps};
pub use validation::Validated;

/// Trains to the last round, or until the observer says to stop.
pub fn run(mut session: Session<'_>, observer: &mut dyn Observer) -> Result<End, TrainError> {
    session.evaluate_before(observer)?;
    let config = session.config;
    let rounds = config.rounds;
    observer.on(Event::Training { rounds });
    while session.done.rounds < config.rounds {
        let step = session.learner.policy_optimizer.steps();
        let (judge, data, number) = (session.judge, session.data, session.done.rounds);
        let played = watched_round(&mut session.learner, judge, data, config, number, observer);
        let (groups, metrics, timings) = match played {
            Ok(played) => played,
            Err(TrainError::Stopped) => return session.stopped(),
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
        session.keep(stopping, observer)?;
        match session.validate(observer) {
            Err(TrainError::Stopped) => return session.stopped(),
            validated => validated?,
        }
        session.run.log(rounds);
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
    judge: &dyn Judge,
    data: impl Into<Data<'a>>,
    config: &TrainConfig,
    round: usize,
) -> Result<Played, TrainError> {
    watched_round(learner, judge, data.into(), config, round, &mut ())
}

fn watched_round(
    learner: &mut Learner,
    judge: &dyn Judge,
    data: Data<'_>,
    config: &TrainConfig,
    round: usize,
    observer: &mut dyn Observer,
) -> Result<Played, TrainError> {
    let objective = learner.objective.clone();
    data.check(&*objective)?;
    observer.on(Event::Phase(Phase::Playing));
    let (groups, stats) = match objective.needs().source {
        Source::Episodes => sample::play_round(learner, judge, data, config, round)?,
        Source::Examples(_) => (Vec::new(), RolloutStats::default()),
    };
    stop_if_told(observer)?;
    let mut material = Material::of_groups(&groups, &config.reward)?;
    material.add_examples(&draw::items(data.examples, config, round));
    let mut metrics = RoundMetrics {
        round,
        ..metrics::describe(&groups, &material, &stats)
    };
    enough_was_played(&metrics, &stats, &groups, &material, config)?;
    if round == 0 {
        checks::usable(&groups, config)?;
    }

    observer.on(Event::Phase(Phase::Scoring));
    let clock = Instant::now();
    let units = filter::selected(&*objective, &material, config);
    metrics.count(&material, &units);
    let values_at = (objective.needs().values).map_or_else(Default::default, |values| values.at);
    let batch = Batch::of_units(material.rows_of(&units)).with_values_at(values_at);
    let minibatches = draw::minibatches(&material.groups_of(&units), config, round);
    let chosen = Chosen {
        material: &material,
        units: &units,
        batch: &batch,
        minibatches: &minibatches,
        second: second::draw(&*objective, data.second, minibatches.len(), config, round),
    };
    let known = score::score(learner, &chosen, config, &mut metrics)?;
    stop_if_told(observer)?;
    let scoring_seconds = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    update::update(learner, &chosen, &known, config, &mut metrics, observer)?;
    metrics.step = learner.policy_optimizer.steps();
    learner.note(&groups);
    observer.on(Event::Phase(Phase::Done));
    let timings = RoundTimings::new(round, &stats, scoring_seconds, clock.elapsed());
    Ok((groups, metrics, timings))
}
