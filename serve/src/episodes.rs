//! Episodes that are open: each a problem and what was played of it, kept between two steps.
//!
//! A step that fails, or whose caller hangs up, leaves the episode as it was: it may be taken again. A caller that says which
//! turn its answer is for may ask again whatever became of the first time: the step is taken once, and its end is said
//! twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rlef_judge::environment::{Environment, Play, PlayConfig, Played, Step, StopReason};
use rlef_judge::judge::JudgeError;
use rlef_judge::verdict::Verdict;
use rlef_sandbox::Cancel;

use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::machine::Machine;
use crate::places::Held;
use crate::pool::Client;
use crate::problems::Given;

/// What was played so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) turns: Vec<Played>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) outcome: Option<Verdict>,
    /// Of each turn; nothing where it must not be learnt from.
    pub(crate) rewards: Option<Vec<f64>>,
}

/// One play of one problem.
#[derive(Debug)]
pub(crate) struct Episode {
    pub(crate) given: Given,
    pub(crate) config: PlayConfig,
    pub(crate) first: String,
    played: Mutex<Progress>,
    /// The last answer, and what it came to.
    last: Mutex<Option<(String, Arc<Stepped>)>>,
    /// What the answers of all turns hold.
    held: Mutex<Vec<Held>>,
    /// Held by whoever takes a step.
    stepping: tokio::sync::Mutex<()>,
    touched: Mutex<Instant>,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Stepped {
    pub(crate) step: Step,
    pub(crate) after: Progress,
}

impl Episode {
    /// A problem, opened. Refused where it can't be judged.
    pub(crate) fn open(app: &App, given: Given, config: PlayConfig) -> Result<Self, Failure> {
        let problem = Arc::clone(&given.problem);
        let (_, first) = Environment::open(&problem, app.machine.judge(), &config)?;
        Ok(Self {
            given,
            config,
            first,
            played: Mutex::default(),
            last: Mutex::default(),
            held: Mutex::default(),
            stepping: tokio::sync::Mutex::default(),
            touched: Mutex::new(Instant::now()),
        })
    }

    fn played_now(&self) -> MutexGuard<'_, Progress> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn played(&self) -> Progress {
        self.played_now().clone()
    }

    fn touch(&self) {
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle(&self) -> Duration {
        let touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        touched.elapsed()
    }

    /// Takes an answer: the one of `turn`, where that is said.
    pub(crate) async fn step(
        self: &Arc<Self>,
        app: &App,
        client: &Client,
        turn: Option<usize>,
        text: String,
    ) -> Result<Arc<Stepped>, Failure> {
        self.touch();
        let _one = match turn {
            // Perhaps it is the same one, of whose end its caller did not hear.
            Some(_) => self.stepping.lock().await,
            None => self.stepping.try_lock().map_err(|_| {
                Failure::new(
                    Kind::Conflict,
                    "another step of this episode is under way; wait for it",
                )
            })?,
        };
        let before = self.played();
        if let Some(said) = self.said_before(before.turns.len(), turn, &text)? {
            return Ok(said);
        }
        if before.stop.is_some() {
            return Err(Failure::new(
                Kind::Conflict,
                "the episode is over, and none is played twice; open another",
            ));
        }
        // Of the turn, of how the episode stands after it, and to compare the next one with.
        let purse = app.bytes.of(&client.who);
        let held = purse.hold(text.len().saturating_mul(3))?;
        let (own, answer) = (Arc::clone(self), text.clone());
        let stepped = app
            .work(client, move |machine, cancel| {
                own.stepped(before, &answer, machine, cancel)
            })
            .await
            .and_then(|stepped| stepped.map(Arc::new).map_err(Failure::from));
        match &stepped {
            Ok(stepped) => {
                *self.played_now() = stepped.after.clone();
                self.held
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(held);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some((text, Arc::clone(stepped)));
                self.touch();
                if let Some(verdict) = &stepped.step.judged.verdict {
                    app.metrics.verdict(verdict.grade);
                }
            }
            Err(failure) => app.metrics.failure(failure.kind),
        }
        stepped
    }

    /// What the last step came to, if it is asked for again; nothing for the next turn.
    fn said_before(
        &self,
        taken: usize,
        turn: Option<usize>,
        text: &str,
    ) -> Result<Option<Arc<Stepped>>, Failure> {
        let Some(turn) = turn.filter(|&turn| turn != taken) else {
            return Ok(None);
        };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some((answer, stepped)) if turn + 1 == taken && answer == text => {
                Ok(Some(Arc::clone(stepped)))
            }
            Some(_) if turn + 1 == taken => Err(Failure::new(
                Kind::Conflict,
                format!("turn {turn} was taken with another answer"),
            )),
            _ => Err(Failure::new(
                Kind::Conflict,
                format!("the episode stands at turn {taken}, and the answer is for turn {turn}"),
            )),
        }
    }

    fn stepped(
        &self,
        before: Progress,
        text: &str,
        machine: &dyn Machine,
        cancel: &Cancel,
    ) -> Result<Stepped, JudgeError> {
        let play = Play::open(&self.given.problem, &self.config).with_parts(
            before.turns,
            before.stop,
            before.outcome,
        );
        let mut environment = Environment::resume(play, machine.judge());
        let step = environment.step(text, cancel)?;
        let play = environment.into_play();
        let rewards = play.rewards();
        let (turns, stop, outcome) = play.into_parts();
        Ok(Stepped {
            step,
            after: Progress {
                turns,
                stop,
                outcome,
                rewards,
            },
        })
    }
}

/// Episodes by their names, which nobody can guess.
#[derive(Debug)]
pub(crate) struct Episodes {
    open: Mutex<HashMap<String, Arc<Episode>>>,
    most: usize,
    idle: Duration,
}

impl Episodes {
    pub(crate) fn new(most: usize, idle: Duration) -> Self {
        Self {
            open: Mutex::default(),
            most,
            idle,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Episode>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Keeps an episode under a new name, or under the one that its caller chose.
    pub(crate) fn add(
        &self,
        name: Option<String>,
        episode: Arc<Episode>,
    ) -> Result<String, Failure> {
        let name = match name {
            Some(name) => name,
            None => format!("{:032x}", rand::random::<u128>()),
        };
        let mut open = self.lock();
        if open.contains_key(&name) {
            return Err(Failure::new(
                Kind::Conflict,
                "there is an episode of this name; choose another",
            ));
        }
        if open.len() >= self.most {
            open.retain(|_, episode| episode.idle() < self.idle);
        }
        if open.len() >= self.most {
            return Err(Failure::new(
                Kind::Busy,
                "too many episodes are open; close some, or come again later",
            ));
        }
        open.insert(name.clone(), episode);
        Ok(name)
    }

    /// The episode of this name.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Episode>, Failure> {
        let found = self.lock().get(name).cloned();
        found.ok_or_else(|| {
            Failure::new(
                Kind::NotFound,
                "there is no such episode; it was closed, or lay untouched for too long",
            )
        })
    }

    /// Forgets an episode.
    pub(crate) fn close(&self, name: &str) -> Result<(), Failure> {
        self.get(name)?;
        self.lock().remove(name);
        Ok(())
    }

    /// Forgets those that lay untouched for too long.
    pub(crate) fn sweep(&self) {
        self.lock().retain(|_, episode| episode.idle() < self.idle);
    }
}
