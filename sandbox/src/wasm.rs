//! Isolation by WebAssembly: a program is a fresh instance of a module that can touch nothing but what `host` gives it.
//!
//! Python programs run in CPython for WebAssembly (`cpython`), other modules as they are (`modules`). No namespace, no
//! privilege and nothing installed is needed. Work is limited by fuel, which counts instructions, so the same program on
//! the same input has the same outcome and the same usage on every machine, busy or idle.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use crate::admission::Admission;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language, Side};
use crate::limits::Limits;
use crate::outcome::{Interaction, Outcome, Status, Usage};
use crate::sandbox::refused;
use crate::store::{Store, StoreError};

mod bounds;
mod calls;
mod compiler;
mod cpython;
mod engine;
mod files;
mod fuel;
mod gaps;
mod host;
mod meter;
mod modules;
pub(crate) mod narrow;
mod pipe;
mod precompiled;
mod run;

use compiler::Compiler;
pub(crate) use compiler::child;
use cpython::Python;
pub(crate) use gaps::GAPS;
use modules::{Compiled, Modules};
use precompiled::Precompiled;
use run::{Program, Streams};

/// WebAssembly isolation failed; never says anything of a program. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// wasmtime refuses its configuration or has no room.
    #[error("use the WebAssembly engine: {0:#}")]
    Engine(wasmtime::Error),
    /// Compiled modules can't be kept or found.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The build had no access to the packages that carry the interpreter.
    #[error(
        "run Python under WebAssembly isolation: this build does not carry it; build again with network access, or \
         with RLEF_CPYTHON_CRATES naming a directory with eryx-runtime-0.5.0.crate and eryx-0.5.0.crate"
    )]
    NotCarried,
    /// The interpreter could not be made.
    #[error("prepare Python for WebAssembly, at the step to {step}: {reason}")]
    Python {
        /// What was being done.
        step: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The child that compiles modules could not be started, or did not do its work.
    #[error(
        "have a module compiled by a child process: {0}; the helper must be an executable whose main starts with \
         rlef_sandbox::jail_entry()"
    )]
    Compiler(String),
    /// A run was cut off by its wall backstop, without having had the CPU time that it may take.
    #[error(
        "run a program within its wall backstop of {waited_ms} ms: the machine is overloaded, as it got less CPU time \
         than its limit"
    )]
    Overloaded {
        /// The backstop.
        waited_ms: u64,
    },
    /// A thread with a stack large enough could not be started.
    #[error("start the thread of a run")]
    Thread(#[source] io::Error),
    /// Something that cannot happen did.
    #[error("run a program: {0}")]
    Internal(String),
}

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
        })
    }

    /// Makes sure that Python programs can run; the interpreter's name.
    pub(crate) fn prepare(&self) -> Result<&'static str, WasmError> {
        self.python()?;
        Ok(cpython::VERSION)
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
    pub(crate) fn refusal(
        &self,
        cancel: &Cancel,
        module: &Job,
    ) -> Result<Option<String>, SandboxError> {
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
                Err(reason) => Err(does_not_compile(&reason)),
            }),
            other => Err(WasmError::Internal(format!("{other:?} is run by processes")).into()),
        }
    }

    /// Runs one program on many inputs, each in an instance of its own.
    pub(crate) fn run_batch(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        let program = match self.program(cancel, job)? {
            Ok(program) => program,
            Err(outcome) => return Ok(refused(outcome, inputs.len(), keep_going)),
        };
        on_large_stack(|| {
            let program = match program.prepared(limits)? {
                Ok(program) => program,
                Err(outcome) => return Ok(refused(outcome, inputs.len(), keep_going)),
            };
            let mut done: Vec<Outcome> = Vec::with_capacity(inputs.len());
            for input in inputs {
                let outcome = program.run(Streams::bytes(input), limits)?;
                cancel.check()?;
                let go_on = keep_going(done.len(), &outcome);
                done.push(outcome);
                if !go_on {
                    break;
                }
            }
            Ok(done)
        })
    }

    /// Runs two programs, the standard output of each being the standard input of the other.
    pub(crate) fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        let limits = (left.limits, right.limits);
        let _permit = self.admission.enter(cancel)?;
        let programs = (
            self.program(cancel, left.job)?,
            self.program(cancel, right.job)?,
        );
        let (left, right) = match programs {
            (Ok(left), Ok(right)) => (left, right),
            (Err(outcome), _) | (_, Err(outcome)) => return Ok((outcome.clone(), outcome)),
        };
        let pipes = pipe::pipes(run::backstop(limits.0) + run::backstop(limits.1));
        both((left, limits.0), (right, limits.1), pipes)
    }

    /// Runs a program and the interactor that talks with it; see [`crate::Sandbox::run_interactive`].
    pub(crate) fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        let limits = (interactor.limits, program.limits);
        let _permit = self.admission.enter(cancel)?;
        let programs = (
            self.program(cancel, interactor.job)?,
            self.program(cancel, program.job)?,
        );
        let (interactor, program) = match programs {
            (Ok(interactor), Ok(program)) => (interactor, program),
            (Err(outcome), _) => return Ok(Interaction::without_interactor(outcome)),
            (_, Err(outcome)) => return Ok(Interaction::without_program(outcome)),
        };
        let patience = run::backstop(limits.0) + run::backstop(limits.1);
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

fn does_not_compile(reason: &str) -> Outcome {
    Outcome {
        status: Status::CompileError,
        stdout: Vec::new(),
        stderr: reason.as_bytes().to_vec(),
        usage: Usage {
            fuel: Some(0),
            ..Usage::default()
        },
    }
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
