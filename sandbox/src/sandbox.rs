//! Isolation by process: admission, the pool of warm jails, and the three ways to run.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, thread};

use crate::admission::Admission;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::image::Image;
use crate::jail::JAIL_ARGUMENT;
use crate::job::{Job, Language, Side};
use crate::languages::{LanguageState, python};
use crate::limits::Limits;
use crate::outcome::{Interaction, Outcome, Status, Usage};
use crate::pool::{Pool, Taken};
use crate::process::blueprint::Blueprint;
use crate::process::drive::drive;
use crate::process::interaction::{Channel, converse};
use crate::process::run::Run;
use crate::process::stream::{self, Capture};
use crate::process::worker::Worker;
use crate::protection::Protection;
use crate::workshop::{Built, Workshop, run_in};

/// Runs untrusted programs in warm jails. Blocking, and shared freely between threads.
#[derive(Debug)]
pub(crate) struct Jails {
    admission: Admission,
    pool: Pool,
    blueprint: Blueprint,
    protection: Protection,
    workshop: Workshop,
    pair_grace: Duration,
}

impl Jails {
    /// Finds the interpreter, starts one jail per worker, and refuses if a required protection is missing.
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        if env::args_os()
            .nth(1)
            .is_some_and(|argument| argument == JAIL_ARGUMENT)
        {
            let reason = "this process is a jail: main must call rlef_sandbox::jail_entry() first"
                .to_owned();
            return Err(SandboxError::SetUpJail { reason });
        }
        if let Some(&safeguard) = config
            .may_lack
            .iter()
            .find(|safeguard| !safeguard.may_be_given_up())
        {
            let reason = "it is part of every jail and cannot be given up".to_owned();
            return Err(SandboxError::MissingProtection {
                safeguard,
                reason,
                remedy: safeguard.remedy(),
            });
        }
        let blueprint = Blueprint::new(config)?;
        let workers = config.workers.max(1);
        let idle = thread::scope(|scope| {
            let starting: Vec<_> = (0..workers)
                .map(|_| scope.spawn(|| Worker::spawn(&blueprint)))
                .collect();
            starting
                .into_iter()
                .map(|starting| {
                    let lost = || SandboxError::SetUpJail {
                        reason: "the thread that starts it panicked".to_owned(),
                    };
                    starting.join().map_err(|_| lost())?
                })
                .collect::<Result<Vec<Worker>, SandboxError>>()
        })?;
        let protection = blueprint.describe(&idle[0]);
        Ok(Self {
            admission: Admission::new(workers),
            pool: Pool::new(blueprint.clone(), workers, idle),
            blueprint,
            protection,
            workshop: Workshop::new(config, workers),
            pair_grace: Duration::from_millis(config.pair_grace_ms),
        })
    }

    /// What is really in force.
    pub(crate) fn protection(&self) -> &Protection {
        &self.protection
    }

    /// What this host has for each language. Asks each compiler for its version the first time.
    pub(crate) fn languages(&self) -> Vec<LanguageState> {
        Language::ALL
            .into_iter()
            .map(|language| match language {
                Language::Python => LanguageState {
                    language,
                    usable: true,
                    tools: self.python_tools(),
                },
                _ => self.workshop.state(language),
            })
            .collect()
    }

    fn python_tools(&self) -> String {
        let interpreter = &self.protection.interpreter;
        if !self.blueprint.numpy {
            return format!("{interpreter}, no NumPy");
        }
        match python::numpy_version(&self.blueprint.plan.python) {
            Ok(version) => format!("{interpreter}, NumPy {version}"),
            Err(reason) => format!("{interpreter}, NumPy that cannot be imported: {reason}"),
        }
    }

    /// Fails if programs of this language cannot be run here.
    pub(crate) fn require(&self, language: Language) -> Result<(), SandboxError> {
        match language {
            Language::Python => Ok(()),
            _ => self.workshop.toolchain(language).map(drop),
        }
    }

    /// Where compiled programs are kept, or why each is compiled anew.
    pub(crate) fn cache_directory(&self) -> Result<PathBuf, String> {
        self.workshop.cache_directory()
    }

    /// Runs one program on many inputs, compiled once; each run starts from the same clean state. After each,
    /// `keep_going(index, &outcome)` decides whether the next is run. A source that does not compile is
    /// tried once, and its outcome stands for every input. A program that has run for a while lets others have
    /// their turn between two of its inputs, and is compiled again afterwards.
    pub(crate) fn run_batch(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, SandboxError> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(inputs.len());
        if inputs.is_empty() {
            return Ok(outcomes);
        }
        let mut permit = self.admission.enter(cancel)?;
        let image = match self.workshop.build(&self.blueprint, job, limits, cancel)? {
            Built::Ready(image) => image,
            Built::Refused(outcome) => return Ok(refused(outcome, inputs.len(), keep_going)),
        };
        let limits = &image.limits(limits);
        let mut worker = self.take_worker(&image)?;
        for (index, input) in inputs.iter().enumerate() {
            if index > 0 && permit.is_spent() {
                worker.give_back();
                drop(permit);
                permit = self.admission.enter(cancel)?;
                worker = self.take_worker(&image)?;
            }
            if worker.broken {
                drop(worker);
                worker = self.take_worker(&image)?;
            }
            let outcome = match outcomes.last() {
                Some(last) if last.status == Status::CompileError => Outcome {
                    usage: Usage::default(),
                    ..last.clone()
                },
                _ => match run_in(&mut worker, &image, input, limits, None, cancel) {
                    Err(SandboxError::Cancelled) => {
                        worker.give_back();
                        return Err(SandboxError::Cancelled);
                    }
                    result => result?,
                },
            };
            let go_on = keep_going(index, &outcome);
            outcomes.push(outcome);
            if !go_on {
                break;
            }
        }
        worker.give_back();
        Ok(outcomes)
    }

    /// Compiles a C or C++ program to a WebAssembly module.
    #[cfg(feature = "wasm")]
    pub(crate) fn module(
        &self,
        cancel: &Cancel,
        job: &Job,
        limits: &Limits,
    ) -> Result<crate::workshop::Module, SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        self.workshop.module(&self.blueprint, job, limits, cancel)
    }

    /// Runs two programs in two jails, the standard output of each being the standard input of the other. Their
    /// `stdout` is empty: it went to the other side. When one ends, the other sees the end of its input and
    /// is given the grace period of the configuration.
    pub(crate) fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        let sides = (left, right);
        let (left, right) = match (self.built(left, cancel)?, self.built(right, cancel)?) {
            (Built::Ready(left), Built::Ready(right)) => (left, right),
            (left, right) => {
                let left = self.without_partner(left, &sides.0, cancel)?;
                return Ok((left, self.without_partner(right, &sides.1, cancel)?));
            }
        };
        let (left_limits, right_limits) =
            (&left.limits(sides.0.limits), &right.limits(sides.1.limits));
        let (mut first, mut second) = (self.take_worker(&left)?, self.take_worker(&right)?);
        let outcomes = {
            let (left_input, right_output) = stream::pipe("pipe to the left program", first.owner)?;
            let (right_input, left_output) =
                stream::pipe("pipe to the right program", second.owner)?;
            let (left_words, left_error) = stream::pipe("error pipe", first.owner)?;
            let (right_words, right_error) = stream::pipe("error pipe", second.owner)?;
            first.bound(left_limits)?;
            second.bound(right_limits)?;
            first.start_program(&left, left_limits)?;
            second.start_program(&right, right_limits)?;
            let left_run = Run::start(
                &mut first,
                left_limits,
                &[left_input.as_fd(), left_output.as_fd(), left_error.as_fd()],
                Capture::nothing(),
                Capture::new(left_words, left_limits.output_bytes)?,
            )?;
            let right_run = Run::start(
                &mut second,
                right_limits,
                &[
                    right_input.as_fd(),
                    right_output.as_fd(),
                    right_error.as_fd(),
                ],
                Capture::nothing(),
                Capture::new(right_words, right_limits.output_bytes)?,
            )?;
            // Only the programs may hold the pipes, or none would see the other's end.
            drop((
                left_input,
                left_output,
                left_error,
                right_input,
                right_output,
                right_error,
            ));
            drive([left_run, right_run], self.pair_grace, cancel)
        };
        if matches!(outcomes, Ok(_) | Err(SandboxError::Cancelled)) {
            first.give_back();
            second.give_back();
        }
        let [left_outcome, right_outcome] = outcomes?;
        Ok((left_outcome, right_outcome))
    }

    /// Runs a program and the interactor that talks with it in two jails; see [`crate::Sandbox::run_interactive`].
    pub(crate) fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        let sides = (interactor, program);
        let (interactor, program) =
            match (self.built(sides.0, cancel)?, self.built(sides.1, cancel)?) {
                (Built::Ready(interactor), Built::Ready(program)) => (interactor, program),
                (Built::Refused(outcome), _) => {
                    return Ok(Interaction::without_interactor(outcome));
                }
                (_, Built::Refused(outcome)) => return Ok(Interaction::without_program(outcome)),
            };
        let (patience, limits) = (
            interactor.limits(sides.0.limits),
            program.limits(sides.1.limits),
        );
        let (mut first, mut second) = (self.take_worker(&interactor)?, self.take_worker(&program)?);
        let result = {
            let (questions, asks) = stream::pipe("pipe to the program", second.owner)?;
            let (words, says) = stream::pipe("standard output", second.owner)?;
            let (hears, ear) = stream::pipe("pipe to the interactor", first.owner)?;
            let (first_words, first_error) = stream::pipe("error pipe", first.owner)?;
            let (second_words, second_error) = stream::pipe("error pipe", second.owner)?;
            let again = |descriptor: &OwnedFd| {
                descriptor
                    .try_clone()
                    .map_err(|source| SandboxError::MakeStream {
                        what: "pipe between two programs",
                        source,
                    })
            };
            let channel = Channel::new(words, ear, again(&hears)?, again(&questions)?, preface)?;
            first.bound(&patience)?;
            second.bound(&limits)?;
            first.start_program(&interactor, &patience)?;
            second.start_program(&program, &limits)?;
            let listens = Run::start(
                &mut first,
                &patience,
                &[hears.as_fd(), asks.as_fd(), first_error.as_fd()],
                Capture::nothing(),
                Capture::new(first_words, patience.output_bytes)?,
            )?;
            let speaks = Run::start(
                &mut second,
                &limits,
                &[questions.as_fd(), says.as_fd(), second_error.as_fd()],
                Capture::nothing(),
                Capture::new(second_words, limits.output_bytes)?,
            )?;
            // Held open here they would never be seen to end.
            drop((questions, asks, says, hears, first_error, second_error));
            converse(listens, speaks, channel, self.pair_grace, cancel)
        };
        if matches!(result, Ok(_) | Err(SandboxError::Cancelled)) {
            first.give_back();
            second.give_back();
        }
        result
    }

    fn built<'a>(&self, side: Side<'a>, cancel: &Cancel) -> Result<Built<'a>, SandboxError> {
        self.workshop
            .build(&self.blueprint, side.job, side.limits, cancel)
    }

    /// One of a pair whose other does not compile: it sees the end of its input at once.
    fn without_partner(
        &self,
        built: Built<'_>,
        side: &Side<'_>,
        cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        let image = match built {
            Built::Ready(image) => image,
            Built::Refused(outcome) => return Ok(outcome),
        };
        let mut worker = self.take_worker(&image)?;
        let limits = &image.limits(side.limits);
        let outcome = run_in(&mut worker, &image, b"", limits, None, cancel)?;
        worker.give_back();
        Ok(Outcome {
            stdout: Vec::new(),
            ..outcome
        })
    }

    fn take_worker(&self, image: &Image<'_>) -> Result<Taken, SandboxError> {
        match &image.tools {
            Some(tools) => self.workshop.take(&self.blueprint, tools),
            None => self.pool.take(),
        }
    }
}

/// The outcome of a source that does not compile, for every input; compiling is charged to the first.
pub(crate) fn refused(
    outcome: Outcome,
    inputs: usize,
    keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
) -> Vec<Outcome> {
    let mut outcomes = vec![outcome];
    while keep_going(outcomes.len() - 1, &outcomes[outcomes.len() - 1]) && outcomes.len() < inputs {
        outcomes.push(Outcome {
            usage: Usage {
                fuel: outcomes[0].usage.fuel.map(|_| 0),
                ..Usage::default()
            },
            ..outcomes[0].clone()
        });
    }
    outcomes
}
