//! Modules that are programs themselves, binary or as text: checked, compiled once, kept by content.
//!
//! A module is as untrusted as any source. What is malformed, too large, or asks for imports that are not WASI preview
//! 1 is a program that does not compile, with the reason for its author. This process never looks into a module that is
//! not compiled yet: `compiler` has a child do it, by [`compiled`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{InstancePre, Linker, Module};

use super::compiler::{Answer, Compiler};
use super::host::Host;
use super::meter::Tariff;
use super::precompiled::Precompiled;
use super::{WasmError, bounds, calls, engine, meter};
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::store::StoreKey;

/// Most bytes of a module.
const LARGEST_MODULE: usize = 32 << 20;
/// Compiled modules kept in memory.
const KEPT: usize = 64;

/// A module ready to be instantiated.
pub(super) struct Compiled {
    pub(super) instances: InstancePre<Host>,
}

/// A module, or why it is none.
type Known = Result<Arc<Compiled>, String>;

/// The modules seen lately, by hash.
#[derive(Default)]
pub(super) struct Modules {
    kept: Mutex<HashMap<StoreKey, Known>>,
}

impl Modules {
    /// The compiled module, or why it is none.
    pub(super) fn get(
        &self,
        cache: &Precompiled,
        compiler: &Compiler,
        cancel: &Cancel,
        source: &[u8],
    ) -> Result<Known, SandboxError> {
        let key = StoreKey::of(&[&meter::MODULES.to_le_bytes(), source]);
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(known.clone());
        }
        let (known, keep) = made(cache, compiler, cancel, source, &key)?;
        if keep {
            let mut kept = lock();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(key, known.clone());
        }
        Ok(known)
    }
}

/// The module from the cache, or compiled now; and whether that is so for ever.
fn made(
    cache: &Precompiled,
    compiler: &Compiler,
    cancel: &Cancel,
    source: &[u8],
    key: &StoreKey,
) -> Result<(Known, bool), SandboxError> {
    if let Err(reason) = small_enough(source) {
        return Ok((Err(reason), true));
    }
    let engine = engine::engine().map_err(WasmError::Engine)?;
    if let Some(module) = cache.load(engine, key)? {
        return Ok((ready(&module), true));
    }
    let artefact = match compiler.compile(cancel, source)? {
        Answer::Artefact(bytes) => bytes,
        Answer::Refused { reason, keep } => return Ok((Err(reason), keep)),
    };
    cache.keep(key, &artefact)?;
    let module = cache
        .load(engine, key)?
        .ok_or_else(|| WasmError::Compiler("what it made does not fit this program".to_owned()))?;
    Ok((ready(&module), true))
}

/// Parses, checks, meters and compiles: what the child does. All of it may take as long and as much as its limits allow.
pub(super) fn compiled(source: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = binary(source)?;
    bounds::check(&bytes)?;
    let bytes = meter::metered(&bytes, Tariff::Module)?;
    // Like the one that will load it, so that what that one has no room for is refused here.
    let engine = engine::alone().map_err(|error| format!("{error:#}"))?;
    let module = Module::new(&engine, &bytes).map_err(|error| format!("{error:#}"))?;
    module.serialize().map_err(|error| format!("{error:#}"))
}

fn small_enough(source: &[u8]) -> Result<(), String> {
    if source.len() > LARGEST_MODULE {
        return Err(format!(
            "the module has {} bytes; at most {LARGEST_MODULE} are accepted",
            source.len()
        ));
    }
    Ok(())
}

/// The module in binary form; text is translated.
fn binary(source: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    small_enough(source)?;
    if source.starts_with(b"\0asm") {
        return Ok(source.into());
    }
    let bytes = wat::parse_bytes(source).map_err(|error| error.to_string())?;
    small_enough(&bytes)?;
    Ok(bytes)
}

fn ready(module: &Module) -> Known {
    let start = module.get_export("_start");
    let takes_nothing = start
        .as_ref()
        .and_then(|export| export.func())
        .is_some_and(|kind| kind.params().len() == 0 && kind.results().len() == 0);
    if !takes_nothing {
        return Err(
            "the module exports no function `_start` without parameters and results, so it is no WASI command"
                .to_owned(),
        );
    }
    let mut linker = Linker::new(module.engine());
    calls::add_to(&mut linker).map_err(|error| format!("{error:#}"))?;
    let instances = linker
        .instantiate_pre(module)
        .map_err(|error| format!("{error:#}; only {} can be imported", calls::WASI))?;
    Ok(Arc::new(Compiled { instances }))
}
