//! `Job` + input + `Limits` → `Outcome` by the isolation that the configuration names.
//!
//! Two isolations do the same work by different means: jailed processes (`sandbox`) and WebAssembly (`wasm`). `Auto`
//! takes WebAssembly, and a process for what WebAssembly lacks. Knows nothing of how either works.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language};
use crate::languages::LanguageState;
use crate::limits::Limits;
use crate::outcome::Outcome;
#[cfg(feature = "wasm")]
use crate::outcome::Status;
use crate::protection::Protection;
use crate::sandbox::Jails;
#[cfg(feature = "wasm")]
use crate::wasm::Wasm;

/// What stands between a program and the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A jailed process: namespaces, control groups, system call filter.
    #[default]
    Process,
    /// WebAssembly: needs nothing of the host, and outcomes repeat to the bit.
    Wasm,
    /// WebAssembly, and a jailed process for a program that needs what WebAssembly lacks.
    Auto,
}

impl Isolation {
    /// The name as the command line and configuration have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Wasm => "wasm",
            Self::Auto => "auto",
        }
    }
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Process, Self::Wasm, Self::Auto]
            .into_iter()
            .find(|isolation| isolation.name() == text)
            .ok_or_else(|| format!("`{text}` is no isolation; expected process, wasm or auto"))
    }
}

/// Runs untrusted programs. Blocking, and shared freely between threads; never call it on an executor's thread.
#[derive(Debug)]
pub struct Sandbox {
    jails: Option<Jails>,
    #[cfg(feature = "wasm")]
    wasm: Option<Wasm>,
    protection: Protection,
}

