//! Compiled modules on disk: written by this program into a directory that only its user can write, then mapped.
//!
//! A compiled module is machine code, so loading one is as good as running it. Hence the rules here: nothing is loaded
//! from a directory or file that anybody else could have written or could exchange, the file that is looked at is the
//! very one that is mapped, and a file that is there is never written again. Of the modules that programs became, those
//! that were used the longest ago are removed where they take too much room; what is mapped stays whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use wasmtime::{Engine, Module};

use super::WasmError;

/// What the names of programs' modules begin with; others are never removed.
pub(super) const PROGRAM: &str = "module-";
/// Files written between two looks at how much room they take.
const BETWEEN_LOOKS: usize = 64;

/// A directory for compiled modules that is this user's alone.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    /// Bytes that programs' modules may take.
    most: u64,
    written: Arc<AtomicUsize>,
}

impl Cache {
    /// `$RLEF_CACHE`, else `$XDG_CACHE_HOME/rlef`, else `~/.cache/rlef`; made if it is missing.
    pub(super) fn open(most: u64) -> Result<Self, WasmError> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = variable("RLEF_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("rlef")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/rlef")))
            .ok_or(WasmError::NoCache)?;
        Self::at(directory.join("wasm"), most)
    }

    /// A cache in this directory, in which programs' modules take no more than `most` bytes, but for the newest.
    pub(super) fn at(directory: PathBuf, most: u64) -> Result<Self, WasmError> {
        let failed = |source| WasmError::Cache {
            path: directory.clone(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed)?;
        let directory = directory.canonicalize().map_err(failed)?;
        own(
            &directory,
            &fs::symlink_metadata(&directory).map_err(failed)?,
        )?;
        for above in directory.ancestors().skip(1) {
            fixed(above, &fs::symlink_metadata(above).map_err(failed)?)?;
        }
        Ok(Self {
            directory,
            most,
            written: Arc::default(),
        })
    }

    /// Where the module of this key lies, or would lie.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{key}.cwasm"))
    }

    /// The compiled module of this key, if it is there, is ours, and fits this engine.
    pub(super) fn load(&self, engine: &Engine, key: &str) -> Result<Option<Module>, WasmError> {
        let path = self.path(key);
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(WasmError::Untrusted { path });
            }
            Err(source) => return Err(WasmError::Cache { path, source }),
        };
        let metadata = match file.metadata() {
            Ok(metadata) => metadata,
            Err(source) => return Err(WasmError::Cache { path, source }),
        };
        own(&path, &metadata)?;
        // Only so that what is used is not the first to be removed.
        let _ = file.set_modified(SystemTime::now());
        // A file of another version or another processor is refused here, and then made anew.
        Ok(map(engine, file).ok())
    }

    /// Keeps a compiled module under this key; readers see all of it or nothing.
    pub(super) fn store(&self, key: &str, compiled: &[u8]) -> Result<(), WasmError> {
        let path = self.path(key);
        let failed = |source| WasmError::Cache {
            path: path.clone(),
            source,
        };
        let mut file = tempfile::NamedTempFile::new_in(&self.directory).map_err(failed)?;
        file.write_all(compiled).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        let written = self.written.fetch_add(1, Ordering::Relaxed);
        if written.is_multiple_of(BETWEEN_LOOKS) {
            self.prune();
        }
        Ok(())
    }

    /// Removes what was used the longest ago, to three quarters of the bound. What can't be looked at or removed stays:
    /// somebody else may be at it.
    fn prune(&self) {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let mut modules: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(PROGRAM))
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        let mut taken: u64 = modules.iter().map(|(_, length, _)| length).sum();
        if taken <= self.most {
            return;
        }
        modules.sort();
        for (_, length, path) in modules {
            if taken <= self.most / 4 * 3 {
                return;
            }
            if fs::remove_file(path).is_ok() {
                taken -= length;
            }
        }
    }

    /// Waits until no other process makes what this key names.
    pub(super) fn lock(&self, key: &str) -> Result<File, WasmError> {
        let path = self.directory.join(format!("{key}.lock"));
        let failed = |source| WasmError::Cache {
            path: path.clone(),
            source,
        };
        let file = File::create(&path).map_err(failed)?;
        file.lock().map_err(failed)?;
        Ok(file)
    }
}

