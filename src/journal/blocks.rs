//! A journal of either form, opened to be looked at: blocks of some megabyte, of which any is read without the others. Of frames
//! the heads say what is where; of lines a block begins at the first line behind each megabyte, so that opening one of
//! gigabytes reads a line a megabyte.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::frame::Name;
use super::lines::is_event;
use super::read::{Form, form, found};
use super::{FrameReader, JournalError};

/// Bytes between the beginnings of blocks of lines.
const BLOCK: u64 = 1 << 20;
/// Bytes that are looked through at once for the end of a line.
const WINDOW: usize = 1 << 13;

/// An open journal.
pub enum Blocks {
    /// Of a run, in frames.
    Frames(FrameReader),
    /// Of lines: of an evaluation, or in the first form.
    Lines(LineBlocks),
}

/// A journal of lines.
pub struct LineBlocks {
    path: PathBuf,
    file: File,
    /// Where blocks begin and end.
    places: Vec<(u64, u64)>,
}

impl Blocks {
    /// Opens the journal that a path leads to, as it is now.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let path = found(path);
        let failed = |action| JournalError::of_file(action, &path);
        let file = crate::files::open(&path).map_err(failed("open"))?;
        match form(&path, &file)? {
            Form::Frames => FrameReader::open(&path).map(Self::Frames),
            Form::Lines => LineBlocks::of(path, file).map(Self::Lines),
            Form::Compressed => Err(failed("open")(std::io::Error::other(
                "it was compressed as a whole, so that nothing is found without reading all; unpack it with zstd -d",
            ))),
        }
    }

    /// Blocks there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Frames(reader) => reader.frames(),
            Self::Lines(lines) => lines.places.len(),
        }
    }

    /// Where a block begins and ends: it is the same block as long as these are.
    pub fn place(&self, block: usize) -> Option<(u64, u64)> {
        match self {
            Self::Frames(reader) => reader.place(block),
            Self::Lines(lines) => lines.places.get(block).copied(),
        }
    }

    /// The episodes of a block, where that is known without reading it.
    pub fn names(&self, block: usize) -> Option<&[Name]> {
        match self {
            Self::Frames(reader) => Some(reader.names(block)),
            Self::Lines(_) => None,
        }
    }

    /// The records of a block, in order.
    pub fn records<T: DeserializeOwned>(&self, block: usize) -> Result<Vec<T>, JournalError> {
        match self {
            Self::Frames(reader) => reader.records_of(block),
            Self::Lines(lines) => lines.records(block),
        }
    }

    /// The text of the prompt that a record names, where the journal holds it.
    pub fn prompt(&self, name: &str) -> Result<Option<String>, JournalError> {
        match self {
            Self::Frames(reader) => reader.prompt(name),
            Self::Lines(_) => Ok(None),
        }
    }
}

impl LineBlocks {
    fn of(path: PathBuf, file: File) -> Result<Self, JournalError> {
        let read = JournalError::of_file("read", &path);
        let places = places(&file).map_err(read)?;
        Ok(Self { path, file, places })
    }

    fn records<T: DeserializeOwned>(&self, block: usize) -> Result<Vec<T>, JournalError> {
        let Some(&(start, end)) = self.places.get(block) else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; (end - start) as usize];
        let read = self.file.read_exact_at(&mut bytes, start);
        read.map_err(JournalError::of_file("read", &self.path))?;
        let damaged = |line: usize, reason: String| JournalError::Block {
            path: self.path.clone(),
            at: start,
            line: line + 1,
            reason,
        };
        let mut records = Vec::new();
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = str::from_utf8(line).map_err(|error| damaged(number, error.to_string()))?;
            if !line.trim().is_empty() && !is_event(line) {
                let record = serde_json::from_str(line);
                records.push(record.map_err(|error| damaged(number, error.to_string()))?);
            }
        }
        Ok(records)
    }
}

