//! Where the frames of a journal are, in a file beside it that grows with it. It is made of the heads of the frames and can
//! always be made again: what is missing at its end, or all of it, is read from the journal by walking from head to head.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{Chain, Entry, Found, Head};
use super::tail::Tail;

/// The first line of an index.
const FIRST: &str = "{\"schema\":\"rlef-journal-index/1\"}\n";

/// Where the index of a journal is.
pub(super) fn path_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(".index");
    name.into()
}

/// The frames of a journal, and what is known of its index.
pub(super) struct Index {
    /// Its whole frames, one behind the other from the first byte.
    pub(super) entries: Vec<Entry>,
    /// Their heads.
    pub(super) chain: Chain,
    /// Bytes of the index file that hold.
    kept: u64,
    /// What is missing behind them.
    missing: Vec<u8>,
}

impl Index {
    /// Of the first `bytes` bytes of a journal: what its index says, as far as that holds, and what the journal says itself.
    pub(super) fn read(
        journal: &Path,
        file: &File,
        (bytes, schema): (u64, &str),
    ) -> Result<Self, JournalError> {
        let text = crate::files::read(&path_of(journal)).unwrap_or_default();
        let mut index = Self::of_text(&text, bytes).unwrap_or_else(|| Self::empty(false));
        // A line that fits among the others may still be of another journal. The last head says what those before it were.
        if let Some(last) = index.entries.last() {
            let (at, frame) = (last.head.at, last.head.frame);
            let found = Entry::at(file, journal, (at, frame), (bytes, schema));
            if !matches!(found, Ok(Found::Whole(entry, _)) if entry == *last) {
                index = Self::empty(false);
            }
        }
        // The index says what form the file has, and a file of another form is not read by it.
        if let Some(first) = index.entries.first()
            && first.head.schema.as_deref() != Some(schema)
        {
            index = Self::empty(false);
        }
        index.walk(journal, file, (bytes, schema))?;
        Ok(index)
    }

    /// Of no frame yet; the first line of its file is there or isn't.
    fn empty(begun: bool) -> Self {
        let (kept, missing) = if begun {
            (FIRST.len() as u64, Vec::new())
        } else {
            (0, FIRST.as_bytes().to_vec())
        };
        Self {
            entries: Vec::new(),
            chain: Chain::default(),
            kept,
            missing,
        }
    }

    /// What of an index's text holds for so many bytes of a journal, as far as the text itself can say. Nothing where a line is
    /// not the one that was written, or where the journal is of before heads said so: then its own heads are read.
    fn of_text(text: &[u8], bytes: u64) -> Option<Self> {
        let rest = text.strip_prefix(FIRST.as_bytes())?;
        let mut index = Self::empty(true);
        for line in rest.split_inclusive(|&byte| byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                break;
            };
            let Ok(head) = Entry::parsed(line) else {
                break;
            };
            if (head.at, head.frame) != (index.end(), index.entries.len()) {
                break;
            }
            if !index.precedes(&head) {
                return None;
            }
            let entry = Entry::new(head, line.len());
            if entry.end() > bytes {
                break;
            }
            index.chain.add(line);
            index.entries.push(entry);
            index.kept += line.len() as u64 + 1;
        }
        Some(index)
    }

    /// Whether a head says of those before it what they are.
    fn precedes(&self, head: &Head) -> bool {
        head.before == self.chain.name()
    }

    /// Reads the heads that the index doesn't know.
    fn walk(
        &mut self,
        journal: &Path,
        file: &File,
        (bytes, schema): (u64, &str),
    ) -> Result<(), JournalError> {
        while self.end() < bytes {
            let place = (self.end(), self.entries.len());
            let Found::Whole(entry, text) = Entry::at(file, journal, place, (bytes, schema))?
            else {
                // What is behind an end is damage, and would be lost without a word.
                return Entry::none_behind(file, journal, place, bytes);
            };
            // Journals of before heads said it have none that does.
            if entry.head.before.is_some() && !self.precedes(&entry.head) {
                let (at, frame) = place;
                return Err(JournalError::Frame {
                    path: journal.to_owned(),
                    at,
                    frame,
                    reason: "its head says that others went before it; one of theirs was changed"
                        .to_owned(),
                });
            }
            self.chain.add(&text);
            self.missing.extend_from_slice(&text);
            self.missing.push(b'\n');
            self.entries.push(entry);
        }
        Ok(())
    }

    /// Where the last whole frame ends.
    pub(super) fn end(&self) -> u64 {
        self.entries.last().map_or(0, Entry::end)
    }

    /// The file, to be written along with the journal.
    pub(super) fn into_file(self, journal: &Path) -> Result<IndexFile, JournalError> {
        let path = path_of(journal);
        // Nobody was asked for what is not there.
        let kept = if path.exists() { self.kept } else { 0 };
        Ok(IndexFile {
            tail: Tail::after(&path, kept)?,
            missing: self.missing,
        })
    }
}

/// An index that is written along with its journal. It is never forced to the disk: what is lost can be read again.
pub(super) struct IndexFile {
    tail: Tail,
    /// Lines that go before the next ones.
    missing: Vec<u8>,
}

impl IndexFile {
    /// Appends lines.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), JournalError> {
        let mut all = std::mem::take(&mut self.missing);
        all.extend_from_slice(lines);
        self.tail.append(&all)
    }
}
