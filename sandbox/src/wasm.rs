//! Isolation by WebAssembly: a program is a fresh instance of a module that can touch nothing but what `host` gives it.
//!
//! Python programs run in CPython for WebAssembly (`cpython`), other modules as they are (`modules`). No namespace, no
//! privilege and nothing installed is needed. Work is limited by fuel, which counts instructions, so the same program on
//! the same input has the same outcome and the same usage on every machine, busy or idle.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crate::admission::Admission;
use crate::backend::Backend;
use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language, Side};
use crate::languages::LanguageState;
use crate::limits::Limits;
use crate::outcome::{Interaction, Outcome, Status, Usage};
use crate::protection::Protection;
use crate::store::{Store, StoreError};

mod bounds;
mod calls;
mod clock;
mod compiler;
mod cpython;
mod engine;
pub(crate) mod error;
mod files;
mod from_c;
mod fuel;
mod gaps;
mod host;
mod in_force;
mod meter;
mod modules;
mod narrow;
mod pipe;
mod precompiled;
mod run;

use compiler::Compiler;
pub(crate) use compiler::child;
use cpython::Python;
pub use error::WasmError;
use from_c::FromC;
use modules::{Compiled, Modules};
use precompiled::Precompiled;
use run::{Program, Streams};

/// Runs programs under WebAssembly isolation. Blocking, and shared freely between threads.
pub(crate) struct Wasm {
    admission: Admission,
    interpreters: Precompiled,
    precompiled: Precompiled,
    compiler: Compiler,
    progress: fn(&str),
    python: OnceLock<Python>,
    loading: Mutex<()>,
    modules: Modules,
    from_c: FromC,
    protection: Protection,
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Wasm").finish_non_exhaustive()
    }
}

impl Wasm {
    /// Finds the cache; the interpreter is loaded, or made, when the first program needs it.
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, WasmError> {
        let root = config.cache_directory.clone().or_else(Store::default_root);
        let root = root.ok_or(StoreError::Nowhere)?;
        let (interpreters, precompiled) = Precompiled::open(&root, config.cache_bytes)?;
        Ok(Self {
            admission: Admission::new(config.workers.max(1)),
            interpreters,
            precompiled,
            compiler: Compiler::new(config)?,
            progress: config.progress,
            python: OnceLock::new(),
            loading: Mutex::new(()),
            modules: Modules::default(),
            from_c: FromC::new(config),
            protection: in_force::protection(cpython::VERSION),
        })
    }

    /// The same with the interpreter loaded, or made.
    pub(crate) fn prepared(config: &SandboxConfig) -> Result<Self, WasmError> {
        let wasm = Self::new(config)?;
        wasm.python()?;
        Ok(wasm)
    }

    /// What is to run in place of this job: the module that it becomes, if it is in C or C++, else itself. Or the outcome
    /// of one that becomes none.
    fn runnable<'a>(
        &self,
        cancel: &Cancel,
        job: &'a Job,
        limits: &Limits,
    ) -> Result<Result<Cow<'a, Job>, Outcome>, SandboxError> {
        match job.language {
            Language::Python | Language::Wasm => return Ok(Ok(Cow::Borrowed(job))),
            Language::C | Language::Cpp => {}
            _ => return Err(SandboxError::NoProcess),
        }
        let module = match self.from_c.module(cancel, job, limits)? {
            Ok(module) => module,
            Err(outcome) => return Ok(Err(outcome)),
        };
        // What is too large for the engine may be small enough for a process.
        Ok(match self.refusal(cancel, &module)? {
            None => Ok(Cow::Owned(module)),
            Some(reason) => Err(unsupported(&reason)),
        })
    }

    fn python(&self) -> Result<&Python, WasmError> {
        if let Some(python) = self.python.get() {
            return Ok(python);
        }
        let _only = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(python) = self.python.get() {
            return Ok(python);
        }
        let python = Python::load(&self.interpreters, self.progress)?;
        Ok(self.python.get_or_init(|| python))
    }

    /// Why the engine would not run this module, if it would not. Compiling it counts as a run.
    fn refusal(&self, cancel: &Cancel, module: &Job) -> Result<Option<String>, SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        Ok(self.module(cancel, &module.source)?.err())
    }

    fn module(
        &self,
        cancel: &Cancel,
        source: &[u8],
    ) -> Result<Result<Arc<Compiled>, String>, SandboxError> {
        self.modules
            .get(&self.precompiled, &self.compiler, cancel, source)
    }

    /// The program, or the outcome of one that does not compile. To be asked for after admission.
    fn program<'a>(
        &'a self,
        cancel: &Cancel,
        job: &'a Job,
    ) -> Result<Result<Program<'a>, Outcome>, SandboxError> {
        match job.language {
            Language::Python => Ok(Ok(Program::python(self.python()?, &job.source))),
            Language::Wasm => Ok(match self.module(cancel, &job.source)? {
                Ok(module) => Ok(Program::module(&module)),
                Err(reason) => Err(without_run(Status::CompileError, &reason)),
            }),
            other => Err(WasmError::Internal(format!("{other:?} is run by processes")).into()),
        }
    }
}

impl Backend for Wasm {
    fn protection(&self) -> &Protection {
        &self.protection
    }

    fn languages(&self) -> Vec<LanguageState> {
        let usable = |language, tools: &str| LanguageState {
            language,
            usable: true,
            tools: tools.to_owned(),
        };
        vec![
            usable(Language::Python, &self.protection.interpreter),
            self.from_c.state(Language::C),
            self.from_c.state(Language::Cpp),
            usable(Language::Wasm, "modules, binary or as text"),
        ]
    }

