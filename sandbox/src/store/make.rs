//! Entries that are made where they are missing, once, however many want them at the same time.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{Store, StoreError, StoreKey, make_folder, touch, trust};
use crate::cancel::Cancel;

/// Longest wait for another process that makes the same entry; then it is made here as well.
const PATIENCE: Duration = Duration::from_mins(2);
/// Extension of the note on a file that was not touched since it was written.
pub(super) const STAMP: &str = "stamp";

impl Store {
    /// The sealed entry, from the disk or else from `make`, which also says whether to keep it. While somebody else makes
    /// it this waits, unless it is cancelled. What can't be read or written is made anew and fails nobody.
    pub(crate) fn get_or_make<E>(
        &self,
        key: &StoreKey,
        cancel: &Cancel,
        make: impl FnOnce() -> Result<(Vec<u8>, bool), E>,
    ) -> Result<Vec<u8>, E> {
        let known = || self.get(key).ok().flatten();
        if let Some(bytes) = known() {
            return Ok(bytes);
        }
        let _lock = self.lock(key, cancel);
        // Somebody else may have made it meanwhile.
        if let Some(bytes) = known() {
            return Ok(bytes);
        }
        let (bytes, keep) = make()?;
        if keep {
            let _ = self.put(key, &bytes);
        }
        Ok(bytes)
    }

    /// The path of a file with these bytes, which everybody may read, for a jail to show; from the disk or else from
    /// `make`. A large file is not read to be checked: the kernel says whether it was touched since it was written.
    /// `None` if it can't be kept.
    pub(crate) fn file_or_make<E>(
        &self,
        key: &StoreKey,
        cancel: &Cancel,
        make: impl FnOnce() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<PathBuf>, E> {
        let path = self.file_path(key);
        if is_untouched(&path) {
            return Ok(Some(path));
        }
        let _lock = self.lock(key, cancel);
        if is_untouched(&path) {
            return Ok(Some(path));
        }
        let Some(bytes) = make()? else {
            return Ok(None);
        };
        Ok(self.put_stamped(key, &bytes).is_ok().then_some(path))
    }

    fn put_stamped(&self, key: &StoreKey, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.file_path(key);
        // The jail's user reads it.
        let file = self.write(&path, key, &[bytes], 0o444)?;
        let stamp = stamp(&file).map_err(StoreError::io(&path))?;
        let note = path.with_extension(STAMP);
        self.write(&note, key, &[stamp.as_bytes()], 0o600).map(drop)
    }

    /// Waits until no other process or thread makes what this key names, but not for ever: whoever does may be stopped.
    /// `None` where that can't be known.
    pub(crate) fn lock(&self, key: &StoreKey, cancel: &Cancel) -> Option<File> {
        let locks = self.directory().join("locks");
        make_folder(&locks).ok()?;
        let file = File::create(locks.join(&key.to_string()[..2])).ok()?;
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
}

/// What cannot stay the same when a file is changed.
fn stamp(file: &File) -> io::Result<String> {
    let about = file.metadata()?;
    Ok(format!(
        "{} {} {}.{:09} {}.{:09}",
        about.len(),
        about.ino(),
        about.mtime(),
        about.mtime_nsec(),
        about.ctime(),
        about.ctime_nsec()
    ))
}

/// Whether the file at this path is what was written. One that isn't stays until another takes its name: whoever wrote it
/// may not have made its note yet.
fn is_untouched(path: &Path) -> bool {
    let untouched = || {
        let file = trust::open(path).ok()??;
        let note = trust::open(&path.with_extension(STAMP)).ok()??;
        let noted = io::read_to_string(&note).ok()?;
        (noted == stamp(&file).ok()?).then(|| touch(&note))
    };
    untouched().is_some()
}
