//! A compiler's work: done in a jail that shows its tools, and what it says about a source that it refuses.

use std::borrow::Cow;
use std::path::PathBuf;

use super::Builder;
use crate::cancel::Cancel;
use crate::diagnostics;
use crate::error::SandboxError;
use crate::job::Job;
use crate::languages::{Compile, Launch, Library, Output, Toolchain};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status, Usage};
use crate::process::image::Image;
use crate::process::single::{artifact_file, read_artifact, run_in};
use crate::store::StoreKey;

/// Which way of compiling an entry of the cache comes from: raised whenever a source may be taken or refused otherwise.
const RECIPE: &[u8] = b"3";
/// First byte of a kept entry.
const PROGRAM: u8 = b'P';
const REFUSED: u8 = b'R';

/// What is to be compiled, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) job: &'a Job,
    /// What takes the place of `{unit}` in commands.
    pub(crate) unit: &'a str,
    pub(crate) cancel: &'a Cancel,
}

/// What a compiler made of a source.
#[derive(Debug)]
pub(crate) enum Compiled {
    /// A program; empty where the source itself is one.
    Program(Vec<u8>),
    /// None, and what the compiler says of it.
    Refused(Vec<u8>),
}

impl Builder {
    /// What the compiler makes of a source, from the store where it is known.
    pub(crate) fn compiled(
        &self,
        source: &Source<'_>,
        toolchain: &Toolchain,
        compile: &Compile,
        usage: &mut Usage,
    ) -> Result<Compiled, SandboxError> {
        let key = StoreKey::of(&[
            RECIPE,
            source.job.language.name().as_bytes(),
            toolchain.identity.as_bytes(),
            format!("{:?}", compile.launch).as_bytes(),
            format!("{:?}", self.limits).as_bytes(),
            &source.job.source,
        ]);
        let mut make = || self.compile(source, toolchain, compile, usage);
        let mut entry = match &self.store {
            Ok(store) => store.get_or_make(&key, source.cancel, make)?,
            Err(_) => make()?.0,
        };
        Ok(match entry.first() {
            Some(&PROGRAM) => Compiled::Program(entry.split_off(1)),
            first => Compiled::Refused(entry.split_off(usize::from(first.is_some()))),
        })
    }

    /// An entry for the store, and whether it is to be kept.
    fn compile(
        &self,
        source: &Source<'_>,
        toolchain: &Toolchain,
        compile: &Compile,
        usage: &mut Usage,
    ) -> Result<(Vec<u8>, bool), SandboxError> {
        let mut plain = compile.launch.clone();
        let served = |library: &&Library| library.serves(&source.job.source);
        for library in compile.libraries.iter().filter(served) {
            if !plain.command.iter().any(|given| given == library.argument) {
                plain.command.push(library.argument.to_owned());
            }
        }
        let mut rest = compile.precompiled.iter();
        let (outcome, artifact) = loop {
            let mut launch = plain.clone();
            let mut whole = true;
            // A compiler that cannot make this one may be able to make the next.
            for precompiled in rest.by_ref().filter(|one| (one.suits)(&source.job.source)) {
                let Ok(store) = &self.store else { continue };
                let made = self.header(store, source.cancel, toolchain, compile, precompiled)?;
                let Some(file) = made else { continue };
                launch.command.extend(precompiled.arguments.iter().cloned());
                let (place, text) = precompiled.beside;
                let key = StoreKey::of(&[b"beside a header", text.as_bytes()]);
                let make = || Ok::<_, SandboxError>(Some(text.as_bytes().to_vec()));
                let Some(beside) = store.file_or_make(&key, source.cancel, make)? else {
                    continue;
                };
                launch.tools.get_or_insert_default().aliases.extend([
                    (file, PathBuf::from(precompiled.inside)),
                    (beside, PathBuf::from(place)),
                ]);
                whole = precompiled.whole;
                break;
            }
            let done = self.run_compiler(
                source.cancel,
                &launch,
                &source.job.source,
                source.unit,
                &self.limits,
            )?;
            usage.cpu_us += done.0.usage.cpu_us;
            usage.wall_us += done.0.usage.wall_us;
            usage.memory_bytes = usage.memory_bytes.max(done.0.usage.memory_bytes);
            // What a header lacks may be all that is wrong.
            if whole || !matches!(done.0.status, Status::Exited(code) if code != 0) {
                break done;
            }
        };
        let (words, keep) = complaint(&outcome, &artifact, (toolchain, compile), &self.limits);
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

    /// Runs a compiler on a source; what it left beside what it said.
    pub(super) fn run_compiler(
        &self,
        cancel: &Cancel,
        launch: &Launch,
        source: &[u8],
        unit: &str,
        limits: &Limits,
    ) -> Result<(Outcome, Vec<u8>), SandboxError> {
        let made = artifact_file()?;
        let image = Image::launched(launch, Cow::Borrowed(source), unit, limits, |_| false);
        let limits = image.limits(limits);
        let tools = image.tools.clone().unwrap_or_default();
        let mut worker = self.pools.take(&tools)?;
        let result = run_in(&mut worker, &image, b"", &limits, Some(&made), cancel);
        if matches!(result, Ok(_) | Err(SandboxError::Cancelled)) {
            worker.give_back();
        }
        Ok((result?, read_artifact(made)?))
    }
}

/// What is wrong with a compiler's work, if anything, and whether it would be so on every machine: whether a compiler
/// reaches a limit may depend on that.
fn complaint(
    outcome: &Outcome,
    artifact: &[u8],
    (toolchain, compile): (&Toolchain, &Compile),
    limits: &Limits,
) -> (Option<String>, bool) {
    let seconds = |ms: u64| ms.div_ceil(1000);
    match outcome.status {
        Status::Exited(0) if compile.output == Output::Source => (None, true),
        Status::Exited(0) if is_program(toolchain, artifact) => (None, true),
        Status::TimeLimit if outcome.usage.cpu_us < limits.cpu_ms * 1000 => {
            let limit = seconds(limits.wall_ms);
            (
                Some(format!("the compiler did not end within {limit} s")),
                false,
            )
        }
        Status::TimeLimit => {
            let limit = seconds(limits.cpu_ms);
            (
                Some(format!(
                    "the compiler needed more than {limit} s of CPU time"
                )),
                false,
            )
        }
        Status::MemoryLimit => {
            let limit = limits.memory_bytes >> 20;
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
        Status::Exited(_) | Status::OutputLimit | Status::CompileError | Status::Unsupported => {
            (Some(String::new()), true)
        }
    }
}

/// Whether a compiler made what is to be run: for a native program a file that the kernel, or the WebAssembly engine, at
/// least takes for one. What the file then asks of either is the program's own doing.
fn is_program(toolchain: &Toolchain, artifact: &[u8]) -> bool {
    let native = [b"\x7fELF", b"\0asm"];
    !artifact.is_empty()
        && (!toolchain.run.executable || native.iter().any(|magic| artifact.starts_with(*magic)))
}
