//! Bytes on disk by what they were made from: compiled programs, verdicts and WebAssembly modules are all kept so.
//!
//! What is read may decide a verdict or be run as machine code. So nothing is taken from a folder or file that anybody else
//! could have written or could exchange; the file that is looked at is the very one that is read; and it is written under
//! another name and renamed, so that any number of processes may share a folder and none ever sees half a file. What was
//! used the longest ago goes first where all together are too large. `$RLEF_CACHE` moves every store at once.
//!
//! An entry is *sealed*, and its bytes are checked by hash whenever it is read, or a *file*, too large for that, whose
//! reader has means of its own (a module in WebAssembly, see [`Store::file_or_make`] for the other). Knows nothing of what they hold.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

mod bound;
mod make;
mod trust;

/// First bytes of every sealed entry; the number changes with the form.
const MAGIC: &[u8; 8] = b"rlefsto1";
const HEADER: usize = 8 + 32;
/// Largest sealed entry that is read.
const LARGEST: u64 = 1 << 30;
/// Extension of entries that are not sealed.
const FILE: &str = "file";

/// Why a store can't be used. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No folder was named, and the environment names none.
    #[error(
        "find a folder to keep files in: none of RLEF_CACHE, XDG_CACHE_HOME and HOME is set; set RLEF_CACHE to one that \
         only this user can write"
    )]
    Nowhere,
    /// The system refuses.
    #[error("keep files in {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another user could have written there, or could exchange it.
    #[error(
        "trust {}: it must be this user's own, no link, and writable by nobody else; chmod 700 it, remove it, or set \
         RLEF_CACHE to another folder", path.display()
    )]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
    },
}

impl StoreError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// What an entry is found by: a hash over everything that it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key of these parts, in this order.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The key that is this hash.
    pub const fn of_hash(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl std::fmt::Display for StoreKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// How entries are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreLayout {
    /// All in one folder: few and large ones.
    Flat,
    /// In 256 folders by the first byte of their keys, each with an equal share of the bound: many small ones, of which
    /// only one folder's are looked at together.
    Spread,
}

/// A folder of entries that is this user's alone.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    layout: StoreLayout,
    /// Bytes that the entries of one folder may take.
    folder_bytes: u64,
    /// What this process wrote to each folder since it looked at its size.
    written: Mutex<HashMap<u8, bound::Written>>,
}

impl Store {
    /// Where all stores are unless told otherwise: `$RLEF_CACHE`, else `rlef` in the user's cache folder.
    pub fn default_root() -> Option<PathBuf> {
        root_by(|name| std::env::var_os(name))
    }

