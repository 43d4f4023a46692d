//! Source → program that can be started: as it is, or compiled in a jail of its own, once, and kept in a store.
//!
//! The source is as hostile as the program; what a compiler does to itself is the program's compile error, never our
//! failure. `compile` has a compiler do its work, `headers` what speeds it up.

use std::borrow::Cow;
use std::path::PathBuf;

use super::blueprint::Blueprint;
use super::image::Image;
use super::tool_pools::ToolPools;
use super::toolchains::Toolchains;
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::job::{Job, Language};
use crate::languages::{Output, definition};
use crate::limits::Limits;
use crate::outcome::{Outcome, Status, Usage};
use crate::store::{Store, StoreError, StoreLayout};

mod compile;
mod headers;

pub(crate) use compile::{Compiled, Source};

/// Bytes of the largest source: more would not fit where a jail keeps its program.
const LARGEST_SOURCE: u64 = 128 << 20;

/// What became of a source.
#[derive(Debug)]
pub(crate) enum Built<'a> {
    /// It can be run.
    Ready(Image<'a>),
    /// It does not compile, or is too large to be tried.
    Refused(Outcome),
}

/// Makes programs ready.
#[derive(Debug)]
pub(crate) struct Builder {
    /// Compiled programs, or why each is compiled anew.
    store: Result<Store, String>,
    /// What a compiler may use.
    limits: Limits,
    pub(crate) toolchains: Toolchains,
    pub(crate) pools: ToolPools,
}

impl Builder {
    pub(crate) fn new(config: &SandboxConfig, blueprint: Blueprint, workers: usize) -> Self {
        Self {
            store: open_store(config).map_err(|error| described(&error)),
            limits: config.compile_limits.clone(),
            toolchains: Toolchains::default(),
            pools: ToolPools::new(blueprint, workers),
        }
    }

    /// Where compiled programs are kept, or why they are not.
    pub(crate) fn cache_directory(&self) -> Result<PathBuf, String> {
        match &self.store {
            Ok(store) => Ok(store.directory().to_owned()),
            Err(reason) => Err(reason.clone()),
        }
    }

    /// Makes the program ready, by the compiler or from the store.
    pub(crate) fn build<'a>(
        &self,
        job: &'a Job,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Built<'a>, SandboxError> {
        if let Some(outcome) = too_large(job, limits) {
            return Ok(Built::Refused(outcome));
        }
        if job.language == Language::Python {
            let blueprint = &self.pools.blueprint;
            return Ok(Built::Ready(match &blueprint.afresh {
                None => Image::python(job, blueprint.interpreter.numpy),
                Some((launch, _)) => Image::python_afresh(job, launch, limits),
            }));
        }
        let toolchain = self.toolchains.get(job.language)?;
        let definition = definition(job.language);
        let unit = (definition.unit)(&job.source);
        let mut usage = Usage::default();
        let program = match &toolchain.compile {
            None => Cow::Borrowed(job.source.as_slice()),
            Some(compile) => {
                let source = Source {
                    job,
                    unit: &unit,
                    cancel,
                };
                match self.compiled(&source, &toolchain, compile, &mut usage)? {
                    Compiled::Program(_) if compile.output == Output::Source => {
                        Cow::Borrowed(job.source.as_slice())
                    }
                    Compiled::Program(program) => Cow::Owned(program),
                    Compiled::Refused(words) => {
                        return Ok(Built::Refused(does_not_compile(words, usage)));
                    }
                }
            }
        };
        let wanted_memory = definition.wanted_memory;
        let image = Image::launched(&toolchain.run, program, &unit, limits, wanted_memory);
        Ok(Built::Ready(image))
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

/// The outcome of a source that does not compile, with what the compiler says of it.
pub(crate) fn does_not_compile(words: Vec<u8>, usage: Usage) -> Outcome {
    Outcome {
        status: Status::CompileError,
        stdout: Vec::new(),
        stderr: words,
        usage,
    }
}

/// The outcome of a source for which there is no room.
pub(crate) fn too_large(job: &Job, limits: &Limits) -> Option<Outcome> {
    let most = limits.memory_bytes.min(LARGEST_SOURCE);
    (job.source.len() as u64 > most).then(|| Outcome {
        status: Status::MemoryLimit,
        stdout: Vec::new(),
        stderr: Vec::new(),
        usage: Usage::default(),
    })
}
