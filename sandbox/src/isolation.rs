//! `Job` + input + `Limits` → `Outcome` by the isolation that the configuration names.
//!
//! Two isolations do the same work by different means: jailed processes (`sandbox`) and WebAssembly (`wasm`). `Auto`
//! takes processes where this host can jail them and has an interpreter, WebAssembly elsewhere; it decides once, at the
//! start, so that all results of one sandbox come by the same means. Knows nothing of how either works.

mod pairs;

use std::path::PathBuf;
#[cfg(feature = "wasm")]
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language};
use crate::languages::LanguageState;
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::protection::Protection;
use crate::sandbox::Jails;
#[cfg(feature = "wasm")]
use crate::{
    languages::wasm::compiler,
    outcome::{Status, Usage},
    sandbox::refused,
    wasm::Wasm,
    workshop::Module,
};

/// What stands between a program and the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A jailed process: namespaces, control groups, system call filter.
    Process,
    /// WebAssembly: needs nothing of the host, and outcomes repeat to the bit.
    Wasm,
    /// Jailed processes where the host has what they need, else WebAssembly. Modules always run in WebAssembly.
    #[default]
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
    /// Where C and C++ programs are compiled to modules, once one is.
    #[cfg(feature = "wasm")]
    compilers: Compilers,
    protection: Protection,
}

/// Jails for compilers, made when the first is needed.
#[cfg(feature = "wasm")]
#[derive(Debug, Default)]
struct Compilers {
    config: SandboxConfig,
    made: Mutex<Option<Arc<Jails>>>,
}

#[cfg(feature = "wasm")]
impl Compilers {
    fn get(&self) -> Result<Arc<Jails>, SandboxError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jails) = &*made {
            return Ok(Arc::clone(jails));
        }
        let jails = Arc::new(Jails::new(&self.config)?);
        *made = Some(Arc::clone(&jails));
        Ok(jails)
    }
}

