//! What all routes share, and what they ask of it: a verdict, a run, a step of an episode.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rlef_judge::judge::{Judgement, Submission};
use rlef_judge::program::{Found, NoProgram, Program, Wanted};
use rlef_judge::verdict::{Scope, StopAt, Verdict};
use rlef_sandbox::{Cancel, Folder, Job, Language, LanguageState, Limits, Protection};
use sha2::{Digest as _, Sha256};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::caller::{Caller, LeavesOnDrop};
use crate::config::{Config, ConfigError};
use crate::episodes::Episodes;
use crate::failure::{Failure, Kind};
use crate::flights::Flights;
use crate::json::Object;
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::places::{Bytes, Places, too_late};
use crate::pool::{Client, Pool, What};
use crate::problems::{Given, Sets};
use crate::runs::{Ran, Run};

/// What all routes share.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) places: Places,
    pub(crate) bytes: Bytes,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) sets: Sets,
    pub(crate) episodes: Episodes,
    pub(crate) languages: Vec<LanguageState>,
    pub(crate) protection: Protection,
    /// Whether the server is about to end.
    pub(crate) draining: watch::Sender<bool>,
    flights: Arc<Flights>,
    pool: Pool,
}

/// What is to be judged.
pub(crate) struct Ask {
    pub(crate) given: Given,
    pub(crate) found: Result<Found, NoProgram>,
    pub(crate) scope: Scope,
    pub(crate) stop: StopAt,
}

/// What is to be run.
pub(crate) struct RunAsk {
    pub(crate) language: Language,
    pub(crate) source: String,
    pub(crate) input: String,
    pub(crate) limits: Limits,
    pub(crate) folder: Option<Folder>,
    /// When whoever asked gives up.
    pub(crate) until: Option<Instant>,
}

/// Counts a caller who left before his answer.
struct Leaving<'a>(&'a Metrics, bool);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl App {
    pub(crate) fn new(
        config: Config,
        machine: Arc<dyn Machine>,
        sets: Sets,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let metrics = Arc::<Metrics>::default();
        let pool = Pool::new(Arc::clone(&machine), Arc::clone(&metrics));
        Ok(Arc::new(Self {
            places: Places::new(config.bounds.requests),
            bytes: Bytes::new(config.bounds.all_bytes),
            episodes: Episodes::new(config.bounds.episodes, config.bounds.episode_idle),
            languages: machine.languages(),
            protection: machine.protection(),
            draining: watch::channel(false).0,
            flights: Arc::default(),
            pool: pool.map_err(ConfigError::Start)?,
            config,
            metrics,
            machine,
            sets,
        }))
    }

    /// What the judge says. The same question under way is waited for, not asked again.
    pub(crate) async fn judge(&self, client: &Client, ask: Ask) -> Result<Arc<Judgement>, Failure> {
        let said = self.ask(client, ask).await;
        match &said {
            Ok(judgement) => {
                if let Some(verdict) = &judgement.verdict {
                    self.metrics.verdict(verdict.grade);
                }
            }
            Err(failure) => self.metrics.failure(failure.kind),
        }
        said
    }

    async fn ask(&self, client: &Client, ask: Ask) -> Result<Arc<Judgement>, Failure> {
        let Ask {
            given,
            found,
            scope,
            stop,
        } = ask;
        self.machine.judge().supports(&given.problem, scope)?;
        let Ok(found) = found else {
            let total = scope.tests(&given.problem).len();
            return Ok(Arc::new(Verdict::no_program(total).into()));
        };
        let program = found.program;
        let (flight, landing) = self.flights.join(key(&given, &program, scope, stop));
        match landing {
            None => drop(self.metrics.joined.fetch_add(1, Ordering::Relaxed)),
            Some(landing) => {
                let problem = given.problem;
                let work = move |machine: &dyn Machine, cancel: &Cancel| {
                    let submission = Submission::of(&problem, Some(&program), scope, stop);
                    let said = machine.judge().judge(&submission, cancel);
                    landing.answer(said.map(Arc::new).map_err(Failure::from));
                };
                let what = What::Work(Box::new(work));
                self.pool.put(client, &flight.caller, what);
            }
        }
        let mut leaving = Leaving(&self.metrics, true);
        let answer = flight.wait().await;
        leaving.1 = false;
        answer
    }

