//! Modules that are programs themselves, binary or as text: checked, compiled once, kept by content.
//!
//! A module is as untrusted as any source. What is malformed, too large, or asks for imports that are not WASI preview
//! 1 is a program that does not compile, with the reason for its author.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::{InstancePre, Linker, Module};

use super::host::Host;
use super::precompiled::{Cache, PROGRAM};
use super::{WasmError, calls, engine, meter};

/// Most bytes of a module.
const LARGEST_MODULE: usize = 32 << 20;
/// Most bytes of one function: compiling takes more than linear time in them.
const LARGEST_FUNCTION: usize = 1 << 20;
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
    kept: Mutex<HashMap<String, Known>>,
}

impl Modules {
    /// The compiled module, or why it is none.
    pub(super) fn get(&self, cache: &Cache, source: &[u8]) -> Result<Known, WasmError> {
        let digest = Sha256::digest(source);
        let key = format!("{digest:x}");
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(known.clone());
        }
        let compiled = compile(cache, source, &key)?;
        let mut kept = lock();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, compiled.clone());
        Ok(compiled)
    }
}

fn compile(cache: &Cache, source: &[u8], key: &str) -> Result<Known, WasmError> {
    let bytes = match binary(source) {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = check(&bytes) {
        return Ok(Err(reason));
    }
    let bytes = match meter::metered(&bytes) {
        Ok(bytes) => bytes,
        Err(reason) => return Ok(Err(reason)),
    };
    let engine = engine::engine().map_err(WasmError::Engine)?;
    let name = format!("{PROGRAM}{}-{}", meter::VERSION, &key[..24]);
    let module = match cache.load(engine, &name)? {
        Some(module) => module,
        None => match engine.precompile_module(&bytes) {
            Err(error) => return Ok(Err(format!("{error:#}"))),
            Ok(compiled) => {
                cache.store(&name, &compiled)?;
                match cache.load(engine, &name)? {
                    Some(module) => module,
                    None => return Ok(Err("it does not fit the engine's limits".to_owned())),
                }
            }
        },
    };
    Ok(ready(&module))
}

/// The module in binary form; text is translated.
fn binary(source: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, String> {
    if source.len() > LARGEST_MODULE {
        return Err(format!(
            "the module has {} bytes; at most {LARGEST_MODULE} are accepted",
            source.len()
        ));
    }
    if source.starts_with(b"\0asm") {
        return Ok(source.into());
    }
    wat::parse_bytes(source).map_err(|error| error.to_string())
}

/// Refuses what would take too long to compile; what is malformed is left to the compiler, which knows better words.
fn check(bytes: &[u8]) -> Result<(), String> {
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => {
                let length = body.range().len();
                if length > LARGEST_FUNCTION {
                    return Err(format!(
                        "a function has {length} bytes; at most {LARGEST_FUNCTION} are accepted"
                    ));
                }
            }
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
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