/// Refuses what another user could have written.
fn own(path: &Path, metadata: &fs::Metadata) -> Result<(), WasmError> {
    let user = nix::unistd::Uid::effective().as_raw();
    if metadata.is_symlink() || metadata.uid() != user || metadata.mode() & 0o022 != 0 {
        return Err(WasmError::Untrusted {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Refuses a directory above the cache where another user could put another one in the cache's place.
fn fixed(path: &Path, metadata: &fs::Metadata) -> Result<(), WasmError> {
    const STICKY: u32 = 0o1000;
    let user = nix::unistd::Uid::effective().as_raw();
    let others_write = metadata.mode() & 0o022 != 0 && metadata.mode() & STICKY == 0;
    if others_write || (metadata.uid() != user && metadata.uid() != 0) {
        return Err(WasmError::Untrusted {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Maps the file that `own` has looked at. The alternatives are slower by far: compiling takes 15 s of CPU time, and
/// wasmtime's own cache, which has a safe interface, unpacks all of a module at every start.
#[expect(
    unsafe_code,
    reason = "wasmtime has no safe interface to map a compiled module"
)]
fn map(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: the file must hold what `Engine::precompile_module` wrote, and must not change while it is mapped.
    // - It is this user's, nobody else can write it (`own`, on this descriptor), and neither it nor a directory above
    //   it can be exchanged by anybody else (`own`, `fixed`).
    // - Of this user's programs only `store` makes files of this name, from `precompile_module`, under another name
    //   first, so a name never means half a file and a file that has its name is not written any more.
    // - What another version, configuration or processor wrote is refused by the header that wasmtime checks.
    // Whoever can act as this user could as well exchange this program.
    unsafe { Module::deserialize_open_file(engine, file) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn cache(directory: &tempfile::TempDir) -> Cache {
        Cache::at(directory.path().join("own"), 1 << 30).unwrap()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn compiled() -> Vec<u8> {
        let module = wat::parse_str("(module (func (export \"_start\")))").unwrap();
        super::super::engine::engine()
            .unwrap()
            .precompile_module(&module)
            .unwrap()
    }

    #[test]
    fn a_directory_that_others_can_write_or_exchange_is_refused() {
        for (outer, inner) in [
            (0o755, 0o777),
            (0o755, 0o770),
            (0o777, 0o700),
            (0o775, 0o700),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let inside = directory.path().join("own");
            fs::create_dir(&inside).unwrap();
            set_mode(&inside, inner);
            set_mode(directory.path(), outer);
            let error = Cache::at(inside, 0).unwrap_err();
            assert!(matches!(error, WasmError::Untrusted { .. }), "{error}");
        }
        let directory = tempfile::tempdir().unwrap();
        // As `/tmp` is: others can write, but not rename what is not theirs.
        set_mode(directory.path(), 0o1777);
        assert!(Cache::at(directory.path().join("own"), 0).is_ok());
    }

    #[test]
    fn a_file_that_others_can_write_or_that_lies_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(&directory);
        let engine = super::super::engine::engine().unwrap();
        cache.store("good", &compiled()).unwrap();
        assert!(cache.load(engine, "good").unwrap().is_some());
        set_mode(&cache.path("good"), 0o660);
        let error = cache.load(engine, "good").unwrap_err();
        assert!(matches!(error, WasmError::Untrusted { .. }), "{error}");
        set_mode(&cache.path("good"), 0o600);
        std::os::unix::fs::symlink(cache.path("good"), cache.path("link")).unwrap();
        let error = cache.load(engine, "link").unwrap_err();
        assert!(matches!(error, WasmError::Untrusted { .. }), "{error}");
    }

    #[test]
    fn what_this_engine_did_not_compile_is_not_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(&directory);
        let engine = super::super::engine::engine().unwrap();
        assert!(cache.load(engine, "none").unwrap().is_none());
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
            cache.store("other", bytes).unwrap();
            assert!(cache.load(engine, "other").unwrap().is_none());
        }
    }

    #[test]
    fn what_was_used_the_longest_ago_goes_first_and_the_interpreter_stays() {
        let directory = tempfile::tempdir().unwrap();
        let one = compiled();
        let cache = Cache {
            most: 4 * one.len() as u64,
            ..cache(&directory)
        };
        cache.store("cpython", &one).unwrap();
        let names: Vec<String> = (0..4).map(|number| format!("{PROGRAM}{number}")).collect();
        for (age, name) in names.iter().enumerate() {
            cache.store(name, &one).unwrap();
            let long_ago = SystemTime::now() - std::time::Duration::from_hours(9 - age as u64);
            let file = File::options().write(true).open(cache.path(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        cache.prune();
        let there =
            || -> Vec<bool> { names.iter().map(|name| cache.path(name).exists()).collect() };
        assert_eq!(there(), [true; 4]);
        let engine = super::super::engine::engine().unwrap();
        assert!(cache.load(engine, &names[0]).unwrap().is_some());
        cache.store(&format!("{PROGRAM}9"), &one).unwrap();
        cache.prune();
        assert_eq!(there(), [true, false, false, true]);
        assert!(cache.path("cpython").exists());
    }

    #[test]
    fn a_module_stays_as_it_was_when_its_name_is_given_to_another() {
        let directory = tempfile::tempdir().unwrap();
        let cache = cache(&directory);
        let engine = super::super::engine::engine().unwrap();
        cache.store("name", &compiled()).unwrap();
        let before = fs::metadata(cache.path("name")).unwrap().ino();
        let module = cache.load(engine, "name").unwrap().unwrap();
        cache.store("name", b"junk").unwrap();
        assert_ne!(fs::metadata(cache.path("name")).unwrap().ino(), before);
        let mut store = wasmtime::Store::new(engine, ());
        store.set_epoch_deadline(1000);
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        let start = instance
            .get_typed_func::<(), ()>(&mut store, "_start")
            .unwrap();
        start.call(&mut store, ()).unwrap();
    }
}
