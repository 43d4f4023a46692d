//! Lines of JSON in a file that is appended to and can be cut back: metrics, timings, evaluations, and a run's journal in its
//! first form.

use std::fs::{File, OpenOptions};
use std::path::Path;

use serde::Serialize;

use super::JournalError;
use super::tail::{Tail, regular};

/// How a line of a journal begins that is no episode; the first of an evaluation's is one.
const EVENT: &str = "{\"event\":";

/// Whether a line of a journal is no episode.
pub(crate) fn is_event(line: &str) -> bool {
    line.starts_with(EVENT)
}

/// A file of JSON lines that is appended to and can be cut back.
pub struct Lines {
    tail: Tail,
    /// Keeps other processes away as long as it is open.
    _lock: Option<File>,
}

impl Lines {
    /// Opens for appending after the first `bytes` bytes, dropping what a killed run wrote past them.
    pub fn open(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        let mut tail = Tail::after(path, bytes)?;
        tail.cut()?;
        Ok(Self { tail, _lock: None })
    }

    /// The same, but what was written past them stays until something takes its place: whoever opens may yet find a reason not
    /// to go on.
    pub fn after(path: &Path, bytes: u64) -> Result<Self, JournalError> {
        let tail = Tail::after(path, bytes)?;
        if let Some(last) = bytes.checked_sub(1) {
            let mut end = [0];
            tail.read_at(last, &mut end)?;
            if end != *b"\n" {
                return Err(JournalError::Within {
                    path: path.to_owned(),
                    bytes,
                    part: "line",
                });
            }
        }
        Ok(Self { tail, _lock: None })
    }

    /// Opens for appending after the last whole line, for this process alone, and gives the lines that are there. What a
    /// killed process or machine left of one more is cut off.
    pub fn continued(path: &Path) -> Result<(Self, Vec<String>), JournalError> {
        regular(path).map_err(JournalError::of_file("open", path))?;
        // Locked first: the end of a file that another process appends to is never cut off.
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(JournalError::of_file("open", path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(cause)) => {
                return Err(JournalError::of_file("lock", path)(cause));
            }
        }
        let bytes = std::fs::read(path).map_err(JournalError::of_file("read", path))?;
        let end = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |place| place + 1);
        let mut lines = Vec::new();
        for (index, line) in bytes[..end]
            .split_inclusive(|&byte| byte == b'\n')
            .enumerate()
        {
            let text = std::str::from_utf8(line).map_err(|error| JournalError::Line {
                path: path.to_owned(),
                line: index + 1,
                reason: error.to_string(),
            })?;
            if !text.trim().is_empty() {
                lines.push(text.trim_end().to_owned());
            }
        }
        // What begins otherwise is no journal: nothing of it is cut off, and whoever asked will refuse its first line.
        let start = &bytes[..bytes.len().min(EVENT.len())];
        let ours = EVENT.as_bytes().starts_with(start);
        if lines.is_empty() && !ours {
            lines.push(String::from_utf8_lossy(&bytes[end..]).into_owned());
        }
        let end = if ours { end } else { bytes.len() };
        let Self { tail, .. } = Self::open(path, end as u64)?;
        let lock = Some(lock);
        Ok((Self { tail, _lock: lock }, lines))
    }

    /// Appends records as whole lines with one write.
    pub fn append<T: Serialize>(&mut self, records: &[T]) -> Result<(), JournalError> {
        let mut text = Vec::new();
        for record in records {
            let written = serde_json::to_writer(&mut text, record).map_err(std::io::Error::from);
            written.map_err(JournalError::of_file("write", self.tail.path()))?;
            text.push(b'\n');
        }
        self.tail.append(&text)
    }

    /// Forces what was appended to the disk and gives the file's length.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        self.tail.sync()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{EpisodeRecord, read};

    #[test]
    fn a_file_that_lost_some_of_its_lines_is_not_filled_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12\n45").unwrap();
        let message = Lines::open(&path, 1 << 50).map(drop).unwrap_err();
        assert!(message.to_string().contains("holds 5 bytes"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n45");
        let message = Lines::after(&path, 2).map(drop).unwrap_err();
        assert!(message.to_string().contains("within a line"), "{message}");
        let mut lines = Lines::after(&path, 3).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n45");
        lines.append(&[1]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n1\n");
        Lines::open(&path, 3).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"12\n");
    }

    #[test]
    fn only_a_journal_s_half_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, left, lines) in [
            ("my notes, no line end", "my notes, no line end", 1),
            ("a line\nand a half", "a line\nand a half", 1),
            ("{\"event\":\"a\"}\n{\"ev", "{\"event\":\"a\"}\n", 1),
            ("{\"event\":\"a\"", "", 0),
            ("{\"ev", "", 0),
            ("", "", 0),
        ] {
            std::fs::write(&path, text).unwrap();
            let (_, found) = Lines::continued(&path).unwrap();
            assert_eq!(found.len(), lines, "{text:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left, "{text:?}");
        }
    }

    #[test]
    fn a_journal_is_a_regular_file_wherever_its_name_leads() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (name, target) in [("full", "/dev/full"), ("zero", "/dev/zero")] {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        for name in ["fifo", "full", "zero"] {
            let path = at(name);
            let errors = [
                Lines::open(&path, 0).map(drop).unwrap_err(),
                Lines::continued(&path).map(drop).unwrap_err(),
                read::<EpisodeRecord>(&path).map(drop).unwrap_err(),
            ];
            for error in errors {
                assert!(error.to_string().contains("regular file"), "{error}");
            }
        }
        std::os::unix::fs::symlink(at("new"), at("link")).unwrap();
        Lines::continued(&at("link")).unwrap();
        assert!(at("new").exists());
    }
}
