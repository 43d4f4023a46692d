//! One instance, one run: module + streams + limits → outcome.

use std::time::{Duration, Instant};

use wasmtime::{InstancePre, Store, Trap, UnknownImportError, UpdateDeadline};

use super::clock::{backstop, cpu_time, slowest};
use super::cpython::{self, Guest, Python};
use super::engine::{self, Ticking};
use super::files::Files;
use super::host::{Host, Input, Output, Setup, Stop};
use super::modules::Compiled;
use super::{Bytes, WasmError, fuel, meter, pipe};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status, Usage};

/// What `rlef_runtime.run` returns for a source that does not compile.
const DOES_NOT_COMPILE: i32 = -1;
/// Ticks of the clock between two looks at how long a run has taken.
const TICKS_BETWEEN_LOOKS: u64 = 10;
/// Bytes of a module's memory that are not counted: a stack as large as that of our own compiler, mostly untouched.
const MODULE_STACK: u64 = 64 << 20;
/// Most bytes of linear memory there can be.
const MOST_MEMORY: u64 = 1 << 32;

/// Where a run reads from and prints to.
pub(super) struct Streams {
    input: Input,
    output: Output,
}

impl Streams {
    /// Reads these bytes; what is printed is kept.
    pub(super) fn bytes(input: &[u8]) -> Self {
        Self {
            input: Input::Bytes {
                bytes: Bytes::from(input),
                at: 0,
            },
            output: Output::Bytes(Vec::new()),
        }
    }

    /// The streams of one of two programs that talk to each other.
    pub(super) fn of_pipe((reader, writer): (pipe::Reader, pipe::Writer)) -> Self {
        Self {
            input: Input::Pipe(reader),
            output: Output::Pipe(writer),
        }
    }
}

/// A program ready to be run any number of times.
pub(super) struct Program<'a> {
    instances: InstancePre<Host>,
    initial_memory: u64,
    fuel_per_ms: u64,
    files: Files,
    /// What the interpreter is given; none for a module that is the program itself.
    script: Option<Script<'a>>,
    /// What compiling said and every run repeats.
    warnings: Vec<u8>,
}

