//! Compiled programs on disk: found by what they were made from, checked when read, bounded in size.
//!
//! Shared by any number of processes: an entry is written under another name and renamed, and who makes one
//! holds a lock, so that others wait for it rather than make it too. Nothing here fails a run: what cannot be
//! read or written is made anew. Knows nothing of compilers.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cancel::Cancel;

/// First bytes of every entry; the number changes with the format.
const MAGIC: &[u8; 8] = b"rlefbin1";
const HEADER: usize = 8 + 32;
/// Share of the bound that is left after entries were removed.
const KEEP_NUMERATOR: u64 = 4;
const KEEP_DENOMINATOR: u64 = 5;
/// Longest wait for another process that makes the same entry; then it is made here as well.
const PATIENCE: Duration = Duration::from_mins(2);

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// A key of these parts, in this order.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut text = String::with_capacity(64);
        for byte in digest.finalize() {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// A directory of entries, or the reason why there is none.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: Result<PathBuf, String>,
    bound_bytes: u64,
}

impl Cache {
    /// Opens the directory, which must be this user's alone; makes it if it is not there.
    pub(crate) fn open(directory: Option<PathBuf>, bound_bytes: u64) -> Self {
        let directory = directory.or_else(default_directory);
        Self {
            directory: directory
                .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
                .and_then(|directory| prepare(&directory).map(|()| directory)),
            bound_bytes,
        }
    }

    /// Where it is, or why it is not.
    pub(crate) fn directory(&self) -> Result<&Path, &str> {
        self.directory.as_deref().map_err(String::as_str)
    }

    /// The entry, from the disk or else from `make`, which also says whether to keep it. While somebody else makes
    /// it this waits, unless it is cancelled.
    pub(crate) fn get_or_make<E>(
        &self,
        key: &Key,
        cancel: &Cancel,
        make: impl FnOnce() -> Result<(Vec<u8>, bool), E>,
    ) -> Result<Vec<u8>, E> {
        let Ok(directory) = &self.directory else {
            return make().map(|(bytes, _)| bytes);
        };
        let path = directory.join(&key.0);
        if let Some(bytes) = read(&path) {
            return Ok(bytes);
        }
        let _lock = lock(&directory.join("locks").join(&key.0[..2]), cancel);
        // Somebody else may have made it meanwhile.
        if let Some(bytes) = read(&path) {
            return Ok(bytes);
        }
        let (bytes, keep) = make()?;
        if keep && write(directory, &path, &bytes).is_ok() {
            self.evict(directory);
        }
        Ok(bytes)
    }

    /// A file with the entry's bytes alone, for a jail to show; from the disk or else from `make`. `None` if
    /// there is no cache or the file cannot be written.
    pub(crate) fn file_or_make<E>(
        &self,
        key: &Key,
        cancel: &Cancel,
        make: impl FnOnce() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<PathBuf>, E> {
        let Ok(directory) = &self.directory else {
            return Ok(None);
        };
        let path = directory.join("files").join(&key.0);
        if is_whole(&path) {
            return Ok(Some(path));
        }
        let _lock = lock(&directory.join("locks").join(&key.0[..2]), cancel);
        if is_whole(&path) {
            return Ok(Some(path));
        }
        let Some(bytes) = make()? else {
            return Ok(None);
        };
        let written = write_file(directory, &path, &bytes);
        self.evict(directory);
        Ok(written.is_ok().then_some(path))
    }

    /// Removes the entries that were used the longest ago, if all together are too large.
    fn evict(&self, directory: &Path) {
        let Some(_lock) = File::create(directory.join("locks/evict"))
            .ok()
            .filter(|file| file.try_lock().is_ok())
        else {
            // Somebody else is at it.
            return;
        };
        let mut entries = Vec::new();
        let mut total = 0;
        for folder in [directory.to_owned(), directory.join("files")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if let Some(metadata) = entry.metadata().ok().filter(fs::Metadata::is_file) {
                    total += metadata.len();
                    let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    entries.push((used, metadata.len(), entry.path()));
                }
            }
        }
        if total <= self.bound_bytes {
            return;
        }
        entries.sort();
        for (_, length, path) in entries {
            if total <= self.bound_bytes / KEEP_DENOMINATOR * KEEP_NUMERATOR {
                break;
            }
            // A jail that shows the file keeps it; a reader that has it open too.
            if fs::remove_file(&path).is_ok() {
                let _ = fs::remove_file(stamp_of(&path));
                total -= length;
            }
        }
    }
}

fn default_directory() -> Option<PathBuf> {
    let named = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    named("XDG_CACHE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("rlef"))
}

fn prepare(directory: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{} cannot be used: {error}", directory.display());
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    for folder in [
        directory.to_owned(),
        directory.join("locks"),
        directory.join("files"),
    ] {
        builder.create(folder).map_err(failed)?;
    }
    let metadata = directory.metadata().map_err(failed)?;
    // Whoever can write here can put programs into other people's runs.
    if metadata.uid() != nix::unistd::Uid::effective().as_raw() || metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "{} belongs to or can be written by somebody else; chmod 700 it or name another",
            directory.display()
        ));
    }
    NamedTempFile::new_in(directory).map(drop).map_err(failed)
}

/// Waits for the lock, but not for ever: a process that holds it may be stopped.
fn lock(path: &Path, cancel: &Cancel) -> Option<File> {
    let file = File::create(path).ok()?;
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock)
                if Instant::now() < deadline && !cancel.is_cancelled() =>
            {
                thread::sleep(pause);
            }
            Err(_) => return None,
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// What an entry holds, if it is whole.
pub(crate) fn content(entry: &[u8]) -> Option<&[u8]> {
    let (header, content) = entry.split_at_checked(HEADER)?;
    let whole = header[..8] == *MAGIC && Sha256::digest(content)[..] == header[8..];
    whole.then_some(content)
}

/// The bytes of an entry that holds these.
pub(crate) fn entry(content: &[u8]) -> Vec<u8> {
    [MAGIC, &Sha256::digest(content)[..], content].concat()
}

/// The entry's bytes if it is there and whole; what is not whole is removed.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    let whole = file.read_to_end(&mut bytes).is_ok() && content(&bytes).is_some();
    if !whole {
        let _ = fs::remove_file(path);
        return None;
    }
    // When it was used last decides how long it stays.
    let _ = file.set_modified(SystemTime::now());
    bytes.drain(..HEADER);
    Some(bytes)
}

fn write(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(&entry(bytes))?;
    file.persist(path)?;
    Ok(())
}

fn stamp_of(path: &Path) -> PathBuf {
    path.with_extension("stamp")
}

/// What cannot stay the same when a file is changed.
fn stamp(path: &Path) -> io::Result<String> {
    let file = path.metadata()?;
    Ok(format!(
        "{} {} {}.{:09} {}.{:09}",
        file.len(),
        file.ino(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec()
    ))
}

/// A large file is not read to be checked: the kernel says whether it was touched since it was written.
fn is_whole(path: &Path) -> bool {
    let whole = fs::read_to_string(stamp_of(path))
        .and_then(|written| Ok(written == stamp(path)?))
        .unwrap_or(false);
    if !whole {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(stamp_of(path));
    }
    whole
}

fn write_file(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    // The jail's user reads it.
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o444))?;
    file.persist(path)?;
    let mut note = NamedTempFile::new_in(directory)?;
    note.write_all(stamp(path)?.as_bytes())?;
    note.persist(stamp_of(path))?;
    Ok(())
}

#[cfg(test)]
mod tests;