impl Sandbox {
    /// Makes ready what the configured isolation needs, and refuses if a required protection is missing. `Auto` then
    /// takes WebAssembly and says so by the configuration's `progress`; but an interpreter that was named and can't be used
    /// is refused.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        match config.isolation {
            Isolation::Process => Jails::new(&config).map(Self::of_processes),
            Isolation::Wasm => Self::of_wasm(&config, None),
            Isolation::Auto => match Jails::new(&config) {
                Ok(jails) => {
                    #[cfg(feature = "wasm")]
                    return Ok(Self {
                        // Only modules need it, and they say what is wrong with it.
                        wasm: Wasm::new(&config).ok(),
                        ..Self::of_processes(jails)
                    });
                    #[cfg(not(feature = "wasm"))]
                    Ok(Self::of_processes(jails))
                }
                Err(error) if error.lets_wasm_stand_in(config.python.is_some()) => {
                    Self::of_wasm(&config, Some(&error))
                }
                Err(error) => Err(error),
            },
        }
    }

    fn of_processes(jails: Jails) -> Self {
        Self {
            protection: jails.protection().clone(),
            jails: Some(jails),
            #[cfg(feature = "wasm")]
            wasm: None,
            #[cfg(feature = "wasm")]
            compilers: Compilers::default(),
        }
    }

    #[cfg(not(feature = "wasm"))]
    fn of_wasm(
        _config: &SandboxConfig,
        _instead: Option<&SandboxError>,
    ) -> Result<Self, SandboxError> {
        Err(SandboxError::NoWasm)
    }

    /// WebAssembly, `instead` of the processes that this is what is wrong with.
    #[cfg(feature = "wasm")]
    fn of_wasm(
        config: &SandboxConfig,
        instead: Option<&SandboxError>,
    ) -> Result<Self, SandboxError> {
        if let Some(error) = instead {
            (config.progress)(&format!(
                "programs run in WebAssembly, for processes would fail to {error}"
            ));
        }
        let wasm = Wasm::new(config)?;
        let interpreter = wasm.prepare()?;
        Ok(Self {
            jails: None,
            protection: crate::protection::of_wasm(interpreter),
            wasm: Some(wasm),
            compilers: Compilers {
                config: config.clone(),
                made: Mutex::default(),
            },
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
            #[cfg(feature = "wasm")]
            for language in [Language::C, Language::Cpp, Language::Wasm] {
                let found = match language {
                    Language::Wasm => Ok("modules, binary or as text".to_owned()),
                    _ => compiler(language)
                        .map(|toolchain| toolchain.version)
                        .and_then(|version| match self.compilers.get() {
                            Ok(_) => Ok(format!("{version}; compiled in a jail")),
                            Err(error) => {
                                Err(format!("a compiler needs a jail: would fail to {error}"))
                            }
                        }),
                };
                states.push(LanguageState {
                    language,
                    usable: found.is_ok(),
                    tools: found.unwrap_or_else(|reason| reason),
                });
            }
        }
        states
    }

    /// Whether Python programs find NumPy.
    pub(crate) fn has_numpy(&self) -> bool {
        self.jails.as_ref().is_some_and(Jails::has_numpy)
    }

    /// What there is for Python.
    pub(crate) fn python_tools(&self) -> String {
        match &self.jails {
            Some(jails) => jails.python_tools(),
            None => self.protection.interpreter.clone(),
        }
    }

    /// Fails if programs of this language cannot be run here.
    pub fn require(&self, language: Language) -> Result<(), SandboxError> {
        match (&self.jails, language) {
            #[cfg(feature = "wasm")]
            (_, Language::Wasm) | (None, Language::Python) if self.wasm.is_some() => Ok(()),
            #[cfg(feature = "wasm")]
            (None, Language::C | Language::Cpp) => compiler(language)
                .map(drop)
                .map_err(|reason| SandboxError::MissingLanguage {
                    language,
                    reason: format!("to WebAssembly, {reason}"),
                })
                .and_then(|()| self.compilers.get().map(drop)),
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
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
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
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, SandboxError> {
        check(limits)?;
        if job.files.as_ref().is_some_and(|files| !files.are_plain()) {
            return Err(SandboxError::BadFiles(
                "their names must differ and have no folders",
            ));
        }
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        #[cfg(feature = "wasm")]
        if job.files.is_some() && (self.jails.is_none() || job.language == Language::Wasm) {
            let outcome = unsupported("a program whose answer is a file, in WebAssembly");
            return Ok(refused(outcome, inputs.len(), keep_going));
        }
        #[cfg(feature = "wasm")]
        let compiled = match self.compiled(cancel, job, limits)? {
            Err(outcome) => return Ok(refused(outcome, inputs.len(), keep_going)),
            Ok(compiled) => compiled,
        };
        #[cfg(feature = "wasm")]
        let job = compiled.as_ref().unwrap_or(job);
        match &self.jails {
            #[cfg(feature = "wasm")]
            _ if self.runs_in_wasm(job) => self
                .wasm()?
                .run_batch(cancel, job, inputs, limits, keep_going),
            _ if job.language == Language::Wasm => Err(SandboxError::ModuleInProcess),
            Some(jails) => jails.run_batch(cancel, job, inputs, limits, keep_going),
            None => Err(SandboxError::NoProcess),
        }
    }

    /// Whether a program is one for WebAssembly here.
    #[cfg(feature = "wasm")]
    fn runs_in_wasm(&self, job: &Job) -> bool {
        match job.language {
            Language::Wasm => self.wasm.is_some(),
            Language::Python => self.jails.is_none(),
            _ => false,
        }
    }

    /// The module that a C or C++ program becomes where there are no processes; none for other jobs; or the outcome of
    /// one that becomes none.
    #[cfg(feature = "wasm")]
    fn compiled(
        &self,
        cancel: &Cancel,
        job: &Job,
        limits: &Limits,
    ) -> Result<Result<Option<Job>, Outcome>, SandboxError> {
        let (Some(wasm), None, Language::C | Language::Cpp) =
            (&self.wasm, &self.jails, job.language)
        else {
            return Ok(Ok(None));
        };
        let module = match self.compilers.get()?.module(cancel, job, limits)? {
            Module::Ready(source) => Job {
                language: Language::Wasm,
                source,
                start: job.start,
                files: None,
            },
            Module::Refused(outcome) => return Ok(Err(outcome)),
            Module::Unsupported(reason) => return Ok(Err(unsupported(&reason))),
        };
        // What is too large for the engine may be small enough for a process.
        Ok(match wasm.refusal(cancel, &module)? {
            None => Ok(Some(module)),
            Some(reason) => Err(unsupported(&reason)),
        })
    }

    #[cfg(feature = "wasm")]
    fn wasm(&self) -> Result<&Wasm, SandboxError> {
        self.wasm.as_ref().ok_or(SandboxError::NoWasm)
    }
}

/// The outcome of a program that says nothing of it.
#[cfg(feature = "wasm")]
fn unsupported(reason: &str) -> Outcome {
    Outcome {
        status: Status::Unsupported,
        stdout: Vec::new(),
        stderr: format!("{reason}\n").into_bytes(),
        usage: Usage {
            fuel: Some(0),
            ..Usage::default()
        },
    }
}

fn check(limits: &Limits) -> Result<(), SandboxError> {
    if limits.cpu_ms == 0 || limits.wall_ms < limits.cpu_ms {
        return Err(SandboxError::BadLimits(
            "cpu_ms must be positive and wall_ms at least cpu_ms",
        ));
    }
    if matches!(limits.int_digits, Some(1..640)) {
        return Err(SandboxError::BadLimits(
            "int_digits must be 0 or at least 640",
        ));
    }
    if limits.open_files < 8 || limits.processes == 0 || limits.memory_bytes == 0 {
        return Err(SandboxError::BadLimits(
            "open_files must be at least 8, processes and memory_bytes positive",
        ));
    }
    Ok(())
}
