//! C and C++ → WebAssembly modules, where programs run in WebAssembly alone: compiled in jails, if this host has both.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{narrow, unsupported};
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language};
use crate::languages::{LanguageState, Toolchain, wasi};
use crate::limits::Limits;
use crate::outcome::{Outcome, Usage};
use crate::process::builder::{Built, Compiled, Source, does_not_compile, too_large};
use crate::process::jails::Jails;

/// Compilers to WebAssembly, and the jails that they run in, made when the first is needed.
#[derive(Debug)]
pub(super) struct FromC {
    config: SandboxConfig,
    jails: Mutex<Option<Arc<Jails>>>,
    /// Of C and of C++.
    toolchains: [OnceLock<Result<Toolchain, String>>; 2],
}

impl FromC {
    pub(super) fn new(config: &SandboxConfig) -> Self {
        Self {
            config: config.clone(),
            jails: Mutex::default(),
            toolchains: [OnceLock::new(), OnceLock::new()],
        }
    }

    fn jails(&self) -> Result<Arc<Jails>, SandboxError> {
        let mut made = self.jails.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jails) = &*made {
            return Ok(Arc::clone(jails));
        }
        let jails = Arc::new(Jails::new(&self.config)?);
        *made = Some(Arc::clone(&jails));
        Ok(jails)
    }

    fn toolchain(&self, language: Language) -> Result<&Toolchain, String> {
        let cell = &self.toolchains[usize::from(language == Language::Cpp)];
        cell.get_or_init(|| wasi::compiler(language))
            .as_ref()
            .map_err(Clone::clone)
    }

    fn needed(&self, language: Language) -> Result<&Toolchain, SandboxError> {
        self.toolchain(language)
            .map_err(|reason| SandboxError::MissingLanguage {
                language,
                reason: format!("to WebAssembly, {reason}"),
            })
    }

    /// Fails if programs of this language can't be compiled here.
    pub(super) fn require(&self, language: Language) -> Result<(), SandboxError> {
        self.needed(language)?;
        self.jails().map(drop)
    }

    /// What this host has for a language, for people.
    pub(super) fn state(&self, language: Language) -> LanguageState {
        let found = self.toolchain(language).and_then(|toolchain| {
            let version = &toolchain.version;
            match self.jails() {
                Ok(_) => Ok(format!("{version}; compiled in a jail")),
                Err(error) => Err(format!("a compiler needs a jail: would fail to {error}")),
            }
        });
        LanguageState {
            language,
            usable: found.is_ok(),
            tools: found.unwrap_or_else(|reason| reason),
        }
    }

    /// The module that a program becomes, or the outcome of one that becomes none. A source that this compiler refuses is
    /// refused only if the host's own compiler refuses it, too: the libraries differ.
    pub(super) fn module(
        &self,
        cancel: &Cancel,
        job: &Job,
        limits: &Limits,
    ) -> Result<Result<Job, Outcome>, SandboxError> {
        let jails = self.jails()?;
        let _permit = jails.admission.enter(cancel)?;
        if let Some(outcome) = too_large(job, limits) {
            return Ok(Err(outcome));
        }
        if let Some(reason) = narrow::hazard(job.language, &job.source) {
            return Ok(Err(unsupported(&reason)));
        }
        let toolchain = self.needed(job.language)?;
        let Some(compile) = &toolchain.compile else {
            return Ok(Err(unsupported("there is no compiler")));
        };
        let adapted = Job {
            source: narrow::adapted(job.language, &job.source),
            ..job.clone()
        };
        let source = Source {
            job: &adapted,
            unit: "main",
            cancel,
        };
        let mut usage = Usage::default();
        let compiled = jails
            .builder
            .compiled(&source, toolchain, compile, &mut usage)?;
        let words = match compiled {
            Compiled::Program(source) => {
                return Ok(Ok(Job {
                    language: Language::Wasm,
                    source,
                    start: job.start,
                    files: None,
                }));
            }
            Compiled::Refused(words) => words,
        };
        if jails.builder.toolchains.get(job.language).is_err() {
            return Ok(Err(does_not_compile(words, usage)));
        }
        Ok(Err(match jails.builder.build(job, limits, cancel)? {
            Built::Refused(outcome) => outcome,
            Built::Ready(_) => unsupported(&format!(
                "it compiles for this host, but not for WebAssembly: {}",
                String::from_utf8_lossy(&words).trim_end()
            )),
        }))
    }
}
