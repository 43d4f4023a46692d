//! Isolation by process: admission, the pool of warm jails, and one program on many inputs.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use super::blueprint::Blueprint;
use super::builder::{Builder, Built};
use super::image::Image;
use super::jail_pool::{JailPool, Taken};
use super::single::run_among;
use super::{in_force, warm};
use crate::admission::Admission;
use crate::backend::Backend;
use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language, Side};
use crate::languages::{LanguageState, python};
use crate::outcome::{Interaction, Outcome, Status, Usage};
use crate::protection::Protection;
use crate::protocol::JAIL_ARGUMENT;

/// Runs untrusted programs in warm jails.
#[derive(Debug)]
pub(crate) struct Jails {
    pub(crate) admission: Admission,
    pub(crate) builder: Builder,
    pool: JailPool,
    protection: Protection,
    pub(super) pair_grace: Duration,
    progress: fn(&str),
    /// Why there is no interpreter with modules that are imported in advance, once one could not be made.
    cold: OnceLock<String>,
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
        let workers = config.workers.max(1);
        let (blueprint, idle) = warm::start(Blueprint::new(config)?, workers, config.progress)?;
        let protection = in_force::protection(&blueprint, &idle[0]);
        Ok(Self {
            admission: Admission::new(workers),
            pool: JailPool::new(blueprint.clone(), workers, idle),
            protection,
            builder: Builder::new(config, blueprint, workers),
            pair_grace: Duration::from_millis(config.pair_grace_ms),
            progress: config.progress,
            cold: OnceLock::new(),
        })
    }

    fn blueprint(&self) -> &Blueprint {
        &self.builder.pools.blueprint
    }

    /// A jail for the program. Where no interpreter can be kept warm with the modules that it wants, it is started afresh,
    /// which is said once.
    pub(super) fn take_worker(&self, image: &mut Image<'_>) -> Result<Taken, SandboxError> {
        if image.wants_modules() && self.cold.get().is_some() {
            image.start_afresh();
        }
        let Some(tools) = &image.tools else {
            return self.pool.take();
        };
        match self.builder.pools.take(tools) {
            Err(SandboxError::SetUpJail { reason }) if image.wants_modules() => {
                let modules = tools.modules.join(", ");
                self.cold.get_or_init(|| {
                    (self.progress)(&format!(
                        "programs that import {modules} are started afresh for each test: failed to set up the jail of an \
                         interpreter that has imported it: {reason}"
                    ));
                    reason
                });
                image.start_afresh();
                self.pool.take()
            }
            taken => taken,
        }
    }
}

impl Backend for Jails {
    fn protection(&self) -> &Protection {
        &self.protection
    }

    fn languages(&self) -> Vec<LanguageState> {
        Language::ALL
            .into_iter()
            .map(|language| match language {
                Language::Python => LanguageState {
                    language,
                    usable: true,
                    tools: self.python_tools(),
                },
                _ => self.builder.toolchains.state(language),
            })
            .collect()
    }

    fn has_numpy(&self) -> bool {
        self.blueprint().interpreter.numpy
    }

    fn has_folders(&self) -> bool {
        true
    }

    fn python_tools(&self) -> String {
        let interpreter = &self.protection.interpreter;
        if !self.blueprint().interpreter.numpy {
            return format!("{interpreter}, no NumPy");
        }
        match python::numpy_version(&self.blueprint().interpreter.executable) {
            Ok(version) => match self.cold.get() {
                None => format!("{interpreter}, NumPy {version}"),
                Some(reason) => format!(
                    "{interpreter}, NumPy {version}, imported afresh by each test: {reason}"
                ),
            },
            Err(reason) => format!("{interpreter}, NumPy that cannot be imported: {reason}"),
        }
    }

    fn require(&self, language: Language) -> Result<(), SandboxError> {
        match language {
            Language::Python => Ok(()),
            Language::Wasm => Err(SandboxError::ModuleInProcess),
            _ => self.builder.toolchains.get(language).map(drop),
        }
    }

    fn cache_directory(&self) -> Result<PathBuf, String> {
        self.builder.cache_directory()
    }

    /// A program that has run for a while lets others have their turn between two of its inputs, and is compiled again
    /// afterwards.
    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        let Batch {
            job,
            inputs,
            cancel,
            ..
        } = *batch;
        no_module([job])?;
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(inputs.len());
        let mut permit = self.admission.enter(cancel)?;
        let built = self.builder.build(job, batch.limits, cancel)?;
        let mut image = match built {
            Built::Ready(image) => match batch.files() {
                Some(among) => image.among(among.folder, batch.limits),
                None => image.with_files(job, inputs),
            },
            Built::Refused(outcome) => return Ok(batch.refused(outcome)),
        };
        let limits = &image.limits(batch.limits);
        let mut worker = self.take_worker(&mut image)?;
        for (index, input) in inputs.iter().enumerate() {
            if index > 0 && permit.is_spent() {
                worker.give_back();
                drop(permit);
                permit = self.admission.enter(cancel)?;
                worker = self.take_worker(&mut image)?;
            }
            if worker.broken {
                drop(worker);
                worker = self.take_worker(&mut image)?;
            }
            let outcome = match outcomes.last() {
                Some(last) if last.status == Status::CompileError => Outcome {
                    usage: Usage::default(),
                    ..last.clone()
                },
                _ => match run_among(
                    &mut worker,
                    &image,
                    input,
                    limits,
                    None,
                    batch.files(),
                    cancel,
                ) {
                    Err(SandboxError::Cancelled) => {
                        worker.give_back();
                        return Err(SandboxError::Cancelled);
                    }
                    result => result?,
                },
            };
            let go_on = batch.goes_on(index, &outcome);
            outcomes.push(outcome);
            if !go_on {
                break;
            }
        }
        worker.give_back();
        Ok(outcomes)
    }

    fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        no_module([left.job, right.job])?;
        self.pair(cancel, left, right)
    }

    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        no_module([interactor.job, program.job])?;
        self.interaction(cancel, interactor, preface, program)
    }
}

/// Fails if one of these is a WebAssembly module.
fn no_module<const N: usize>(jobs: [&Job; N]) -> Result<(), SandboxError> {
    if jobs.iter().any(|job| job.language == Language::Wasm) {
        return Err(SandboxError::ModuleInProcess);
    }
    Ok(())
}
