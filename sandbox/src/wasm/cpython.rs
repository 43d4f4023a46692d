//! CPython 3.14 for WebAssembly: carried libraries → one module with a started interpreter in it, compiled once.
//!
//! The libraries (`link`), a start of the interpreter that imports the usual modules (`rlef_runtime.py`), and a
//! snapshot of its memory, in which all objects are made immortal, give a module whose instances begin where the start
//! ended. Making it takes about twenty seconds of CPU time, once per user, version and processor; afterwards it is mapped
//! from the cache. The string-hash seed is fixed, there is no entropy and no clock, so the same inputs give the same module
//! on every machine.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, Val};

use super::files::{Files, Tree};
use super::host::{Host, Input, Output, Setup};
use super::precompiled::Precompiled;
use super::{WasmError, calls, engine, meter};
use crate::store::StoreKey;

mod guest;
mod link;

pub(super) use guest::Guest;

/// The compiler's input that is not in the libraries.
const RUNTIME: &str = include_str!("cpython/rlef_runtime.py");
/// What this interpreter calls itself.
pub(crate) const VERSION: &str = "CPython 3.14.0 (WebAssembly)";
/// Bytes of the C stack: deep recursion through C, such as `lru_cache`, needs it.
const STACK: u32 = 64 << 20;
/// Bump when the way the module is made changes.
const RECIPE: u32 = 8;
/// Bytes of linear memory that starting may take.
const STARTING_MEMORY: u64 = 1 << 30;
/// The count of references that CPython 3.14 gives an immortal object where addresses have 32 bits.
const IMMORTAL: i32 = 5 << 28;
/// More references than any object has after the start, and fewer than an immortal one.
const MOST_REFERENCES: i32 = 1 << 24;
/// The functions of `rlef_runtime` that the host calls; a constant by each name holds its address.
pub(super) const RUN: &str = "run";
/// The same for a program that [`PREPARE`] compiled.
pub(super) const RUN_PREPARED: &str = "run_prepared";
/// Compiles a program.
pub(super) const PREPARE: &str = "prepare_program";
/// Prints what a program that got stuck holds back.
pub(super) const FLUSH: &str = "flush_streams";
/// Sets the longest number that is read from text or written as text.
const SET_DIGITS: &str = "set_int_max_str_digits";
/// The functions of the C API that the host calls.
const EXPORTS: [&str; 15] = [
    "malloc",
    "free",
    "Py_Initialize",
    "PyErr_Occurred",
    "PyLong_FromLong",
    "PyGILState_Ensure",
    "PyErr_Print",
    "PyImport_ImportModule",
    "PyObject_GetAttrString",
    "PyBytes_FromStringAndSize",
    "PyBytes_AsString",
    "PyBytes_Size",
    "PyObject_CallOneArg",
    "PyLong_AsLong",
    "__wasilibc_reset_preopens",
];

#[cfg(carries_cpython)]
mod carried {
    macro_rules! carried {
        ($name:literal) => {
            include_bytes!(concat!(env!("OUT_DIR"), "/", $name))
        };
    }

    /// Libraries, each after those it needs, as Zstandard.
    pub(super) const LIBRARIES: &[(&str, &[u8])] = &[
        ("libc.so", carried!("libc.so.zst")),
        (
            "libwasi-emulated-getpid.so",
            carried!("libwasi-emulated-getpid.so.zst"),
        ),
        (
            "libwasi-emulated-process-clocks.so",
            carried!("libwasi-emulated-process-clocks.so.zst"),
        ),
        (
            "libwasi-emulated-signal.so",
            carried!("libwasi-emulated-signal.so.zst"),
        ),
        ("libpython3.14.so", carried!("libpython3.14.so.zst")),
    ];
    /// The standard library as a compressed archive.
    pub(super) const STANDARD_LIBRARY: &[u8] = carried!("python-stdlib.tar.gz");
}

#[cfg(not(carries_cpython))]
mod carried {
    pub(super) const LIBRARIES: &[(&str, &[u8])] = &[];
    pub(super) const STANDARD_LIBRARY: &[u8] = &[];
}

/// Whether this build carries the interpreter.
pub(super) const CARRIED: bool = cfg!(carries_cpython);

/// The interpreter, ready to be instantiated.
pub(super) struct Python {
    pub(super) instances: InstancePre<Host>,
    /// Bytes of linear memory an instance begins with.
    pub(super) initial_memory: u64,
}