/// What an interpreter is to do.
enum Script<'a> {
    /// A source to be compiled and run.
    Source(&'a [u8]),
    /// A source to be compiled.
    Prepare(&'a [u8]),
    /// What compiling gave.
    Prepared(Vec<u8>),
}

impl<'a> Program<'a> {
    /// A Python program.
    pub(super) fn python(python: &'a Python, source: &'a [u8]) -> Self {
        Self {
            instances: python.instances.clone(),
            initial_memory: python.initial_memory,
            fuel_per_ms: fuel::PYTHON_PER_MS,
            files: Python::files(source),
            script: Some(Script::Source(source)),
            warnings: Vec::new(),
        }
    }

    /// A module with a `_start` function.
    pub(super) fn module(module: &Compiled) -> Self {
        Self {
            instances: module.instances.clone(),
            initial_memory: 0,
            fuel_per_ms: fuel::MODULE_PER_MS,
            files: Files::default(),
            script: None,
            warnings: Vec::new(),
        }
    }

    /// The same, compiled once for all runs to come, in an instance of its own and under the limits of a run; or the outcome
    /// of each of them where it can't be. Must be called on a thread with a large stack, like all runs.
    pub(super) fn prepared(self, limits: &Limits) -> Result<Result<Self, Outcome>, WasmError> {
        let Some(Script::Source(source)) = self.script else {
            return Ok(Ok(self));
        };
        let compiling = Self {
            script: Some(Script::Prepare(source)),
            ..self
        };
        let (outcome, code) = compiling.run_once(Streams::bytes(b""), limits)?;
        Ok(match outcome.status {
            Status::Exited(0) if !code.is_empty() => Ok(Self {
                script: Some(Script::Prepared(code)),
                warnings: outcome.stderr,
                ..compiling
            }),
            // There is no code in that form, or no room for it beside the source.
            Status::Exited(_) => Ok(Self {
                script: Some(Script::Source(source)),
                ..compiling
            }),
            _ => Err(outcome),
        })
    }

    /// Runs it once, in a fresh instance.
    pub(super) fn run(&self, streams: Streams, limits: &Limits) -> Result<Outcome, WasmError> {
        Ok(self.run_once(streams, limits)?.0)
    }

    /// The outcome, and the code that a program was compiled to.
    fn run_once(&self, streams: Streams, limits: &Limits) -> Result<(Outcome, Vec<u8>), WasmError> {
        let began = Instant::now();
        let engine = engine::engine().map_err(WasmError::Engine)?;
        let budget = fuel::budget(limits.cpu_ms, self.fuel_per_ms);
        let limit = self
            .initial_memory
            .saturating_add(limits.memory_bytes)
            .saturating_add(if self.script.is_some() {
                0
            } else {
                MODULE_STACK
            })
            .min(MOST_MEMORY);
        let mut store = Store::new(
            engine,
            Host::new(Setup {
                input: streams.input,
                output: streams.output,
                output_bytes: limits.output_bytes,
                fuel: budget,
                fuel_per_ms: self.fuel_per_ms,
                wall_ms: limits.wall_ms,
                memory_limit: limit,
                open_files: limits.open_files,
                files: self.files.clone(),
            }),
        );
        store.data_mut().error.extend_from_slice(&self.warnings);
        store.limiter(|host| &mut host.growth);
        let (cpu_before, longest_cpu, longest) = (cpu_time(), slowest(limits), backstop(limits));
        let limit_cpu = Duration::from_millis(limits.cpu_ms);
        store.set_epoch_deadline(TICKS_BETWEEN_LOOKS);
        store.epoch_deadline_callback(move |_| {
            let cpu = cpu_time().saturating_sub(cpu_before);
            let overdue = began.elapsed() > longest;
            if cpu > longest_cpu || (overdue && cpu > limit_cpu) {
                Err(Stop::Slow.into())
            } else if overdue {
                // It did not even get the time that it may take.
                Err(Stop::Interrupted.into())
            } else {
                Ok(UpdateDeadline::Continue(TICKS_BETWEEN_LOOKS))
            }
        });
        let ticking = Ticking::start(engine);
        let ended = self.enter(&mut store, limits.int_digits);
        let stuck = matches!(&ended, Err(error)
            if matches!(error.downcast_ref(), Some(Trap::UnreachableCodeReached)));
        if stuck && store.data().threads {
            // Whoever can't be asked what he had printed is not excused.
            store.data_mut().threads =
                meter::left(&mut store).is_some_and(|left| left >= 0) && flush(&mut store);
        }
        drop(ticking);
        // Without an instance nothing was burnt.
        let left = meter::left(&mut store).unwrap_or(budget as i64);
        let too_slow =
            matches!(&ended, Err(error) if matches!(error.downcast_ref(), Some(Stop::Slow)));
        // How far a slow one came depends on the machine; that it used its limit up does not.
        let burnt = if too_slow {
            budget
        } else {
            budget.saturating_sub(left.max(0) as u64)
        };
        let (ended, code) = match ended {
            // It came to its end before anything looked.
            Ok(_) if left < 0 => (Err(Trap::OutOfFuel.into()), Vec::new()),
            Ok((ended, code)) => (Ok(ended), code),
            // How a guest stops itself.
            Err(error)
                if left < 0
                    && (error.is::<Trap>()
                        || matches!(error.downcast_ref(), Some(Stop::Exit(_)))) =>
            {
                (Err(Trap::OutOfFuel.into()), Vec::new())
            }
            Err(error) => (Err(error), Vec::new()),
        };
        let mut host = store.into_data();
        let status = self.status(&ended, &mut host, limits)?;
        if let (Output::Pipe(writer), true) = (&host.output, status != Status::Exited(0)) {
            writer.fail();
        }
        let mut stderr = host.error;
        if let (Status::Unsupported, Some(gap)) = (status, &host.gap) {
            stderr.extend_from_slice(format!("WebAssembly isolation has no {gap}\n").as_bytes());
        }
        let outcome = Outcome {
            status,
            stdout: match host.output {
                Output::Bytes(bytes) => bytes,
                Output::Pipe(_) => Vec::new(),
            },
            stderr,
            usage: Usage {
                cpu_us: fuel::microseconds(burnt, self.fuel_per_ms),
                // Sleeping takes no time, but it was to.
                wall_us: (began.elapsed().as_micros() as u64)
                    .saturating_add(host.slept_ns.min(host.wall_ns) / 1000),
                memory_bytes: host.growth.peak.saturating_sub(self.initial_memory),
                fuel: Some(burnt),
            },
        };
        Ok((outcome, code))
    }

    /// Instantiates and calls; the exit code, and the code of a program that was to be compiled.
    fn enter(
        &self,
        store: &mut Store<Host>,
        int_digits: Option<u32>,
    ) -> wasmtime::Result<(i32, Vec<u8>)> {
        let instance = self.instances.instantiate(&mut *store)?;
        store.data_mut().instance = Some(instance);
        meter::begin(store, instance, store.data().fuel)?;
        let (entry, bytes) = match &self.script {
            None => {
                instance
                    .get_typed_func::<(), ()>(&mut *store, "_start")?
                    .call(&mut *store, ())?;
                return Ok((0, Vec::new()));
            }
            Some(Script::Source(source)) => (cpython::RUN, *source),
            Some(Script::Prepare(source)) => (cpython::PREPARE, *source),
            Some(Script::Prepared(code)) => (cpython::RUN_PREPARED, code.as_slice()),
        };
        let mut guest = Guest { store, instance };
        if let Some(digits) = int_digits {
            guest.set_int_digits(digits)?;
        }
        let result = guest.call_entry(entry, bytes)?;
        if result == 0 {
            // Our own frame was interrupted, for want of memory or by deep recursion at the very end.
            return Ok((1, Vec::new()));
        }
        if matches!(self.script, Some(Script::Prepare(_))) {
            return Ok(match guest.bytes(result)? {
                Some(code) => (0, code),
                None => (DOES_NOT_COMPILE, Vec::new()),
            });
        }
        Ok((guest.call("PyLong_AsLong", &[result])?, Vec::new()))
    }

    /// How a run ended.
    fn status(
        &self,
        ended: &wasmtime::Result<i32>,
        host: &mut Host,
        limits: &Limits,
    ) -> Result<Status, WasmError> {
        const ILLEGAL: i32 = 4;
        const ABORTED: i32 = 6;
        const ARITHMETIC: i32 = 8;
        const SEGMENT: i32 = 11;
        let overloaded = || WasmError::Overloaded {
            waited_ms: backstop(limits).as_millis() as u64,
        };
        let status = match ended {
            Ok(DOES_NOT_COMPILE) if self.script.is_some() => Status::CompileError,
            Ok(code) => Status::Exited(*code & 0xff),
            Err(error) => match (error.downcast_ref::<Stop>(), error.downcast_ref::<Trap>()) {
                (Some(Stop::Exit(code)), _) => Status::Exited(*code & 0xff),
                (Some(Stop::OutputLimit), _) => Status::OutputLimit,
                (Some(Stop::Slept | Stop::Slow), _) => Status::TimeLimit,
                (Some(Stop::Interrupted), _) | (_, Some(Trap::Interrupt)) => {
                    return Err(overloaded());
                }
                (_, Some(Trap::OutOfFuel)) => Status::TimeLimit,
                (_, Some(Trap::StackOverflow | Trap::MemoryOutOfBounds)) => {
                    Status::Signalled(SEGMENT)
                }
                (Some(Stop::Lacking), _) => Status::Signalled(ABORTED),
                // The interpreter stops itself so where it would wait for a lock for ever. Of several threads another
                // one might have freed it.
                (_, Some(Trap::UnreachableCodeReached)) => {
                    if host.threads {
                        host.lacks("threads that wait for one another");
                    }
                    Status::Signalled(ABORTED)
                }
                (
                    _,
                    Some(
                        Trap::IntegerDivisionByZero
                        | Trap::IntegerOverflow
                        | Trap::BadConversionToInteger,
                    ),
                ) => Status::Signalled(ARITHMETIC),
                (_, Some(_)) => Status::Signalled(ILLEGAL),
                (None, None) if error.is::<UnknownImportError>() => {
                    host.lacks(format!("call for this: {error:#}"));
                    Status::Signalled(ABORTED)
                }
                (None, None) if host.growth.refused => Status::MemoryLimit,
                (None, None) => return Err(WasmError::Internal(format!("{error:#}"))),
            },
        };
        let failed = !matches!(
            status,
            Status::Exited(0) | Status::TimeLimit | Status::OutputLimit
        );
        // As under process isolation the interpreter's last words count: it may refuse a size before it asks for memory.
        let for_want_of_memory = match self.script {
            // A parser that finds a source too complex says so by the same name.
            Some(_) if last_line(&host.error).starts_with(b"MemoryError") => {
                status != Status::CompileError || host.growth.refused
            }
            Some(_) => host.growth.refused && matches!(status, Status::Signalled(_)),
            None => host.growth.refused,
        };
        if failed && for_want_of_memory {
            return Ok(Status::MemoryLimit);
        }
        // What was lacking was refused by an error, as on a system that has it not. A program that copes with it is
        // judged like any other; one that failed may have failed for that. Only what it asked the host for counts.
        if failed && host.gap.is_some() && status != Status::CompileError {
            return Ok(Status::Unsupported);
        }
        Ok(status)
    }
}

/// Has an interpreter that stopped itself print what it still holds back, so that it is known what it had said; whether
/// it did.
fn flush(store: &mut Store<Host>) -> bool {
    let Some(instance) = store.data().instance else {
        return false;
    };
    let mut guest = Guest { store, instance };
    // It let go of itself to wait.
    guest
        .call("PyGILState_Ensure", &[])
        .and_then(|_| guest.call_entry(cpython::FLUSH, b""))
        .is_ok_and(|result| result != 0)
}

fn last_line(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_end();
    let start = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    &text[start..]
}
