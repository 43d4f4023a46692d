//! Why a journal could not be written or read, in the words a person reads.

use std::path::{Path, PathBuf};

/// Why a journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be opened, written or read.
    #[error("failed to {action} {path}: {cause}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason; no `source`, for the message says it.
        cause: std::io::Error,
    },
    /// Another process writes to it.
    #[error("failed to write to {path}: another process does; let it end, or name another file")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It holds less than was written to it: to go on would leave a hole.
    #[error(
        "failed to continue {path}: it holds {found} bytes, and {expected} were written to it; put back what was there"
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes there are.
        found: u64,
        /// Bytes there were.
        expected: u64,
    },
    /// What was written to it would end within a line or a frame: one of the two was changed.
    #[error(
        "failed to continue {path}: byte {bytes}, where it was left, is within a {part}; put back what was there"
    )]
    Within {
        /// The file.
        path: PathBuf,
        /// Bytes there were.
        bytes: u64,
        /// A line or a frame.
        part: &'static str,
    },
    /// A line is no record.
    #[error("failed to read {path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What was expected.
        reason: String,
    },
    /// A line of a block is no record.
    #[error("failed to read {path}: line {line} behind byte {at}: {reason}")]
    Block {
        /// The file.
        path: PathBuf,
        /// Where the block begins.
        at: u64,
        /// Counted from one, from there.
        line: usize,
        /// What was expected.
        reason: String,
    },
    /// A frame is not what was written.
    #[error(
        "failed to read {path}: at byte {at}, frame {frame}, {reason}; the frames before it are whole"
    )]
    Frame {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        at: u64,
        /// Which one, from zero.
        frame: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl JournalError {
    /// An error of the system, by what was being done to which file.
    pub(crate) fn of_file(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |cause| Self::File {
            action,
            path,
            cause,
        }
    }
}