    /// Opens a store of at most about `bytes` bytes, and makes its folder, for this user alone, where there is none.
    /// Refuses a folder that somebody else could write to, or put another one in the place of.
    pub fn open(directory: &Path, bytes: u64, layout: StoreLayout) -> Result<Self, StoreError> {
        make_folder(directory)?;
        // A link is judged by what it leads to, and followed only now.
        let directory = directory
            .canonicalize()
            .map_err(StoreError::io(directory))?;
        trust::folder_and_above(&directory)?;
        let shares = match layout {
            StoreLayout::Flat => 1,
            StoreLayout::Spread => 256,
        };
        Ok(Self {
            directory,
            layout,
            folder_bytes: bytes / shares,
            written: Mutex::default(),
        })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fails where nothing could be kept.
    pub(crate) fn require_writable(&self) -> Result<(), StoreError> {
        tempfile::NamedTempFile::new_in(&self.directory)
            .map(drop)
            .map_err(StoreError::io(&self.directory))
    }

    /// The sealed entry of this key, if it is there and whole. What is not whole is removed.
    pub fn get(&self, key: &StoreKey) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        let Some(file) = trust::open(&path)? else {
            return Ok(None);
        };
        let length = file.metadata().map_err(StoreError::io(&path))?.len();
        if length > LARGEST {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(length as usize + 1);
        (&file)
            .read_to_end(&mut bytes)
            .map_err(StoreError::io(&path))?;
        if content(key, &bytes).is_none() {
            let _ = fs::remove_file(&path);
            return Ok(None);
        }
        touch(&file);
        bytes.drain(..HEADER);
        Ok(Some(bytes))
    }

    /// Keeps a sealed entry; readers see all of it or nothing.
    pub fn put(&self, key: &StoreKey, content: &[u8]) -> Result<(), StoreError> {
        let head = sealed(key, content);
        self.write(&self.path(key), key, &[&head, content], 0o600)
            .map(drop)
    }

    /// The file of this key, if it is there. Its bytes are not checked: whoever reads them knows whether they are whole.
    #[cfg(any(test, feature = "wasm"))]
    pub(crate) fn open_file(&self, key: &StoreKey) -> Result<Option<File>, StoreError> {
        let file = trust::open(&self.file_path(key))?;
        file.iter().for_each(touch);
        Ok(file)
    }

    /// Keeps a file; readers see all of it or nothing, and whoever has the one before open keeps that.
    #[cfg(any(test, feature = "wasm"))]
    pub(crate) fn put_file(&self, key: &StoreKey, content: &[u8]) -> Result<(), StoreError> {
        self.write(&self.file_path(key), key, &[content], 0o600)
            .map(drop)
    }

    /// Where the sealed entry of this key lies, or would lie.
    pub fn path(&self, key: &StoreKey) -> PathBuf {
        let name = key.to_string();
        match self.layout {
            StoreLayout::Flat => self.directory.join(name),
            StoreLayout::Spread => self.directory.join(&name[..2]).join(name),
        }
    }

    fn file_path(&self, key: &StoreKey) -> PathBuf {
        self.path(key).with_extension(FILE)
    }

    /// Writes under another name, renames, and has the folder looked at where that is due.
    fn write(
        &self,
        path: &Path,
        key: &StoreKey,
        parts: &[&[u8]],
        mode: u32,
    ) -> Result<File, StoreError> {
        let folder = path.parent().unwrap_or(&self.directory);
        if self.layout == StoreLayout::Spread {
            make_folder(folder)?;
        }
        let file = write_new(folder, path, parts, mode).map_err(StoreError::io(path))?;
        let length = parts.iter().map(|part| part.len() as u64).sum();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let folder_number = match self.layout {
            StoreLayout::Flat => 0,
            StoreLayout::Spread => key.0[0],
        };
        let due = written
            .entry(folder_number)
            .or_default()
            .add(length, self.folder_bytes);
        drop(written);
        if due {
            bound::tidy(folder, self.folder_bytes, path);
        }
        Ok(file)
    }
}

/// Where stores are, by these variables.
fn root_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // Where it isn't absolute, the standard says to ignore it.
    let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
    set("RLEF_CACHE")
        .or_else(|| absolute("XDG_CACHE_HOME").map(|cache| cache.join("rlef")))
        .or_else(|| absolute("HOME").map(|home| home.join(".cache/rlef")))
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(StoreError::io(folder))
}

fn write_new(folder: &Path, path: &Path, parts: &[&[u8]], mode: u32) -> io::Result<File> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut file = tempfile::Builder::new()
        .prefix(".new")
        .tempfile_in(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    // Whatever the user's mask is.
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file.persist(path)?)
}

/// When it was used last decides how long an entry stays. A failure only makes it look older.
fn touch(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}

/// Hash over a key and what lies under it: an entry that was damaged, edited or moved no longer fits it. It keeps nobody
/// out who may write here, which owners and modes do.
fn seal(key: &StoreKey, content: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(key.0);
    digest.update(content);
    digest.finalize().into()
}

/// What a sealed entry begins with, before its content.
pub(crate) fn sealed(key: &StoreKey, content: &[u8]) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    head[..8].copy_from_slice(MAGIC);
    head[8..].copy_from_slice(&seal(key, content));
    head
}

/// What a sealed entry holds, if it is whole and this key's.
pub(crate) fn content<'a>(key: &StoreKey, entry: &'a [u8]) -> Option<&'a [u8]> {
    let (header, content) = entry.split_at_checked(HEADER)?;
    let whole = header[..8] == *MAGIC && seal(key, content)[..] == header[8..];
    whole.then_some(content)
}

#[cfg(test)]
mod tests;