impl Python {
    /// The interpreter from the cache, or made now; `progress` is told when that takes long.
    pub(super) fn load(cache: &Precompiled, progress: fn(&str)) -> Result<Self, WasmError> {
        let engine = engine::engine().map_err(WasmError::Engine)?;
        let key = key(engine);
        let module = if let Some(module) = cache.load(engine, &key)? {
            module
        } else {
            let _lock = cache.lock(&key);
            match cache.load(engine, &key)? {
                Some(module) => module,
                None => make(engine, cache, &key, progress)?,
            }
        };
        let initial_memory = module
            .get_export("memory")
            .and_then(|export| export.memory().map(|memory| memory.minimum() * 65536))
            .ok_or_else(|| failed("find its memory", "it has none"))?;
        let mut linker = Linker::new(engine);
        calls::add_to(&mut linker).map_err(WasmError::Engine)?;
        linker
            .define_unknown_imports_as_traps(&module)
            .map_err(WasmError::Engine)?;
        let instances = linker
            .instantiate_pre(&module)
            .map_err(|error| failed("find what it imports", format!("{error:#}")))?;
        Ok(Self {
            instances,
            initial_memory,
        })
    }

    /// The files a program sees: the standard library, and itself.
    pub(super) fn files(source: &[u8]) -> Files {
        Files::of(standard_library).with("/program/main.py", Arc::from(source))
    }
}

fn failed(step: &'static str, reason: impl Into<String>) -> WasmError {
    WasmError::Python {
        step,
        reason: reason.into(),
    }
}

/// What the compiled module depends on.
fn key(engine: &Engine) -> StoreKey {
    use std::hash::{Hash, Hasher};
    struct Sum(Sha256);
    impl Hasher for Sum {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut sum = Sum(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sum);
    let mut digest = sum.0;
    digest.update(RECIPE.to_le_bytes());
    digest.update(meter::INTERPRETER.to_le_bytes());
    digest.update(STACK.to_le_bytes());
    digest.update(RUNTIME);
    for (name, bytes) in carried::LIBRARIES {
        digest.update(name);
        // The archives were checked when this was built; their lengths tell versions apart.
        digest.update(bytes.len().to_le_bytes());
    }
    digest.update(carried::STANDARD_LIBRARY.len().to_le_bytes());
    StoreKey::of_hash(digest.finalize().into())
}

fn standard_library() -> Option<&'static Tree> {
    static TREE: OnceLock<Option<Tree>> = OnceLock::new();
    TREE.get_or_init(|| unpack().ok()).as_ref()
}

fn unpack() -> std::io::Result<Tree> {
    let mut tree = Tree::default();
    let decoder = flate2::read::GzDecoder::new(carried::STANDARD_LIBRARY);
    let mut archive = tar::Archive::new(decoder);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.to_string_lossy().into_owned();
        let Some((_, inside)) = path.split_once('/') else {
            continue;
        };
        let target = format!("lib/python3.14/{inside}");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        tree.insert(&target, bytes.into());
    }
    tree.insert(
        "lib/python3.14/rlef_runtime.py",
        Arc::from(RUNTIME.as_bytes()),
    );
    Ok(tree)
}

/// Links, starts, takes the snapshot, compiles, and keeps the result.
fn make(
    engine: &Engine,
    cache: &Precompiled,
    key: &StoreKey,
    progress: fn(&str),
) -> Result<Module, WasmError> {
    if !CARRIED {
        return Err(WasmError::NotCarried);
    }
    progress("preparing Python for WebAssembly, once for this user (about half a minute) ...");
    let libraries = carried::LIBRARIES
        .iter()
        .map(|(name, packed)| {
            let mut bytes = Vec::new();
            ruzstd::decoding::StreamingDecoder::new(*packed)
                .map_err(|error| failed("unpack its libraries", error.to_string()))?
                .read_to_end(&mut bytes)
                .map_err(|error| failed("unpack its libraries", error.to_string()))?;
            Ok((*name, bytes))
        })
        .collect::<Result<Vec<_>, WasmError>>()?;
    let views: Vec<(&str, &[u8])> = libraries
        .iter()
        .map(|(name, bytes)| (*name, bytes.as_slice()))
        .collect();
    let linked = link::link(&link::Plan {
        libraries: &views,
        stack_bytes: STACK,
        exports: &EXPORTS,
    })
    .map_err(|error| failed("link its libraries", error.to_string()))?;
    let snapshot = start(&linked)?;
    let module = meter::metered(&linked.encode(Some(&snapshot)), meter::Tariff::Interpreter)
        .map_err(|reason| failed("count its fuel", reason))?;
    let compiled = engine
        .precompile_module(&module)
        .map_err(|error| failed("compile it", format!("{error:#}")))?;
    cache.keep(key, &compiled)?;
    progress("Python for WebAssembly is ready");
    cache.load(engine, key)?.ok_or_else(|| {
        failed(
            "load it",
            "the module just compiled does not fit this engine",
        )
    })
}

