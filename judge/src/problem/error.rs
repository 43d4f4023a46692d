//! Why problems could not be read or written, and where.
//!
//! Messages include their cause, so that none is lost where only the message is printed.

use std::path::PathBuf;

use super::printable;

/// Why problems could not be read or written. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ProblemError {
    /// The file can't be read.
    #[error("read problems from {}: {cause}; check the path and its permissions", printable(&path.to_string_lossy()))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is not valid gzip.
    #[error("unpack {} as gzip: {cause}; fetch the file again", printable(&path.to_string_lossy()))]
    Unzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        cause: std::io::Error,
    },
    /// The file is not text.
    #[error("read {} as text: line {line} is not UTF-8; convert the file to UTF-8", printable(&path.to_string_lossy()))]
    NotText {
        /// The file.
        path: PathBuf,
        /// First line that isn't UTF-8, from 1.
        line: usize,
    },
    /// The file holds no problem.
    #[error("find a problem in {}: the file is empty; give a file with at least one problem", printable(&path.to_string_lossy()))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A row is not JSON.
    #[error("parse {place} as JSON: {cause}; correct or remove it")]
    Json {
        /// File and line.
        place: Place,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// A number outside of strings that JSON readers round.
    #[error(
        "read {place} exactly: the integer {integer} doesn't fit 64 bits; write it as a string, or remove the row"
    )]
    LargeInteger {
        /// File and line.
        place: Place,
        /// The integer.
        integer: String,
    },
    /// A row has the fields of no known schema.
    #[error(
        "recognise the schema of {place}: it has {}; expected one of: {known}",
        printable(found)
    )]
    UnknownSchema {
        /// File and line.
        place: Place,
        /// The fields found.
        found: String,
        /// The schemas there are.
        known: String,
    },
    /// A row has the fields of several schemas, none of which is a special case of the other.
    #[error(
        "recognise the schema of {place}: it has the fields of {}; say which is meant with --schema NAME", names.join(" and of ")
    )]
    AmbiguousSchema {
        /// File and line.
        place: Place,
        /// The schemas that fit.
        names: Vec<&'static str>,
    },
    /// A field decides, or seems to, and can't be honoured.
    #[error(
        "honour field `{}` of {place}: its name or value says that it decides, and the schema {schema} can't take it into account; {remedy}",
        printable(field)
    )]
    Undecided {
        /// File and line.
        place: Place,
        /// The field, with its parents.
        field: String,
        /// The schema the row was read in.
        schema: String,
        /// What to do.
        remedy: String,
    },
    /// A file or row unpacks to more than can be held.
    #[error(
        "read {what}: it unpacks to more than {most} MiB; split the file, or remove what is packed so small"
    )]
    TooLarge {
        /// The file, or the row of a file.
        what: String,
        /// What may be unpacked, in MiB.
        most: u64,
    },
    /// Something else than a file or folder.
    #[error("read problems from {}: it is {kind}; give a regular file or a folder", printable(&path.to_string_lossy()))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A field is missing or holds something else than its schema says.
    #[error(
        "read field `{}` of {place}: expected {expected}, found {}; correct or remove the row",
        printable(field),
        printable(found)
    )]
    Field {
        /// File and line.
        place: Place,
        /// The field, with its parents: `public_tests.input`.
        field: String,
        /// What the schema says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A row of rlef's own schema doesn't fit it.
    #[error("read {place} as an rlef problem: {}; correct the row", printable(&cause.to_string()))]
    Native {
        /// File and line.
        place: Place,
        /// What the parser said; names the field.
        cause: serde_json::Error,
    },
    /// A Parquet file is broken or packed in a way that isn't supported.
    #[error("read {} as Parquet: {cause}; write it again, uncompressed or with Snappy, gzip, Zstandard, LZ4 or Brotli", printable(&path.to_string_lossy()))]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        cause: parquet::errors::ParquetError,
    },
    /// The file is packed in a way that isn't read.
    #[error("read {}: it is packed as {kind}; unpack it, or pack it as gzip", printable(&path.to_string_lossy()))]
    Packed {
        /// The file.
        path: PathBuf,
        /// How it is packed.
        kind: &'static str,
    },
    /// A folder or archive holds no known layout.
    #[error("find problems in {}: {}; expected {expected}", printable(&path.to_string_lossy()), printable(found))]
    Layout {
        /// The folder or archive.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What could be.
        expected: &'static str,
    },
    /// A problem without a test would accept every program.
    #[error(
        "accept problem `{}` of {place}: it has no tests; add a test or remove the problem",
        printable(id)
    )]
    NoTests {
        /// File and line.
        place: Place,
        /// The problem.
        id: String,
    },
    /// Two problems share an id.
    #[error(
        "accept {place}: problem id `{}` is already that of {first}; ids must be unique within a file",
        printable(id)
    )]
    DuplicateId {
        /// File and line of the second.
        place: Place,
        /// Their id.
        id: String,
        /// Where the first is.
        first: Where,
    },
    /// The file can't be written.
    #[error("write problems to {}: {cause}; check the directory, its permissions and free space", printable(&path.to_string_lossy()))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// A line of a JSON Lines file, or a row of a JSON array; both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Line of a JSON Lines file.
    Line(usize),
    /// Element of a JSON array.
    Row(usize),
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The row.
    pub at: Where,
}

impl std::fmt::Display for Where {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Row(row) => write!(formatter, "row {row}"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} of {}",
            self.at,
            printable(&self.path.to_string_lossy())
        )
    }
}
