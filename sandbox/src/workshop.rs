//! Source → program, for every language but Python: compiled in a jail of its own, once, kept in the cache.
//!
//! Also keeps the jails that show more of the host than others: a compiler's, a runtime's. The source is as
//! hostile as the program; what a compiler does to itself is the program's compile error, never our failure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::diagnostics;
use crate::error::SandboxError;
use crate::image::Image;
use crate::job::{Job, Language};
use crate::languages::{
    Compile, LanguageState, Launch, Library, Output, Precompiled, Toolchain, Tools, definition,
};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status, Usage};
use crate::pool::{Pool, Taken};
use crate::process::blueprint::Blueprint;
use crate::process::drive::drive;
use crate::process::run::Run;
use crate::process::stream::{self, Capture};
use crate::process::worker::Worker;
use crate::store::{Store, StoreError, StoreKey, StoreLayout};

/// Which way of compiling an entry of the cache comes from: raised whenever a source may be taken or refused otherwise.
const RECIPE: &[u8] = b"2";
/// Bytes of the largest header compiled in advance, and memory for compiling it.
const LARGEST_HEADER: u64 = 512 << 20;
/// Bytes of the largest source: more would not fit where a jail keeps its program.
const LARGEST_SOURCE: u64 = 128 << 20;
/// First byte of an entry of the cache.
const PROGRAM: u8 = b'P';
const REFUSED: u8 = b'R';

/// What became of a source.
#[derive(Debug)]
pub(crate) enum Built<'a> {
    /// It can be run.
    Ready(Image<'a>),
    /// It does not compile, or is too large to be tried.
    Refused(Outcome),
}

/// What became of a source that is to be a WebAssembly module.
#[cfg(feature = "wasm")]
#[derive(Debug)]
pub(crate) enum Module {
    /// A WASI command.
    Ready(Vec<u8>),
    /// The source does not compile.
    Refused(Outcome),
    /// It could be a program all the same; why it is none for WebAssembly.
    Unsupported(String),
}

/// What a compiler's jail is made of, and until when it may work.
#[derive(Clone, Copy, Debug)]
struct Site<'a> {
    blueprint: &'a Blueprint,
    cancel: &'a Cancel,
}

/// A toolchain or why there is none, once looked for.
type Found = Arc<OnceLock<Result<Toolchain, String>>>;

/// Compiles, and keeps what compilers and runtimes need.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// Compiled programs, or why each is compiled anew.
    store: Result<Store, String>,
    limits: Limits,
    found: Mutex<HashMap<Language, Found>>,
    /// Compilers to WebAssembly, of C and of C++.
    #[cfg(feature = "wasm")]
    to_wasm: [OnceLock<Result<Toolchain, String>>; 2],
    pools: Mutex<HashMap<Tools, Arc<Pool>>>,
    workers: usize,
}

impl Workshop {
    pub(crate) fn new(config: &SandboxConfig, workers: usize) -> Self {
        Self {
            store: open_store(config).map_err(|error| described(&error)),
            limits: config.compile_limits.clone(),
            found: Mutex::default(),
            #[cfg(feature = "wasm")]
            to_wasm: [OnceLock::new(), OnceLock::new()],
            pools: Mutex::default(),
            workers,
        }
    }

    /// Where compiled programs are kept, or why they are not.
    pub(crate) fn cache_directory(&self) -> Result<PathBuf, String> {
        match &self.store {
            Ok(store) => Ok(store.directory().to_owned()),
            Err(reason) => Err(reason.clone()),
        }
    }

    /// What this host has for a language; looked for once.
    pub(crate) fn state(&self, language: Language) -> LanguageState {
        let cell = self.cell(language);
        let toolchain = cell.get_or_init(|| (definition(language).find)());
        LanguageState {
            language,
            usable: toolchain.is_ok(),
            tools: match toolchain {
                Ok(toolchain) => toolchain.version.clone(),
                Err(reason) => reason.clone(),
            },
        }
    }

    fn cell(&self, language: Language) -> Found {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.entry(language).or_default().clone()
    }