    fn require(&self, language: Language) -> Result<(), SandboxError> {
        match language {
            Language::Python | Language::Wasm => Ok(()),
            Language::C | Language::Cpp => self.from_c.require(language),
            _ => Err(SandboxError::NoProcess),
        }
    }

    /// Each input is run in an instance of its own.
    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        let (cancel, limits) = (batch.cancel, batch.limits);
        if batch.job.files.is_some() {
            let reason = "a program whose answer is a file, in WebAssembly";
            return Ok(batch.refused(unsupported(reason)));
        }
        let job = match self.runnable(cancel, batch.job, limits)? {
            Ok(job) => job,
            Err(outcome) => return Ok(batch.refused(outcome)),
        };
        let _permit = self.admission.enter(cancel)?;
        let program = match self.program(cancel, &job)? {
            Ok(program) => program,
            Err(outcome) => return Ok(batch.refused(outcome)),
        };
        on_large_stack(|| {
            let program = match program.prepared(limits)? {
                Ok(program) => program,
                Err(outcome) => return Ok(batch.refused(outcome)),
            };
            let mut done: Vec<Outcome> = Vec::with_capacity(batch.inputs.len());
            for input in batch.inputs {
                let outcome = program.run(Streams::bytes(input), limits)?;
                cancel.check()?;
                let go_on = batch.goes_on(done.len(), &outcome);
                done.push(outcome);
                if !go_on {
                    break;
                }
            }
            Ok(done)
        })
    }

    fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        let limits = (left.limits, right.limits);
        let jobs = (
            self.runnable(cancel, left.job, left.limits)?,
            self.runnable(cancel, right.job, right.limits)?,
        );
        let (left, right) = match &jobs {
            (Ok(left), Ok(right)) => (left, right),
            (Err(outcome), _) | (_, Err(outcome)) => return Ok((outcome.clone(), outcome.clone())),
        };
        let _permit = self.admission.enter(cancel)?;
        let programs = (self.program(cancel, left)?, self.program(cancel, right)?);
        let (left, right) = match programs {
            (Ok(left), Ok(right)) => (left, right),
            (Err(outcome), _) | (_, Err(outcome)) => return Ok((outcome.clone(), outcome)),
        };
        let pipes = pipe::pipes(clock::backstop(limits.0) + clock::backstop(limits.1));
        both((left, limits.0), (right, limits.1), pipes)
    }

    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        let limits = (interactor.limits, program.limits);
        let jobs = (
            self.runnable(cancel, interactor.job, interactor.limits)?,
            self.runnable(cancel, program.job, program.limits)?,
        );
        let (interactor, program) = match &jobs {
            (Ok(interactor), Ok(program)) => (interactor, program),
            (Err(outcome), _) => return Ok(Interaction::without_interactor(outcome.clone())),
            (_, Err(outcome)) => return Ok(Interaction::without_program(outcome.clone())),
        };
        let _permit = self.admission.enter(cancel)?;
        let programs = (
            self.program(cancel, interactor)?,
            self.program(cancel, program)?,
        );
        let (interactor, program) = match programs {
            (Ok(interactor), Ok(program)) => (interactor, program),
            (Err(outcome), _) => return Ok(Interaction::without_interactor(outcome)),
            (_, Err(outcome)) => return Ok(Interaction::without_program(outcome)),
        };
        let patience = clock::backstop(limits.0) + clock::backstop(limits.1);
        let (pipes, waited) = pipe::interaction(patience, preface);
        let (interactor, program) = both((interactor, limits.0), (program, limits.1), pipes)?;
        Ok(Interaction {
            interactor,
            program,
            waited: waited.is_true(),
        })
    }
}

/// Runs two programs side by side, the left and the right end of a pair of pipes being theirs.
fn both(
    (left, left_limits): (Program<'_>, &Limits),
    (right, right_limits): (Program<'_>, &Limits),
    pipes: [(pipe::Reader, pipe::Writer); 2],
) -> Result<(Outcome, Outcome), SandboxError> {
    let [left_streams, right_streams] = pipes.map(Streams::of_pipe);
    thread::scope(|scope| {
        let other = thread::Builder::new()
            .stack_size(engine::THREAD_STACK)
            .spawn_scoped(scope, || right.run(right_streams, right_limits))
            .map_err(WasmError::Thread)?;
        let first = on_large_stack(|| Ok(left.run(left_streams, left_limits)?));
        let second = other
            .join()
            .map_err(|_| WasmError::Internal("its thread panicked".to_owned()))?;
        Ok((first?, second?))
    })
}

/// The outcome of a program that could not be run, which cost no fuel.
fn without_run(status: Status, words: &str) -> Outcome {
    Outcome {
        status,
        stdout: Vec::new(),
        stderr: words.as_bytes().to_vec(),
        usage: Usage {
            fuel: Some(0),
            ..Usage::default()
        },
    }
}

/// The outcome of a program that may be right, but lacks something here.
fn unsupported(reason: &str) -> Outcome {
    without_run(Status::Unsupported, &format!("{reason}\n"))
}

/// Runs `work` on a thread whose stack holds the deepest guest.
fn on_large_stack<T: Send>(
    work: impl FnOnce() -> Result<T, SandboxError> + Send,
) -> Result<T, SandboxError> {
    thread::scope(|scope| {
        thread::Builder::new()
            .stack_size(engine::THREAD_STACK)
            .spawn_scoped(scope, work)
            .map_err(WasmError::Thread)?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Bytes shared by many instances.
type Bytes = Arc<[u8]>;