/// Where blocks begin and end: each at the first line that begins behind a megabyte. What has no end yet is in none.
fn places(file: &File) -> std::io::Result<Vec<(u64, u64)>> {
    let length = file.metadata()?.len();
    let (mut places, mut start) = (Vec::new(), 0);
    while start < length {
        let from = (start / BLOCK + 1) * BLOCK;
        let end = match after_line_end(file, from.min(length) - 1, length)? {
            Some(end) => end,
            // The last line has no end: the block ends where the last whole line does.
            None => match before_tail(file, start, length)? {
                Some(end) => end,
                None => break,
            },
        };
        places.push((start, end));
        start = end;
    }
    Ok(places)
}

/// Behind the first end of a line at `from` or later.
fn after_line_end(file: &File, from: u64, length: u64) -> std::io::Result<Option<u64>> {
    let (mut place, mut window) = (from, vec![0; WINDOW]);
    while place < length {
        let size = WINDOW.min((length - place) as usize);
        file.read_exact_at(&mut window[..size], place)?;
        if let Some(found) = window[..size].iter().position(|&byte| byte == b'\n') {
            return Ok(Some(place + found as u64 + 1));
        }
        place += size as u64;
    }
    Ok(None)
}

/// Behind the last end of a line at `start` or later.
fn before_tail(file: &File, start: u64, length: u64) -> std::io::Result<Option<u64>> {
    let (mut end, mut window) = (length, vec![0; WINDOW]);
    while end > start {
        let size = WINDOW.min((end - start) as usize);
        let place = end - size as u64;
        file.read_exact_at(&mut window[..size], place)?;
        if let Some(found) = window[..size].iter().rposition(|&byte| byte == b'\n') {
            return Ok(Some(place + found as u64 + 1));
        }
        end = place;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::journal::{EpisodeRecord, read};
    use crate::verdict::Grade;

    fn record(step: usize, text: &str) -> EpisodeRecord {
        let mut record = EpisodeRecord::new(step, &played(&[Grade::Accepted], true));
        record.turns[0].text = text.to_owned();
        record
    }

    #[test]
    fn blocks_of_lines_hold_every_line_once_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut text = "{\"event\":\"settings\"}\n".to_owned();
        let lengths = [10, 700_000, 400_000, 3_000_000, 5, 1_048_000, 1];
        for (step, length) in lengths.into_iter().enumerate() {
            text += &serde_json::to_string(&record(step, &"x".repeat(length))).unwrap();
            text.push('\n');
        }
        for tail in [
            "",
            "{\"step\":9",
            &format!("{{\"step\":\"{}", "y".repeat(2_500_000)),
        ] {
            std::fs::write(&path, text.clone() + tail).unwrap();
            let blocks = Blocks::open(&path).unwrap();
            assert!(blocks.count() > 3 && blocks.names(0).is_none());
            let mut all: Vec<EpisodeRecord> = Vec::new();
            for block in 0..blocks.count() {
                all.extend(blocks.records(block).unwrap());
            }
            assert_eq!(all, read::<EpisodeRecord>(&path).unwrap());
            assert_eq!(all.len(), lengths.len());
        }
        std::fs::write(&path, "").unwrap();
        assert_eq!(Blocks::open(&path).unwrap().count(), 0);
        std::fs::write(&path, "{\"step\":1").unwrap();
        assert_eq!(Blocks::open(&path).unwrap().count(), 0);
        std::fs::write(&path, "{\"step\":1}\n").unwrap();
        let error = Blocks::open(&path)
            .unwrap()
            .records::<EpisodeRecord>(0)
            .unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn blocks_of_frames_are_its_frames() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(crate::journal::NAME);
        let mut frames = crate::journal::Frames::after(&path, 0).unwrap();
        let all: Vec<_> = (0..5)
            .map(|step| (record(step, &"x".repeat(400_000)), "".into()))
            .collect();
        frames.append(&all).unwrap();
        let blocks = Blocks::open(folder.path()).unwrap();
        let mut found: Vec<EpisodeRecord> = Vec::new();
        for block in 0..blocks.count() {
            let records: Vec<EpisodeRecord> = blocks.records(block).unwrap();
            let names = blocks.names(block).unwrap();
            assert!(
                names
                    .iter()
                    .zip(&records)
                    .all(|(name, record)| name.0 == record.step)
            );
            found.extend(records);
        }
        assert_eq!(found, read::<EpisodeRecord>(&path).unwrap());
    }
}