    /// The tools of a language, if this host has them.
    pub(crate) fn toolchain(&self, language: Language) -> Result<Toolchain, SandboxError> {
        let cell = self.cell(language);
        cell.get_or_init(|| (definition(language).find)())
            .clone()
            .map_err(|reason| SandboxError::MissingLanguage { language, reason })
    }

    /// Makes the program ready, by the compiler or from the cache.
    pub(crate) fn build<'a>(
        &self,
        blueprint: &Blueprint,
        job: &'a Job,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Built<'a>, SandboxError> {
        if let Some(outcome) = too_large(job, limits) {
            return Ok(Built::Refused(outcome));
        }
        if job.language == Language::Python {
            return Ok(Built::Ready(match &blueprint.afresh {
                None => Image::python(job, blueprint.interpreter.numpy),
                Some((launch, _)) => Image::python_afresh(job, launch, limits),
            }));
        }
        let toolchain = self.toolchain(job.language)?;
        let definition = definition(job.language);
        let unit = (definition.unit)(&job.source);
        let mut usage = Usage::default();
        let program = match &toolchain.compile {
            None => Cow::Borrowed(job.source.as_slice()),
            Some(compile) => {
                let site = Site { blueprint, cancel };
                let entry = self.entry(site, &toolchain, compile, job, &unit, &mut usage)?;
                match (entry.split_first(), compile.output) {
                    (Some((&PROGRAM, _)), Output::Source) => Cow::Borrowed(job.source.as_slice()),
                    (Some((&PROGRAM, program)), Output::Artifact) => Cow::Owned(program.to_vec()),
                    (refused, _) => {
                        let words = refused.map_or(&[][..], |(_, words)| words);
                        return Ok(Built::Refused(Outcome {
                            status: Status::CompileError,
                            stdout: Vec::new(),
                            stderr: words.to_vec(),
                            usage,
                        }));
                    }
                }
            }
        };
        let wanted_memory = definition.wanted_memory;
        let image = Image::launched(&toolchain.run, program, &unit, limits, wanted_memory);
        Ok(Built::Ready(image))
    }

    /// What the compiler makes of a source, from the cache where it is known.
    fn entry(
        &self,
        site: Site<'_>,
        toolchain: &Toolchain,
        compile: &Compile,
        job: &Job,
        unit: &str,
        usage: &mut Usage,
    ) -> Result<Vec<u8>, SandboxError> {
        let key = StoreKey::of(&[
            RECIPE,
            job.language.name().as_bytes(),
            toolchain.identity.as_bytes(),
            format!("{:?}", compile.launch).as_bytes(),
            format!("{:?}", self.limits).as_bytes(),
            &job.source,
        ]);
        let mut make = || self.compile(site, toolchain, compile, job, unit, usage);
        match &self.store {
            Ok(store) => store.get_or_make(&key, site.cancel, make),
            Err(_) => make().map(|(bytes, _)| bytes),
        }
    }

