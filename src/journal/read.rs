//! A path → the records of the journal it leads to, whatever its form: frames, lines, or lines that somebody compressed with
//! zstd. A folder leads to the journal of the run in it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::lines::is_event;
use super::reader::{FrameReader, Selection};
use super::{EpisodeRecord, FIRST_FORM, JournalError, NAME, frame};

/// How a file begins that zstd has compressed.
const ZSTD: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// Which form a file has.
enum Form {
    Frames,
    Compressed,
    Lines,
}

/// The journal of the run in a folder: where it is, or where a new one would be. A run that began with the first form keeps it.
pub fn of_run(folder: &Path) -> PathBuf {
    let (now, first) = (folder.join(NAME), folder.join(FIRST_FORM));
    if !now.exists() && first.exists() {
        first
    } else {
        now
    }
}

/// Where a journal is that somebody has named: by a run's folder, or by the name it has once it is decompressed.
fn found(path: &Path) -> PathBuf {
    if path.is_dir() {
        return of_run(path);
    }
    let mut compressed = path.as_os_str().to_owned();
    compressed.push(".zst");
    if !path.exists() && Path::new(&compressed).exists() {
        return compressed.into();
    }
    path.to_owned()
}

fn form(path: &Path, file: &File) -> Result<Form, JournalError> {
    let mut start = [0; 4];
    let read = file.read_at(&mut start, 0);
    let count = read.map_err(JournalError::of_file("read", path))?;
    Ok(match &start[..count] {
        [] => Form::Lines,
        // A writer may have been killed within it.
        some if frame::MARK.starts_with(some) => Form::Frames,
        some if some == ZSTD => Form::Compressed,
        _ => Form::Lines,
    })
}

/// Reads all records of a journal; in an evaluation's, its episodes.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, JournalError> {
    let path = &found(path);
    let failed = |action| JournalError::of_file(action, path);
    let file = crate::files::open(path).map_err(failed("read"))?;
    match form(path, &file)? {
        Form::Frames => FrameReader::open(path)?.all(),
        Form::Lines => lines(path, file),
        Form::Compressed => {
            let decoder = zstd::stream::read::Decoder::new(file).map_err(failed("decompress"))?;
            lines(path, decoder)
        }
    }
}

/// Reads the chosen episodes of a journal, and of one in frames nothing else.
pub fn read_chosen(path: &Path, selection: &Selection) -> Result<Vec<EpisodeRecord>, JournalError> {
    let path = &found(path);
    let file = crate::files::open(path).map_err(JournalError::of_file("read", path))?;
    if let Form::Frames = form(path, &file)? {
        return FrameReader::open(path)?.chosen(selection);
    }
    let all: Vec<EpisodeRecord> = read(path)?;
    let takes = |one: &EpisodeRecord| selection.takes(one.step, &one.problem_id, one.sample);
    Ok(all.into_iter().filter(takes).collect())
}

/// The lines of a file of JSON lines, however it is packed.
pub(crate) fn text(path: &Path) -> std::io::Result<String> {
    let path = &found(path);
    let file = crate::files::open(path)?;
    match form(path, &file).map_err(std::io::Error::other)? {
        Form::Lines => crate::files::read_to_string(path),
        Form::Compressed => crate::files::text_of(zstd::stream::read::Decoder::new(file)?),
        Form::Frames => {
            let reader = FrameReader::open(path).map_err(std::io::Error::other)?;
            reader.text(crate::files::LARGEST_TEXT)
        }
    }
}

fn lines<T: DeserializeOwned>(path: &Path, text: impl Read) -> Result<Vec<T>, JournalError> {
    let mut records = Vec::new();
    for (index, line) in BufReader::new(text).lines().enumerate() {
        let line = line.map_err(JournalError::of_file("read", path))?;
        if line.trim().is_empty() || is_event(&line) {
            continue;
        }
        let record = serde_json::from_str(&line).map_err(|error| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        })?;
        records.push(record);
    }
    Ok(records)
}
