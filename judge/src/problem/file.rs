//! File → rows: JSON Lines, a JSON array or one JSON object, gzipped or not, Parquet, or what `tree` finds in a folder
//! or archive; and problems → file.
//!
//! Knows nothing of schemas.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::row::oversized_integer;
use super::tree::{self, Tree};
use super::{Place, Problem, ProblemError, Row, Where, evalplus, floats, parquet};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const PARQUET_MAGIC: [u8; 4] = *b"PAR1";

/// Calls `take` for every row of the file, in order, until it fails.
pub(super) fn for_each_row(
    path: &Path,
    take: &mut dyn FnMut(Row) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    if path.is_dir() {
        return tree::for_each_row(path, &Tree::of_folder(path)?, take);
    }
    let bytes = read(path)?;
    if bytes.starts_with(&PARQUET_MAGIC) {
        return parquet::for_each_row(path, take);
    }
    if Tree::is_archive(&bytes) {
        return tree::for_each_row(path, &Tree::of_archive(path, &bytes)?, take);
    }
    let text = text(path, bytes)?;
    let place = |at| Place {
        path: path.to_owned(),
        at,
    };
    if text.trim_start().starts_with('[') {
        let rows = floats::parse(&text).map_err(|cause| ProblemError::Json {
            place: place(Where::Line(cause.line())),
            cause,
        })?;
        let Value::Array(rows) = rows else {
            // A text that starts with a bracket is a list or no JSON.
            return Ok(());
        };
        exact(path, &text, 1)?;
        for (index, value) in rows.into_iter().enumerate() {
            take(Row {
                place: place(Where::Row(index + 1)),
                value,
            })?;
        }
        return Ok(());
    }
    // A single object may be spread over lines; then its first line alone isn't JSON.
    let first_line = text.trim_start().lines().next().unwrap_or_default();
    if first_line.trim_end() == "{"
        && let Ok(value) = floats::parse(&text)
    {
        exact(path, &text, 1)?;
        return take(Row {
            place: place(Where::Row(1)),
            value,
        });
    }
    for (index, line) in text.split('\n').enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = place(Where::Line(index + 1));
        // Only EvalPlus needs numbers that JSON readers round or refuse, and it has a way for them.
        let numbers = if evalplus::may_be(line) {
            evalplus::readable_numbers(line)
        } else {
            line.into()
        };
        match floats::parse(&numbers) {
            Ok(value) => {
                exact(path, &numbers, index + 1)?;
                take(Row { place, value })?;
            }
            Err(cause) => return Err(ProblemError::Json { place, cause }),
        }
    }
    Ok(())
}

/// Refuses numbers that were rounded when the text was parsed.
fn exact(path: &Path, text: &str, first_line: usize) -> Result<(), ProblemError> {
    let Some(integer) = oversized_integer(text) else {
        return Ok(());
    };
    let before = text.get(..integer.start).unwrap_or_default();
    Err(ProblemError::LargeInteger {
        place: Place {
            path: path.to_owned(),
            at: Where::Line(first_line + before.matches('\n').count()),
        },
        integer: text.get(integer).unwrap_or_default().to_owned(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, ProblemError> {
    let mut bytes = std::fs::read(path).map_err(|cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    })?;
    // By content, not by name: a file saved from a browser may have lost either.
    if bytes.starts_with(&GZIP_MAGIC) {
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut unpacked)
            .map_err(|cause| ProblemError::Unzip {
                path: path.to_owned(),
                cause,
            })?;
        bytes = unpacked;
    }
    Ok(bytes)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, ProblemError> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good]
            .split(|&byte| byte == b'\n')
            .count();
        ProblemError::NotText {
            path: path.to_owned(),
            line,
        }
    })
}

/// Writes the problems next to `path`, then renames.
pub(super) fn save(path: &Path, problems: &[Problem]) -> std::io::Result<()> {
    let name = path.file_name().ok_or(std::io::ErrorKind::IsADirectory)?;
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.partial", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let has = |name: &str| path.extension().is_some_and(|extension| extension == name);
    let written = if has("parquet") {
        parquet::write(&temporary, problems)
    } else {
        write(&temporary, problems, has("gz"))
    }
    .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to report; a leftover partial file harms nobody.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write(path: &Path, problems: &[Problem], packed: bool) -> std::io::Result<()> {
    let file = BufWriter::new(File::create(path)?);
    let file = if packed {
        let mut encoder = GzEncoder::new(file, Compression::default());
        write_lines(&mut encoder, problems)?;
        encoder.finish()?
    } else {
        let mut file = file;
        write_lines(&mut file, problems)?;
        file
    };
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)?
        .sync_all()
}

fn write_lines(writer: &mut dyn Write, problems: &[Problem]) -> std::io::Result<()> {
    for problem in problems {
        serde_json::to_writer(&mut *writer, problem)?;
        writer.write_all(b"\n")?;
    }
    Ok(())
}