    /// Compiles a C or C++ program to a WebAssembly module. A source that this compiler refuses is refused only if the
    /// host's own compiler refuses it, too: the libraries differ.
    #[cfg(feature = "wasm")]
    pub(crate) fn module(
        &self,
        blueprint: &Blueprint,
        job: &Job,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Module, SandboxError> {
        use crate::languages::wasm;
        use crate::wasm::narrow;
        if let Some(outcome) = too_large(job, limits) {
            return Ok(Module::Refused(outcome));
        }
        if let Some(reason) = narrow::hazard(job.language, &job.source) {
            return Ok(Module::Unsupported(reason));
        }
        let cell = &self.to_wasm[usize::from(job.language == Language::Cpp)];
        let toolchain = match cell.get_or_init(|| wasm::compiler(job.language)) {
            Ok(toolchain) => toolchain,
            Err(reason) => {
                return Err(SandboxError::MissingLanguage {
                    language: job.language,
                    reason: format!("to WebAssembly, {reason}"),
                });
            }
        };
        let Some(compile) = &toolchain.compile else {
            return Ok(Module::Unsupported("there is no compiler".to_owned()));
        };
        let adapted = Job {
            source: narrow::adapted(job.language, &job.source),
            ..job.clone()
        };
        let site = Site { blueprint, cancel };
        let mut usage = Usage::default();
        let entry = self.entry(site, toolchain, compile, &adapted, "main", &mut usage)?;
        let words = match entry.split_first() {
            Some((&PROGRAM, module)) => return Ok(Module::Ready(module.to_vec())),
            refused => refused.map_or(&[][..], |(_, words)| words),
        };
        if self.toolchain(job.language).is_ok() {
            return Ok(match self.build(blueprint, job, limits, cancel)? {
                Built::Refused(outcome) => Module::Refused(outcome),
                Built::Ready(_) => Module::Unsupported(format!(
                    "it compiles for this host, but not for WebAssembly: {}",
                    String::from_utf8_lossy(words).trim_end()
                )),
            });
        }
        Ok(Module::Refused(Outcome {
            status: Status::CompileError,
            stdout: Vec::new(),
            stderr: words.to_vec(),
            usage,
        }))
    }

    /// An entry for the cache, and whether it is to be kept.
    fn compile(
        &self,
        site: Site<'_>,
        toolchain: &Toolchain,
        compile: &Compile,
        job: &Job,
        unit: &str,
        usage: &mut Usage,
    ) -> Result<(Vec<u8>, bool), SandboxError> {
        let mut plain = compile.launch.clone();
        let served = |library: &&Library| library.serves(&job.source);
        for library in compile.libraries.iter().filter(served) {
            plain.command.push(library.argument.to_owned());
        }
        let mut rest = compile.precompiled.iter();
        let (outcome, artifact) = loop {
            let mut launch = plain.clone();
            let mut whole = true;
            // A compiler that cannot make this one may be able to make the next.
            for precompiled in rest.by_ref().filter(|one| (one.suits)(&job.source)) {
                let Ok(store) = &self.store else { continue };
                let made = self.precompiled(store, site, toolchain, compile, precompiled)?;
                let Some(file) = made else { continue };
                launch.command.extend(precompiled.arguments.iter().cloned());
                let (place, text) = precompiled.beside;
                let key = StoreKey::of(&[b"beside a header", text.as_bytes()]);
                let make = || Ok::<_, SandboxError>(Some(text.as_bytes().to_vec()));
                let Some(beside) = store.file_or_make(&key, site.cancel, make)? else {
                    continue;
                };
                launch.tools.get_or_insert_default().aliases.extend([
                    (file, PathBuf::from(precompiled.inside)),
                    (beside, PathBuf::from(place)),
                ]);
                whole = precompiled.whole;
                break;
            }
            let done = self.run_compiler(site, &launch, &job.source, unit, &self.limits)?;
            usage.cpu_us += done.0.usage.cpu_us;
            usage.wall_us += done.0.usage.wall_us;
            usage.memory_bytes = usage.memory_bytes.max(done.0.usage.memory_bytes);
            // What a header lacks may be all that is wrong.
            if whole || !matches!(done.0.status, Status::Exited(code) if code != 0) {
                break done;
            }
        };
        let seconds = |ms: u64| ms.div_ceil(1000);
        // Whether a compiler reaches a limit may depend on the machine.
        let (words, keep) = match outcome.status {
            Status::Exited(0) if compile.output == Output::Source => (None, true),
            Status::Exited(0) if is_program(toolchain, &artifact) => (None, true),
            Status::TimeLimit if outcome.usage.cpu_us < self.limits.cpu_ms * 1000 => {
                let limit = seconds(self.limits.wall_ms);
                (
                    Some(format!("the compiler did not end within {limit} s")),
                    false,
                )
            }
            Status::TimeLimit => {
                let limit = seconds(self.limits.cpu_ms);
                (
                    Some(format!(
                        "the compiler needed more than {limit} s of CPU time"
                    )),
                    false,
                )
            }
            Status::MemoryLimit => {
                let limit = self.limits.memory_bytes >> 20;
                (
                    Some(format!(
                        "the compiler needed more than {limit} MB of memory"
                    )),
                    false,
                )
            }
            Status::Denied => (
                Some("the compiler made a forbidden system call".to_owned()),
                true,
            ),
            Status::Exited(0) if artifact.is_empty() => {
                (Some("the compiler made no program".to_owned()), true)
            }
            Status::Exited(0) => (
                Some("what the compiler made is no program (a library?)".to_owned()),
                true,
            ),
            Status::Signalled(signal) => (
                Some(format!("the compiler was killed by signal {signal}")),
                false,
            ),
            Status::Exited(_)
            | Status::OutputLimit
            | Status::CompileError
            | Status::Unsupported => (Some(String::new()), true),
        };
        let Some(reason) = words else {
            let mut entry = vec![PROGRAM];
            if compile.output == Output::Artifact {
                entry.extend(artifact);
            }
            return Ok((entry, keep));
        };
        let mut printed = outcome.stderr;
        if printed.is_empty() {
            printed = outcome.stdout;
        }
        let mut text = diagnostics::trimmed(&printed);
        if !reason.is_empty() || text.is_empty() {
            let reason = if reason.is_empty() {
                "the compiler failed"
            } else {
                &reason
            };
            text = format!("error: {reason}\n{text}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        let mut entry = vec![REFUSED];
        entry.extend(text.into_bytes());
        Ok((entry, keep))
    }

    /// The header compiled in advance, if there is a cache to keep it in.
    fn precompiled(
        &self,
        store: &Store,
        site: Site<'_>,
        toolchain: &Toolchain,
        compile: &Compile,
        precompiled: &Precompiled,
    ) -> Result<Option<PathBuf>, SandboxError> {
        let key = StoreKey::of(&[
            b"header",
            toolchain.identity.as_bytes(),
            format!("{:?} {}", precompiled.command, precompiled.header).as_bytes(),
        ]);
        store.file_or_make(&key, site.cancel, || {
            let launch = Launch {
                file: "main.hpp".to_owned(),
                command: precompiled.command.clone(),
                ..compile.launch.clone()
            };
            let limits = Limits {
                cpu_ms: 60_000,
                wall_ms: 600_000,
                memory_bytes: 3 * LARGEST_HEADER,
                file_bytes: LARGEST_HEADER,
                ..self.limits.clone()
            };
            let source = precompiled.header.as_bytes();
            let (outcome, artifact) = self.run_compiler(site, &launch, source, "main", &limits)?;
            // A compiler that cannot do it compiles without.
            Ok((outcome.status == Status::Exited(0) && !artifact.is_empty()).then_some(artifact))
        })
    }

    /// Runs a compiler on a source; what it left beside what it said.
    fn run_compiler(
        &self,
        site: Site<'_>,
        launch: &Launch,
        source: &[u8],
        unit: &str,
        limits: &Limits,
    ) -> Result<(Outcome, Vec<u8>), SandboxError> {
        let made = artifact_file()?;
        let image = Image::launched(launch, Cow::Borrowed(source), unit, limits, |_| false);
        let limits = image.limits(limits);
        let tools = image.tools.clone().unwrap_or_default();
        let mut worker = self.take(site.blueprint, &tools)?;
        let result = run_in(&mut worker, &image, b"", &limits, Some(&made), site.cancel);
        if matches!(result, Ok(_) | Err(SandboxError::Cancelled)) {
            worker.give_back();
        }
        Ok((result?, read_artifact(made)?))
    }

    /// A jail that shows these tools.
    pub(crate) fn take(&self, blueprint: &Blueprint, tools: &Tools) -> Result<Taken, SandboxError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = if let Some(pool) = pools.get(tools) {
            pool.clone()
        } else {
            let pool = Pool::new(blueprint.with_tools(tools)?, self.workers, Vec::new());
            pools.entry(tools.clone()).or_insert(Arc::new(pool)).clone()
        };
        drop(pools);
        pool.take()
    }
}

/// Where compiled programs are kept.
fn open_store(config: &SandboxConfig) -> Result<Store, StoreError> {
    let root = config.cache_directory.clone().or_else(Store::default_root);
    let programs = root.ok_or(StoreError::Nowhere)?.join("programs");
    let store = Store::open(&programs, config.cache_bytes, StoreLayout::Flat)?;
    store.require_writable()?;
    Ok(store)
}

/// An error and its cause, in words.
fn described(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("failed to {error}{}", cause.unwrap_or_default())
}

/// Whether a compiler made what is to be run: for a native program a file that the kernel, or the WebAssembly engine, at
/// least takes for one. What the file then asks of either is the program's own doing.
fn is_program(toolchain: &Toolchain, artifact: &[u8]) -> bool {
    let native = [b"\x7fELF", b"\0asm"];
    !artifact.is_empty()
        && (!toolchain.run.executable || native.iter().any(|magic| artifact.starts_with(*magic)))
}

/// The outcome of a source for which there is no room.
fn too_large(job: &Job, limits: &Limits) -> Option<Outcome> {
    let most = limits.memory_bytes.min(LARGEST_SOURCE);
    (job.source.len() as u64 > most).then(|| Outcome {
        status: Status::MemoryLimit,
        stdout: Vec::new(),
        stderr: Vec::new(),
        usage: Usage::default(),
    })
}

/// One run of a program that the worker holds, or is given now. A compiler leaves what it makes in `artifact`.
pub(crate) fn run_in(
    worker: &mut Worker,
    image: &Image<'_>,
    input: &[u8],
    limits: &Limits,
    artifact: Option<&OwnedFd>,
    cancel: &Cancel,
) -> Result<Outcome, SandboxError> {
    let has_files = image.has_files();
    let stdin = stream::sealed("standard input", if has_files { b"" } else { input })?;
    // An answer in a file is brought home as a compiler's work is.
    let given = has_files
        .then(|| Ok::<_, SandboxError>((artifact_file()?, stream::sealed("input file", input)?)))
        .transpose()?;
    let (output, stdout) = stream::pipe("standard output", worker.owner)?;
    let (words, stderr) = stream::pipe("standard error", worker.owner)?;
    if worker.program.is_none() {
        worker.bound(limits)?;
        worker.start_program(image, limits)?;
    }
    let mut streams = vec![stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
    streams.extend(artifact.map(AsFd::as_fd));
    if let Some((answer, file)) = &given {
        streams.extend([answer.as_fd(), file.as_fd()]);
    }
    let run = Run::start(
        worker,
        limits,
        &streams,
        Capture::new(output, limits.output_bytes)?,
        Capture::new(words, limits.output_bytes)?,
    )?;
    // Held open here they would never be seen to end.
    drop((stdin, stdout, stderr));
    let [outcome] = drive([run], Duration::ZERO, cancel)?;
    Ok(match given {
        Some((answer, _)) => answered(outcome, read_artifact(answer)?, limits),
        None => outcome,
    })
}

/// The outcome of a program whose answer was a file.
fn answered(mut outcome: Outcome, answer: Vec<u8>, limits: &Limits) -> Outcome {
    outcome.stdout = answer;
    if outcome.stdout.len() as u64 > limits.output_bytes {
        outcome.stdout.truncate(limits.output_bytes as usize);
        if matches!(outcome.status, Status::Exited(_)) {
            outcome.status = Status::OutputLimit;
        }
    }
    outcome
}

fn artifact_file() -> Result<OwnedFd, SandboxError> {
    memfd_create("artifact", MFdFlags::MFD_CLOEXEC).map_err(|errno| SandboxError::MakeStream {
        what: "file for a compiled program",
        source: errno.into(),
    })
}

fn read_artifact(file: OwnedFd) -> Result<Vec<u8>, SandboxError> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::from(file);
    let mut bytes = vec![
        0;
        file.metadata()
            .map_or(0, |metadata| metadata.len() as usize)
    ];
    file.read_exact_at(&mut bytes, 0)
        .map_err(SandboxError::ReadStream)?;
    Ok(bytes)
}