impl Sandbox {
    /// Makes ready what the configured isolation needs, and refuses if a required protection is missing. With `Auto`
    /// a host that cannot protect processes is no error: what needs one is then `Unsupported`.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        match config.isolation {
            Isolation::Process => {
                let jails = Jails::new(&config)?;
                let protection = jails.protection().clone();
                Ok(Self {
                    jails: Some(jails),
                    #[cfg(feature = "wasm")]
                    wasm: None,
                    protection,
                })
            }
            Isolation::Wasm | Isolation::Auto => Self::with_wasm(&config),
        }
    }

    #[cfg(not(feature = "wasm"))]
    fn with_wasm(_config: &SandboxConfig) -> Result<Self, SandboxError> {
        Err(SandboxError::NoWasm)
    }

    #[cfg(feature = "wasm")]
    fn with_wasm(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let wasm = Wasm::new(config)?;
        let interpreter = wasm.prepare()?;
        let jails = match config.isolation {
            Isolation::Auto => match Jails::new(config) {
                Ok(jails) => Ok(Some(jails)),
                Err(
                    error
                    @ (SandboxError::MissingProtection { .. } | SandboxError::NoPython { .. }),
                ) => Err(error.to_string()),
                Err(error) => return Err(error),
            },
            _ => Ok(None),
        };
        let protection = crate::protection::of_wasm(config.isolation, interpreter, &jails);
        Ok(Self {
            jails: jails.ok().flatten(),
            wasm: Some(wasm),
            protection,
        })
    }

    /// What is really in force.
    pub fn protection(&self) -> &Protection {
        &self.protection
    }

    /// What this host has for each language. Asks each compiler for its version the first time.
    pub fn languages(&self) -> Vec<LanguageState> {
        let mut states = self
            .jails
            .as_ref()
            .map(Jails::languages)
            .unwrap_or_default();
        if self.jails.is_none() {
            states.push(LanguageState {
                language: Language::Python,
                usable: true,
                tools: self.protection.interpreter.clone(),
            });
        }
        states
    }

    /// Fails if programs of this language cannot be run here.
    pub fn require(&self, language: Language) -> Result<(), SandboxError> {
        match (&self.jails, language) {
            #[cfg(feature = "wasm")]
            (_, Language::Python | Language::Wasm) if self.wasm.is_some() => Ok(()),
            (_, Language::Wasm) => Err(SandboxError::ModuleInProcess),
            (Some(jails), language) => jails.require(language),
            (None, _) => Err(SandboxError::NoProcess),
        }
    }

    /// Where compiled programs are kept, or why each is compiled anew.
    pub fn cache_directory(&self) -> Result<PathBuf, String> {
        match &self.jails {
            Some(jails) => jails.cache_directory(),
            None => Err("no program is compiled here".to_owned()),
        }
    }

    /// Runs one program on one input.
    pub fn run(&self, job: &Job, input: &[u8], limits: &Limits) -> Result<Outcome, SandboxError> {
        let mut outcomes = self.run_batch(job, &[input], limits, &mut |_, _| true)?;
        outcomes.pop().ok_or_else(|| SandboxError::JailDied {
            reason: "it gave no outcome".to_owned(),
        })
    }

    /// Runs one program on many inputs, compiled once; each run starts from the same clean state. After each,
    /// `keep_going(index, &outcome)` decides whether the next is run. A source that does not compile is
    /// tried once, and its outcome stands for every input.
    ///
    /// Waits while as many programs run as there are workers. Callers are served in the order in which they came;
    /// after a tenth of a second, between two inputs, a program lets those who wait have their turn.
    pub fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, SandboxError> {
        self.run_batch_until(&Cancel::never(), job, inputs, limits, keep_going)
    }

    /// The same, ended by [`Cancel::cancel`]: at once where a process runs or the caller waits for its turn, after
    /// the current input where a module runs.
    pub fn run_batch_until(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, SandboxError> {
        check(limits)?;
        let mut outcomes = Vec::new();
        if inputs.is_empty() {
            return Ok(outcomes);
        }
        #[cfg(feature = "wasm")]
        if let (Some(wasm), Language::Python | Language::Wasm) = (&self.wasm, job.language) {
            let mut goes_on = true;
            let hand_over = self.jails.is_some() && job.language != Language::Wasm;
            outcomes = wasm.run_batch(cancel, job, inputs, limits, &mut |index, outcome| {
                // What a process will answer is not shown.
                goes_on = outcome.status != Status::Unsupported || !hand_over;
                if goes_on {
                    goes_on = keep_going(index, outcome);
                    goes_on
                } else {
                    goes_on = true;
                    false
                }
            })?;
            let handed_over = hand_over
                && outcomes
                    .last()
                    .is_some_and(|last| last.status == Status::Unsupported);
            if !handed_over {
                return Ok(outcomes);
            }
            outcomes.pop();
        }
        let Some(jails) = &self.jails else {
            return Err(SandboxError::NoProcess);
        };
        if job.language == Language::Wasm {
            return Err(SandboxError::ModuleInProcess);
        }
        let done = outcomes.len();
        let rest = &inputs[done..];
        outcomes.extend(
            jails.run_batch(cancel, job, rest, limits, &mut |index, outcome| {
                keep_going(done + index, outcome)
            })?,
        );
        Ok(outcomes)
    }

    /// Runs two programs in isolation from each other, the standard output of each being the standard input of the
    /// other. Their `stdout` is empty: it went to the other side. When one ends, the other sees the end of its input
    /// and is given the grace period of the configuration.
    pub fn run_pair(
        &self,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        self.run_pair_until(&Cancel::never(), left, left_limits, right, right_limits)
    }

    /// The same, ended by [`Cancel::cancel`]; modules that run already end by themselves.
    pub fn run_pair_until(
        &self,
        cancel: &Cancel,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        check(left_limits)?;
        check(right_limits)?;
        #[cfg(feature = "wasm")]
        if let (Some(wasm), Language::Python | Language::Wasm, Language::Python | Language::Wasm) =
            (&self.wasm, left.language, right.language)
        {
            let pair = wasm.run_pair(cancel, left, left_limits, right, right_limits)?;
            let lacking = [&pair.0, &pair.1]
                .iter()
                .any(|outcome| outcome.status == Status::Unsupported);
            if !lacking || self.jails.is_none() {
                return Ok(pair);
            }
        }
        if [left, right]
            .iter()
            .any(|job| job.language == Language::Wasm)
        {
            return Err(SandboxError::ModuleInProcess);
        }
        match &self.jails {
            Some(jails) => jails.run_pair(cancel, left, left_limits, right, right_limits),
            None => Err(SandboxError::NoProcess),
        }
    }
}

fn check(limits: &Limits) -> Result<(), SandboxError> {
    if limits.cpu_ms == 0 || limits.wall_ms < limits.cpu_ms {
        return Err(SandboxError::BadLimits(
            "cpu_ms must be positive and wall_ms at least cpu_ms",
        ));
    }
    if limits.open_files < 8 || limits.processes == 0 || limits.memory_bytes == 0 {
        return Err(SandboxError::BadLimits(
            "open_files must be at least 8, processes and memory_bytes positive",
        ));
    }
    Ok(())
}
