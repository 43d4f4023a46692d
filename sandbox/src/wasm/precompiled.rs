//! Compiled modules on disk: written by this program into a directory that only its user can write, then mapped.
//!
//! A compiled module is machine code, so loading one is as good as running it. Hence the one rule here: nothing is
//! loaded from a directory or file that anybody else could have written.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use wasmtime::{Engine, Module};

use super::WasmError;

/// A directory for compiled modules that is this user's alone.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// `$RLEF_CACHE`, else `$XDG_CACHE_HOME/rlef`, else `~/.cache/rlef`; made if it is missing.
    pub(super) fn open() -> Result<Self, WasmError> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let directory = variable("RLEF_CACHE")
            .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("rlef")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/rlef")))
            .ok_or(WasmError::NoCache)?;
        Self::at(directory.join("wasm"))
    }

    /// A cache in this directory.
    pub(super) fn at(directory: PathBuf) -> Result<Self, WasmError> {
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
        Ok(Self { directory })
    }

    /// Where the module of this key lies, or would lie.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.directory.join(format!("{key}.cwasm"))
    }

    /// The compiled module of this key, if it is there, is ours, and fits this engine.
    pub(super) fn load(&self, engine: &Engine, key: &str) -> Result<Option<Module>, WasmError> {
        let path = self.path(key);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(WasmError::Cache { path, source }),
        };
        own(&path, &metadata)?;
        // A file of another version or another processor is refused here, and then made anew.
        Ok(map(engine, &path).ok())
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
        Ok(())
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

#[expect(
    unsafe_code,
    reason = "wasmtime has no safe interface to map a compiled module"
)]
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Module> {
    // SAFETY: the file must be what `Engine::precompile_module` wrote, and must not change while it is mapped. Only
    // this user can write it or its directory, and only `store` does, by renaming a whole new file into place.
    unsafe { Module::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_can_write_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let shared = directory.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
        let error = Cache::at(shared).unwrap_err();
        assert!(matches!(error, WasmError::Untrusted { .. }), "{error}");
    }

    #[test]
    fn what_is_no_compiled_module_is_not_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("own")).unwrap();
        let engine = super::super::engine::engine().unwrap();
        assert!(cache.load(engine, "none").unwrap().is_none());
        cache.store("junk", b"\x7fELF junk").unwrap();
        assert!(cache.load(engine, "junk").unwrap().is_none());
        let target = directory.path().join("elsewhere");
        fs::write(&target, b"").unwrap();
        std::os::unix::fs::symlink(&target, cache.path("link")).unwrap();
        assert!(cache.load(engine, "link").is_err());
    }
}
