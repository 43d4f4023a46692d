//! Compiled modules on disk: written by this program into a store that only its user can write to, then mapped.
//!
//! A compiled module is machine code, so loading one is as good as running it. What keeps anybody else's out is the store's;
//! here are only the mapping, and that it is sound. What is mapped stays whole, also where the store removes its name.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wasmtime::{Engine, Module};

use super::WasmError;
use crate::store::{Store, StoreError, StoreKey, StoreLayout};

/// A store of compiled modules.
#[derive(Debug)]
pub(super) struct Precompiled(Store);

impl Precompiled {
    /// The interpreter's own below `root`, of which none is ever removed, and those that programs became, which take no
    /// more than `bytes`.
    pub(super) fn open(root: &Path, bytes: u64) -> Result<(Self, Self), StoreError> {
        let open = |name, bytes| {
            Store::open(&root.join("wasm").join(name), bytes, StoreLayout::Flat).map(Self)
        };
        Ok((open("interpreter", u64::MAX)?, open("modules", bytes)?))
    }

    /// The compiled module of this key, if it is there, is ours, and fits this engine.
    pub(super) fn load(
        &self,
        engine: &Engine,
        key: &StoreKey,
    ) -> Result<Option<Module>, WasmError> {
        let Some(file) = self.0.open_file(key)? else {
            return Ok(None);
        };
        read_through(&file);
        // A file of another version or another processor is refused here, and then made anew.
        Ok(map(engine, file).ok())
    }

    /// Keeps a compiled module under this key.
    pub(super) fn keep(&self, key: &StoreKey, compiled: &[u8]) -> Result<(), WasmError> {
        Ok(self.0.put_file(key, compiled)?)
    }

    /// Held by whoever makes what this key names.
    pub(super) fn lock(&self, key: &StoreKey) -> Option<File> {
        self.0.lock(key, &crate::cancel::Cancel::never())
    }
}

/// Reads a file from its beginning to its end. What is read in order is kept in large pieces, and what is first touched where
/// it is mapped in small ones: with these each test took a quarter more CPU time, mapping them anew. Takes milliseconds.
fn read_through(file: &File) {
    let (mut buffer, mut at) = (vec![0; 1 << 20], 0);
    // Whoever can't read it can't map it, and is told there.
    while let Ok(length @ 1..) = file.read_at(&mut buffer, at) {
        at += length as u64;
    }
}

/// Maps a file that the store has looked at. The alternatives are slower by far: compiling takes 15 s of CPU time, and
/// wasmtime's own cache, which has a safe interface, unpacks all of a module at every start.
#[expect(
    unsafe_code,
    reason = "wasmtime has no safe interface to map a compiled module"
)]
fn map(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: the file must hold what `Engine::precompile_module` wrote, and must not change while it is mapped.
    // - It is this user's, nobody else can write it, and neither it nor a folder above it can be exchanged by anybody
    //   else: `Store::open_file` looked at this very descriptor, `Store::open` at the folders.
    // - Of this user's programs only `keep` makes files of this name, from `precompile_module`, under another name
    //   first, so a name never means half a file and a file that has its name is not written any more.
    // - What another version, configuration or processor wrote is refused by the header that wasmtime checks.
    // Whoever can act as this user could as well exchange this program.
    unsafe { Module::deserialize_open_file(engine, file) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::PathBuf;

    use super::*;

    fn opened(bytes: u64) -> (tempfile::TempDir, Precompiled, Precompiled) {
        let folder = tempfile::tempdir().unwrap();
        let (interpreters, modules) = Precompiled::open(&folder.path().join("own"), bytes).unwrap();
        (folder, interpreters, modules)
    }

    fn key(name: &str) -> StoreKey {
        StoreKey::of(&[name.as_bytes()])
    }

    fn path(modules: &Precompiled, name: &str) -> PathBuf {
        modules.0.path(&key(name)).with_extension("file")
    }

    fn compiled() -> Vec<u8> {
        let module = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        super::super::engine::engine()
            .unwrap()
            .precompile_module(&module)
            .unwrap()
    }

    #[test]
    fn a_module_that_others_can_write_or_that_lies_elsewhere_is_refused() {
        let (_folder, _, modules) = opened(1 << 30);
        let engine = super::super::engine::engine().unwrap();
        modules.keep(&key("good"), &compiled()).unwrap();
        assert!(modules.load(engine, &key("good")).unwrap().is_some());
        let file = path(&modules, "good");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o660)).unwrap();
        let untrusted = |name| {
            let error = modules.load(engine, &key(name)).unwrap_err();
            matches!(error, WasmError::Store(StoreError::Untrusted { .. }))
        };
        assert!(untrusted("good"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, path(&modules, "link")).unwrap();
        assert!(untrusted("link"));
        assert!(modules.load(engine, &key("good")).unwrap().is_some());
    }

    #[test]
    fn what_this_engine_did_not_compile_is_not_loaded() {
        let (_folder, _, modules) = opened(1 << 30);
        let engine = super::super::engine::engine().unwrap();
        assert!(modules.load(engine, &key("none")).unwrap().is_none());
        let other = Engine::new(wasmtime::Config::new().consume_fuel(true)).unwrap();
        let module = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        let foreign = other.precompile_module(&module).unwrap();
        let good = compiled();
        for bytes in [
            &b"\x7fELF junk"[..],
            b"",
            &module,
            &foreign,
            &good[..good.len() / 2],
        ] {
            modules.keep(&key("other"), bytes).unwrap();
            assert!(modules.load(engine, &key("other")).unwrap().is_none());
        }
    }

    #[test]
    fn modules_are_bounded_and_the_interpreter_stays() {
        let one = compiled();
        let (_folder, interpreters, modules) = opened(one.len() as u64);
        for name in ["0", "1", "2"] {
            interpreters.keep(&key(name), &one).unwrap();
            modules.keep(&key(name), &one).unwrap();
        }
        let engine = super::super::engine::engine().unwrap();
        let there = |store: &Precompiled| {
            ["0", "1", "2"].map(|name| store.load(engine, &key(name)).unwrap().is_some())
        };
        assert_eq!(there(&interpreters), [true; 3]);
        assert_eq!(there(&modules), [false, false, true]);
    }

    #[test]
    fn a_module_stays_as_it_was_when_its_name_is_given_to_another() {
        let (_folder, _, modules) = opened(1 << 30);
        let engine = super::super::engine::engine().unwrap();
        modules.keep(&key("name"), &compiled()).unwrap();
        let number = || fs::metadata(path(&modules, "name")).unwrap().ino();
        let before = number();
        let module = modules.load(engine, &key("name")).unwrap().unwrap();
        modules.keep(&key("name"), b"junk").unwrap();
        assert_ne!(number(), before);
        let mut store = wasmtime::Store::new(engine, ());
        store.set_epoch_deadline(1000);
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        let start = instance
            .get_typed_func::<(), ()>(&mut store, "_start")
            .unwrap();
        start.call(&mut store, ()).unwrap();
    }
}