/// Runs the interpreter's start in an instance of its own, and returns the state it leaves.
fn start(linked: &link::Linked) -> Result<link::Snapshot, WasmError> {
    let step = |step| move |error: wasmtime::Error| failed(step, format!("{error:#}"));
    // It runs for a second, so code that is made quickly is better than code that runs quickly.
    let engine = Engine::new(&engine::config(false)).map_err(WasmError::Engine)?;
    let module = meter::metered(&linked.encode(None), meter::Tariff::Interpreter)
        .map_err(|reason| failed("count its fuel", reason))?;
    let module = Module::new(&engine, module).map_err(step("compile its start"))?;
    let mut linker = Linker::new(&engine);
    calls::add_to(&mut linker).map_err(WasmError::Engine)?;
    // Sockets and the like, of which the C library has the newer interface; calling one ends the run by its name.
    linker
        .define_unknown_imports_as_traps(&module)
        .map_err(WasmError::Engine)?;
    let mut host = Host::new(Setup {
        input: Input::Bytes {
            bytes: Arc::from(&b""[..]),
            at: 0,
        },
        output: Output::Bytes(Vec::new()),
        output_bytes: 1 << 20,
        fuel: u64::MAX,
        fuel_per_ms: u64::MAX,
        wall_ms: u64::MAX,
        memory_limit: STARTING_MEMORY,
        open_files: 256,
        files: Files::of(standard_library),
    });
    host.environment = [
        "PYTHONHOME=/",
        "PYTHONHASHSEED=0",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONNOUSERSITE=1",
        "PYTHONUTF8=1",
        "PYTHONPLATLIBDIR=lib",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut store = Store::new(&engine, host);
    store.limiter(|host| &mut host.growth);
    store.set_epoch_deadline(u64::MAX);
    let instance = linker
        .instantiate(&mut store, &module)
        .map_err(step("instantiate its start"))?;
    meter::begin(&mut store, instance, u64::MAX).map_err(step("give it fuel"))?;
    let mut guest = Guest {
        store: &mut store,
        instance,
    };
    let (entries, objects) = guest.initialise().map_err(|error| {
        let said = String::from_utf8_lossy(&guest.store.data().error).into_owned();
        failed("start it", format!("{error:#}\n{said}"))
    })?;
    let mut memory = instance
        .get_memory(&mut store, "memory")
        .ok_or_else(|| failed("read its memory", "it has none"))?
        .data(&store)
        .to_vec();
    immortalise(&mut memory, objects as usize)
        .ok_or_else(|| failed("find its objects", "they are not in its memory"))?;
    let mut globals = BTreeMap::new();
    for name in linked.mutable_globals() {
        let value = instance
            .get_global(&mut store, &name)
            .map(|global| global.get(&mut store));
        if let Some(Val::I32(value)) = value {
            globals.insert(name, value);
        }
    }
    Ok(link::Snapshot {
        memory,
        globals,
        constants: entries,
    })
}

/// Makes objects immortal (PEP 683): what uses them no longer counts references, so a run copies no page for that. At
/// `objects` is a bit for every fourth address, set where an object begins; `None` if that leads out of memory.
fn immortalise(memory: &mut [u8], objects: usize) -> Option<()> {
    let end = objects.checked_add(memory.len() / 32)?;
    let marked = memory.get(objects..end)?.to_vec();
    memory[objects..end].fill(0);
    for (byte, bits) in marked.into_iter().enumerate() {
        for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
            let address = 4 * (8 * byte + bit);
            let count = memory.get_mut(address..address + 4)?;
            let references = i32::from_le_bytes([count[0], count[1], count[2], count[3]]);
            if (1..MOST_REFERENCES).contains(&references) {
                count.copy_from_slice(&IMMORTAL.to_le_bytes());
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_of_the_standard_library_unpacks() {
        let files = Files::of(standard_library);
        for path in ["os.py", "rlef_runtime.py", "json/__init__.py"] {
            assert!(
                files.find(&format!("lib/python3.14/{path}")).is_some(),
                "{path}"
            );
        }
    }
}
