//! File → rows: JSON Lines, a JSON array or one JSON object, gzipped or not, Parquet, or what `tree` finds in a folder
//! or archive; and problems → file.
//!
//! Lines are read one by one, and all that is unpacked is counted (`budget`). Knows nothing of schemas.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Cursor, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::budget::{Budget, cost_of_text, cost_of_value};
use super::integers::oversized_integer;
use super::layouts;
use super::row::shorten;
use super::tree::Tree;
use super::{Place, Problem, ProblemError, Row, Where, evalplus, floats, parquet};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const PARQUET_MAGIC: [u8; 4] = *b"PAR1";
/// How files begin that are packed otherwise, and what that is called.
const PACKED: [(&[u8], &str); 5] = [
    (&[0x28, 0xb5, 0x2f, 0xfd], "Zstandard"),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (&[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c], "7z"),
];
/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// Bytes that tell what a file is: the header of a tar archive.
const HEAD: u64 = 512;

type Take<'a> = dyn FnMut(Row, &Budget) -> Result<(), ProblemError> + 'a;

/// Calls `take` for every row of the file, in order, until it fails.
pub(super) fn for_each_row(path: &Path, take: &mut Take<'_>) -> Result<(), ProblemError> {
    let failed = |cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    };
    // Before it is opened: opening a pipe waits for somebody to write to it.
    let about = std::fs::metadata(path).map_err(failed)?;
    let size = about.len();
    if about.is_dir() {
        let tree = Tree::of_folder(path)?;
        let budget = Budget::of(path, tree.size());
        return layouts::for_each_row(path, &tree, &budget, take);
    }
    if !about.is_file() {
        let kind = about.file_type();
        let kind = if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        };
        return Err(ProblemError::NotAFile {
            path: path.to_owned(),
            kind,
        });
    }
    for_each_row_within(path, &Budget::of(path, size), take)
}

/// The same for a regular file, under a budget.
pub(super) fn for_each_row_within(
    path: &Path,
    budget: &Budget,
    take: &mut Take<'_>,
) -> Result<(), ProblemError> {
    let failed = |cause| ProblemError::Read {
        path: path.to_owned(),
        cause,
    };
    let mut file = File::open(path).map_err(failed)?;
    let first = head(&mut file).map_err(failed)?;
    if first.starts_with(&PARQUET_MAGIC) {
        return parquet::for_each_row(path, budget, take);
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    // By content, not by name: a file saved from a browser may have lost either.
    let packed = first.starts_with(&GZIP_MAGIC);
    let mut source: Box<dyn Read> = if packed {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(file)
    };
    let failed = |cause| {
        if packed {
            ProblemError::Unzip {
                path: path.to_owned(),
                cause,
            }
        } else {
            failed(cause)
        }
    };
    let first = head(&mut source).map_err(failed)?;
    if Tree::is_archive(&first) {
        let whole = Cursor::new(first).chain(source);
        return layouts::for_each_row(path, &Tree::of_archive(path, whole, budget)?, budget, take);
    }
    if let Some((_, kind)) = PACKED.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Err(ProblemError::Packed {
            path: path.to_owned(),
            kind,
        });
    }
    if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
        return Err(ProblemError::NotText {
            path: path.to_owned(),
            line: 1,
        });
    }
    let start = if first.starts_with(&BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    let mut text = Text {
        path,
        budget,
        lines: BufReader::new(Cursor::new(first[start..].to_vec()).chain(source)),
        number: 0,
        failed: &failed,
    };
    text.for_each_row(take)
}

/// The first bytes of a source, as many as tell what it is.
fn head(source: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(HEAD).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A text that is read line by line.
struct Text<'a, R> {
    path: &'a Path,
    budget: &'a Budget,
    lines: R,
    /// Lines read so far.
    number: usize,
    failed: &'a dyn Fn(std::io::Error) -> ProblemError,
}

/// The one row that a whole text is.
pub(super) fn row_of(text: &str, path: &Path, budget: &Budget) -> Result<Row, ProblemError> {
    let place = |at| Place {
        path: path.to_owned(),
        at,
    };
    let value = floats::parse(text).map_err(|cause| ProblemError::Json {
        place: place(Where::Line(cause.line())),
        cause,
    })?;
    exact(path, text, 1)?;
    let place = place(Where::Row(1));
    budget.check_row(&place, cost_of_value(&value))?;
    Ok(Row { place, value })
}

