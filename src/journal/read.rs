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
use crate::files::LARGEST_TEXT;

/// How a file begins that zstd has compressed.
const ZSTD: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// How many bytes of lines one byte of a compressed journal may hold: some ten are usual, and what holds far more could fill
/// any memory.
const MOST_GROWTH: u64 = 200;

/// Which form a file has.
pub(super) enum Form {
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
pub(super) fn found(path: &Path) -> PathBuf {
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

pub(super) fn form(path: &Path, file: &File) -> Result<Form, JournalError> {
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
        Form::Lines => lines(path, file, u64::MAX),
        Form::Compressed => {
            let packed = file.metadata().map_err(failed("read"))?.len();
            let decoder = zstd::stream::read::Decoder::new(file).map_err(failed("decompress"))?;
            lines(
                path,
                decoder,
                LARGEST_TEXT.max(packed.saturating_mul(MOST_GROWTH)),
            )
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
        Form::Lines => {
            let text = crate::files::read_to_string(path)?;
            Ok(without_half_a_line(path, text))
        }
        Form::Compressed => crate::files::text_of(zstd::stream::read::Decoder::new(file)?),
        Form::Frames => {
            let reader = FrameReader::open(path).map_err(std::io::Error::other)?;
            reader.text(LARGEST_TEXT)
        }
    }
}

/// The records of lines, of which there are `most` bytes at most.
fn lines<T: DeserializeOwned>(
    path: &Path,
    text: impl Read,
    most: u64,
) -> Result<Vec<T>, JournalError> {
    let mut text = BufReader::new(text);
    let (mut records, mut number, mut bytes) = (Vec::new(), 0, 0);
    loop {
        let mut line = Vec::new();
        let read = (&mut text)
            .take(LARGEST_TEXT + 1)
            .read_until(b'\n', &mut line);
        let read = read.map_err(JournalError::of_file("read", path))? as u64;
        if read == 0 {
            return Ok(records);
        }
        (number, bytes) = (number + 1, bytes + read);
        let damaged = |reason: String| JournalError::Line {
            path: path.to_owned(),
            line: number,
            reason,
        };
        if read > LARGEST_TEXT || bytes > most {
            let most = most.min(LARGEST_TEXT);
            return Err(damaged(format!("expected at most {most} bytes to here")));
        }
        if is_torn(&line) {
            warn_of_half_a_line(path);
            return Ok(records);
        }
        let line = str::from_utf8(&line).map_err(|error| damaged(error.to_string()))?;
        if line.trim().is_empty() || is_event(line) {
            continue;
        }
        let record = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
        records.push(record);
    }
}

/// Whether a last line was begun and never ended: whoever wrote it was killed. A whole line that somebody left without an end
/// is none, and neither is one that is no JSON up to its end.
fn is_torn(line: &[u8]) -> bool {
    if line.ends_with(b"\n") || !line.starts_with(b"{") {
        return false;
    }
    // Not ignored: where nothing is kept of a number, the end of the text within it is another fault.
    let read = serde_json::from_slice::<serde_json::Value>(line);
    // A character that was cut in half within a string is no end of the text to the parser.
    let cut = str::from_utf8(line).is_err_and(|error| error.error_len().is_none());
    read.is_err_and(|error| error.is_eof() || cut)
}

fn warn_of_half_a_line(path: &Path) {
    tracing::warn!(
        "{}: its last line has no end, its writer ended or goes on; it is passed over",
        path.display()
    );
}

/// The lines of a journal, without the last one where that is torn; of another file all there is.
fn without_half_a_line(path: &Path, mut text: String) -> String {
    let ours = text.starts_with("{\"step\":") || is_event(&text);
    let start = text.rfind('\n').map_or(0, |end| end + 1);
    if ours && is_torn(&text.as_bytes()[start..]) {
        warn_of_half_a_line(path);
        text.truncate(start);
    }
    text
}
