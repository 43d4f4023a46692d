//! Rounds of which the next is sampled while one is learnt from: off-policy, by as many rounds as `rollout.max_staleness` says and
//! no more. What is sampled is the policy as it was; the objective's correction weighs it by the recorded log-probabilities.
//!
//! Which version a round is sampled from depends on who is faster. So that nothing of it is changed where no round is sampled
//! ahead, that way is another one (`train::run`).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::learner::Learner;
use super::sample::{self, Sampled};
use super::{End, Event, Observer, Phase, Session, Task, TrainError, learnt};
use crate::model::decoder::Decoder;
use crate::rollout::RolloutStats;

/// Time between looks at whether it is told to stop.
const LOOK: Duration = Duration::from_millis(100);

/// A round that was sampled.
struct Ready {
    round: usize,
    /// The version of the weights that it was begun with, in rounds and in updates.
    after: usize,
    version: usize,
    played: Vec<Sampled>,
    cost: RolloutStats,
}

/// What sampler and learner tell each other.
struct State {
    /// Rounds that are learnt.
    learnt: usize,
    /// The policy after them, and its updates.
    policy: Decoder,
    version: usize,
    ready: VecDeque<Result<Ready, TrainError>>,
    /// Whether one of them has ended.
    over: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until something holds or it is over.
    fn wait<T>(&self, mut found: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&mut state) {
                return Some(found);
            }
            if state.over {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Tells the other that it is over, also where this one panics.
struct Ends<'a>(&'a Shared);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.over = true);
    }
}

/// Plays and learns to the last round; how it ended, where that was before.
pub(super) fn rounds(
    session: &mut Session<'_>,
    tasks: &[Task<'_>],
    observer: &mut dyn Observer,
) -> Result<Option<End>, TrainError> {
    let (from, to) = (session.done.rounds, session.config.rounds);
    let most = session.config.rollout.max_staleness;
    let mut sampler = session.learner.sampler();
    let shared = Shared {
        state: Mutex::new(State {
            learnt: from,
            policy: session.learner.policy.clone(),
            version: session.learner.policy_optimizer.steps(),
            ready: VecDeque::new(),
            over: false,
        }),
        changed: Condvar::new(),
    };
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in from..to {
                if !one(&mut sampler, tasks, &shared, round, most) {
                    return;
                }
            }
        });
        let _ends = Ends(&shared);
        learn(session, tasks, &shared, observer)
    });
    session.learner.engine = sampler.engine.take();
    result
}

/// Samples a round as soon as it may be; whether there may be another one.
fn one(
    sampler: &mut Learner,
    tasks: &[Task<'_>],
    shared: &Shared,
    round: usize,
    most: usize,
) -> bool {
    let begun = shared.wait(|state| {
        // The rounds before it that are not learnt yet are what it lags behind by the time that it is.
        (round - state.learnt <= most).then(|| (state.policy.clone(), state.learnt, state.version))
    });
    let Some((policy, after, version)) = begun else {
        return false;
    };
    sampler.policy = policy;
    sampler.policy_optimizer.set_steps(version);
    let played = sample::play_tasks(sampler, tasks, round, &mut ());
    let goes_on = played.is_ok();
    let ready = played.map(|(played, cost)| Ready {
        round,
        after,
        version,
        played,
        cost,
    });
    shared.change(|state| state.ready.push_back(ready));
    goes_on
}

/// Learns from rounds as they come.
fn learn(
    session: &mut Session<'_>,
    tasks: &[Task<'_>],
    shared: &Shared,
    observer: &mut dyn Observer,
) -> Result<Option<End>, TrainError> {
    while session.done.rounds < session.config.rounds {
        for task in tasks {
            task.data.check(&*task.objective)?;
        }
        observer.on(Event::Phase(Phase::Playing));
        let ready = loop {
            let mut state = shared.lock();
            if let Some(ready) = state.ready.pop_front() {
                break ready;
            }
            let waited = shared.changed.wait_timeout(state, LOOK);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
            if observer.stop() {
                return session.stopped().map(Some);
            }
        };
        let now = session.learner.policy_optimizer.steps();
        let round = session.done.rounds;
        let result = ready.and_then(|ready| {
            debug_assert_eq!(ready.round, round, "rounds come in their order");
            let (after, version) = (ready.after, ready.version);
            let sampled = (ready.played, &ready.cost);
            let (groups, mut metrics, timings) =
                learnt(&mut session.learner, tasks, sampled, round, observer)?;
            let stale = [
                ("staleness_rounds", round - after),
                ("staleness_versions", now - version),
            ];
            for (name, value) in stale {
                metrics.own.add(name, value as f64);
            }
            Ok((version, (groups, metrics, timings)))
        });
        let (version, played) = match result {
            Ok((version, played)) => (version, Ok(played)),
            Err(error) => (now, Err(error)),
        };
        if let Some(end) = session.took(version, played, observer)? {
            return Ok(Some(end));
        }
        let learner = &session.learner;
        shared.change(|state| {
            state.learnt += 1;
            state.policy = learner.policy.clone();
            state.version = learner.policy_optimizer.steps();
        });
    }
    Ok(None)
}
