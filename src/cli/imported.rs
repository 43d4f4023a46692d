//! A policy in one GGUF file → the folder it was imported into, which is kept by the file's content: the same file is imported
//! once, wherever it lies and whatever it is called.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::output::say;
use crate::checkpoint::{folder, gguf};

/// What tells that a file is the one that was looked at before.
type Looked = (PathBuf, u64, Option<SystemTime>);

/// Files that this process has looked at: a verb asks several times.
static FOLDERS: Mutex<Option<HashMap<Looked, PathBuf>>> = Mutex::new(None);

/// The folder with what is in `file`, imported now if it has not been.
pub(super) fn of(file: &Path) -> anyhow::Result<PathBuf> {
    let metadata =
        std::fs::metadata(file).with_context(|| format!("failed to read {}", file.display()))?;
    let looked = (file.to_owned(), metadata.len(), metadata.modified().ok());
    let mut folders = FOLDERS.lock().map_err(|_| {
        anyhow::anyhow!(
            "failed to import {}: another thread panicked",
            file.display()
        )
    })?;
    let known = folders.get_or_insert_default();
    if let Some(folder) = known.get(&looked) {
        return Ok(folder.clone());
    }
    let folder = import(file)?;
    known.insert(looked, folder.clone());
    Ok(folder)
}

fn import(file: &Path) -> anyhow::Result<PathBuf> {
    let hash = hash(file).with_context(|| format!("failed to read {}", file.display()))?;
    let cache = cache()?;
    let path = cache.join(format!("{hash}-{}", gguf::VERSION));
    if path.join("config.json").exists() {
        return Ok(path);
    }
    say!("importing {} into {}", file.display(), path.display());
    let written = folder::whole(&path, |partial| gguf::import(file, partial, None));
    match written {
        // Another process was faster.
        Err(_) if path.join("config.json").exists() => Ok(path),
        written => {
            written.with_context(|| {
                format!("failed to import {}; what is imported is kept below {}, which RLEF_CACHE moves", file.display(), cache.display())
            })?;
            Ok(path)
        }
    }
}

/// SHA-256 of a file, in hexadecimal digits.
pub(super) fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = crate::files::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// Where imported folders are kept.
fn cache() -> anyhow::Result<PathBuf> {
    let root = rlef_sandbox::Store::default_root().context("failed to find a place for what is imported: none of RLEF_CACHE, XDG_CACHE_HOME and HOME is set; set one, or import the file by rlef import")?;
    Ok(root.join("gguf"))
}