impl<R: BufRead> Text<'_, R> {
    fn place(&self, at: Where) -> Place {
        Place {
            path: self.path.to_owned(),
            at,
        }
    }

    /// The next line with its end; nothing at the end of the text.
    fn line(&mut self) -> Result<Option<String>, ProblemError> {
        let mut bytes = Vec::new();
        let most = self.budget.of_a_row();
        (&mut self.lines)
            .take(most.saturating_add(1))
            .read_until(b'\n', &mut bytes)
            .map_err(self.failed)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let place = self.place(Where::Line(self.number));
        if bytes.len() as u64 > most {
            return Err(self.budget.row_too_large(&place));
        }
        self.budget.take_row(&place, cost_of_text(&bytes))?;
        self.decoded(bytes).map(Some)
    }

    /// All that is left.
    fn rest(&mut self) -> Result<String, ProblemError> {
        let mut bytes = Vec::new();
        let most = self.budget.left();
        (&mut self.lines)
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(self.failed)?;
        if bytes.len() as u64 > most {
            return Err(self.budget.file_too_large());
        }
        self.budget.take(cost_of_text(&bytes))?;
        self.number += 1;
        self.decoded(bytes)
    }

    fn decoded(&self, bytes: Vec<u8>) -> Result<String, ProblemError> {
        String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let lines = error.as_bytes()[..good]
                .split(|&byte| byte == b'\n')
                .count();
            ProblemError::NotText {
                path: self.path.to_owned(),
                line: self.number - 1 + lines,
            }
        })
    }

    /// Goes past white space; the first byte that is none.
    #[expect(
        clippy::naive_bytecount,
        reason = "white space between values is short"
    )]
    fn first(&mut self) -> Result<Option<u8>, ProblemError> {
        loop {
            let bytes = self.lines.fill_buf().map_err(self.failed)?;
            let blank = bytes
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            let found = bytes.get(blank).copied();
            let ended = bytes.is_empty();
            self.number += bytes[..blank].iter().filter(|&&byte| byte == b'\n').count();
            self.lines.consume(blank);
            self.budget.take(blank as u64)?;
            if found.is_some() || ended {
                return Ok(found);
            }
        }
    }

    fn for_each_row(&mut self, take: &mut Take<'_>) -> Result<(), ProblemError> {
        match self.first()? {
            None => return Ok(()),
            Some(b'[') => {
                let blank = self.number;
                let text = self.whole(blank, String::new())?;
                return self.array(text, take);
            }
            Some(_) => {}
        }
        let blank = self.number;
        if let Some(line) = self.line()? {
            if line.trim() == "{" {
                // A single object spread over lines.
                let text = self.whole(blank, line)?;
                return self.object(&text, take);
            }
            self.row(&line, take)?;
        }
        while let Some(line) = self.line()? {
            if !line.trim().is_empty() {
                self.row(&line, take)?;
            }
        }
        Ok(())
    }

    /// The whole text: so many blank lines, this one, and all that is left.
    fn whole(&mut self, blank: usize, line: String) -> Result<String, ProblemError> {
        let rest = self.rest()?;
        Ok("\n".repeat(blank) + &line + &rest)
    }

    fn row(&self, line: &str, take: &mut Take<'_>) -> Result<(), ProblemError> {
        let place = self.place(Where::Line(self.number));
        let line = line.strip_suffix('\n').unwrap_or(line);
        // Only EvalPlus needs numbers that JSON readers round or refuse, and it has a way for them.
        let numbers = if evalplus::may_be(line) {
            evalplus::readable_numbers(line)
        } else {
            line.into()
        };
        match floats::parse(&numbers) {
            Ok(value) => {
                exact(self.path, &numbers, self.number)?;
                take(Row { place, value }, self.budget)
            }
            Err(cause) => Err(ProblemError::Json { place, cause }),
        }
    }

    fn object(&self, text: &str, take: &mut Take<'_>) -> Result<(), ProblemError> {
        take(row_of(text, self.path, self.budget)?, self.budget)
    }

    fn array(&self, text: String, take: &mut Take<'_>) -> Result<(), ProblemError> {
        let rows = floats::parse(&text).map_err(|cause| ProblemError::Json {
            place: self.place(Where::Line(cause.line())),
            cause,
        })?;
        let Value::Array(rows) = rows else {
            // A text that starts with a bracket is a list or no JSON.
            return Ok(());
        };
        exact(self.path, &text, 1)?;
        drop(text);
        for (index, value) in rows.into_iter().enumerate() {
            let place = self.place(Where::Row(index + 1));
            self.budget.check_row(&place, cost_of_value(&value))?;
            take(Row { place, value }, self.budget)?;
        }
        Ok(())
    }
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
        integer: shorten(text.get(integer).unwrap_or_default()),
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
