//! A folder that one process at a time may write to. The kernel gives the lock back when the process ends, however it does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Name of the file that is locked; it stays, and holds the number of the last process that did.
pub(super) const NAME: &str = "lock";

/// Why a folder could not be had alone.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("failed to use {folder}: process {holder} does; let it end, or name another folder")]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Who has it.
        holder: String,
    },
    /// The lock could not be made.
    #[error("failed to lock {path}: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
}

impl LockError {
    /// Whether the disk is what stands in the way.
    pub fn is_of_disk(&self) -> bool {
        match self {
            Self::Held { .. } => false,
            Self::File { cause, .. } => crate::files::is_of_disk(cause),
        }
    }
}

/// A folder held; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `folder`, which must be there.
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(NAME);
        let failed = |cause| LockError::File {
            path: path.clone(),
            cause,
        };
        // The number is written over what was there: never over what a link leads to.
        if path.is_symlink() {
            let words = "expected a regular file, found a link; remove it";
            return Err(failed(std::io::Error::other(words)));
        }
        if path.exists() {
            crate::files::regular(&path).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whoever holds it may not have written its number yet.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                return Err(LockError::Held {
                    folder: folder.to_owned(),
                    holder: if holder.is_empty() { "?" } else { holder }.to_owned(),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let number = format!("{}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.write_all(number.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Removes the file from a folder that is given up, and only then lets go of it.
    pub(crate) fn remove(self, folder: &Path) {
        let _ = std::fs::remove_file(folder.join(NAME));
        drop(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_and_free_once_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let message = Lock::take(folder.path()).unwrap_err().to_string();
        let number = std::process::id().to_string();
        assert!(message.contains(&number), "{message}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn nothing_is_written_to_where_a_link_leads() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join(NAME)).unwrap();
        let message = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains("lock"), "{message}");
        assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    }
}
