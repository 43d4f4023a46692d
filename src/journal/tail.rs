//! A file that is appended to and can be cut back to where it was left.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::JournalError;

/// Refuses a path that leads to something other than a file: a FIFO would be waited for, a device read for ever.
pub(super) fn regular(path: &Path) -> std::io::Result<()> {
    match crate::files::regular(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        found => found.map(drop),
    }
}

/// The file, and how much of it counts.
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Whether the file may hold more than `bytes`, which goes before anything is written.
    uncut: bool,
}

impl Tail {
    /// Opens for appending after the first `bytes` bytes. What was written past them stays until something takes its place:
    /// whoever opens may yet find a reason not to go on.
    pub(super) fn after(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        regular(path).map_err(JournalError::of_file("open", path))?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(JournalError::of_file("open", path))?;
        let metadata = file.metadata();
        let found = metadata.map_err(JournalError::of_file("read", path))?.len();
        if found < bytes {
            return Err(JournalError::Short {
                path: path.to_owned(),
                found,
                expected: bytes,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            uncut: true,
        })
    }

    /// Drops what a killed run wrote past what counts.
    pub(super) fn cut(&mut self) -> Result<(), JournalError> {
        if !self.uncut {
            return Ok(());
        }
        let cut = self.file.set_len(self.bytes);
        cut.map_err(JournalError::of_file("cut back", &self.path))?;
        let sought = self.file.seek(SeekFrom::Start(self.bytes));
        sought.map_err(JournalError::of_file("seek in", &self.path))?;
        self.uncut = false;
        Ok(())
    }

    /// Appends all of this with one write, or nothing.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        self.cut()?;
        if let Err(cause) = self.file.write_all(bytes) {
            // A full disk may have taken half of it: leave whole ones behind.
            self.uncut = true;
            self.cut()?;
            return Err(JournalError::of_file("write", &self.path)(cause));
        }
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Forces what was appended to the disk and gives the length of what counts.
    pub(super) fn sync(&mut self) -> Result<u64, JournalError> {
        self.cut()?;
        let synced = self.file.sync_data();
        synced.map_err(JournalError::of_file("sync", &self.path))?;
        Ok(self.bytes)
    }

    /// Reads exactly so many bytes from a place.
    pub(super) fn read_at(&self, place: u64, buffer: &mut [u8]) -> Result<(), JournalError> {
        let read = self.file.read_exact_at(buffer, place);
        read.map_err(JournalError::of_file("read", &self.path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// The length of what counts.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}