    /// A program on its input, without a verdict.
    pub(crate) async fn run(&self, client: &Client, ask: RunAsk) -> Ran {
        let ran = self.run_until(client, ask).await;
        if let Err(failure) = &ran {
            self.metrics.failure(failure.kind);
        }
        ran
    }

    async fn run_until(&self, client: &Client, ask: RunAsk) -> Ran {
        let (answer, ran) = oneshot::channel();
        let run = Run {
            program: Arc::new(Job {
                language: ask.language,
                source: ask.source.into_bytes(),
                start: rlef_sandbox::Start::default(),
                files: None,
            }),
            limits: ask.limits,
            input: ask.input.into_bytes(),
            folder: ask.folder,
            answer,
        };
        let caller = Caller::new();
        self.pool.put(client, &caller, What::Run(run));
        let _leaves = LeavesOnDrop(caller);
        let mut leaving = Leaving(&self.metrics, true);
        let ran = match ask.until {
            None => ran.await,
            Some(until) => {
                let Ok(ran) = tokio::time::timeout_at(until, ran).await else {
                    leaving.1 = false;
                    return Err(too_late());
                };
                ran
            }
        };
        leaving.1 = false;
        ran.unwrap_or_else(|_| Err(Failure::lost()))
    }

    /// Anything that blocks, done by a worker when its turn comes.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        client: &Client,
        work: impl FnOnce(&dyn Machine, &Cancel) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let (answer, done) = oneshot::channel();
        let caller = Caller::new();
        let work = move |machine: &dyn Machine, cancel: &Cancel| {
            drop(answer.send(work(machine, cancel)));
        };
        self.pool.put(client, &caller, What::Work(Box::new(work)));
        let _leaves = LeavesOnDrop(caller);
        let mut leaving = Leaving(&self.metrics, true);
        let done = done.await;
        leaving.1 = false;
        done.map_err(|_| Failure::lost())
    }

    /// Refuses a language that can't be run here, before anything waits.
    pub(crate) fn require(&self, language: Language) -> Result<(), Failure> {
        let state = self
            .languages
            .iter()
            .find(|state| state.language == language);
        match state {
            Some(state) if state.usable => Ok(()),
            state => {
                let why = state.map_or("this build has none", |state| state.tools.as_str());
                let why = crate::failure::without_paths(why);
                Err(Failure::new(
                    Kind::Problem,
                    format!("{} programs can't be run here: {why}", language.title()),
                ))
            }
        }
    }
}

/// What tells a question from all others.
fn key(given: &Given, program: &Program, scope: Scope, stop: StopAt) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(given.key);
    digest.update([scope as u8, stop as u8, program.language as u8]);
    digest.update(&program.source);
    digest.finalize().into()
}

/// The program of a request: `program`, the bare source, or `completion`, an answer that is searched for it; in `language`, or
/// the problem's.
pub(crate) fn program(
    request: &Object<'_>,
    given: &Given,
) -> Result<Result<Found, NoProgram>, Failure> {
    let mut wanted = Wanted::of(&given.problem);
    if let Some(name) = request.text("language")? {
        let known = || request.wrong("language", &format!("`{name}`"), &languages());
        wanted = wanted.in_language(Language::from_tag(&name).ok_or_else(known)?);
    }
    match (request.text("program")?, request.text("completion")?) {
        (Some(source), None) => {
            let program = Program::bare(source, wanted.language());
            Ok(Ok(Found::given(program)))
        }
        (None, Some(text)) => Ok(Program::find(&text, &wanted)),
        _ => Err(Failure::new(
            Kind::Request,
            "expected either `program`, the bare source, or `completion`, an answer that is searched for its program",
        )),
    }
}

/// The names of all languages.
pub(crate) fn languages() -> String {
    let names = Language::ALL.map(Language::name);
    format!("one of {}", names.join(", "))
}

/// Milliseconds of some seconds, at least one and at most an hour.
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil().clamp(1.0, 3_600_000.0) as u64
}

/// A duration of some seconds, at most an hour.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_millis(milliseconds(seconds))
}
