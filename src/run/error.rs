//! Why a run could not be begun, kept or continued, in the words a person reads.

use std::path::{Path, PathBuf};

use super::LockError;
use crate::checkpoint::CheckpointError;
use crate::journal::JournalError;

/// Why a run could not be kept or continued.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder holds a run already.
    #[error(
        "failed to start a run in {0}: it holds one already; continue it with --resume, or name another folder with --run"
    )]
    Exists(PathBuf),
    /// The folder holds no run.
    #[error("failed to resume {0}: it holds no config.toml; name the folder of a run with --run")]
    NoRun(PathBuf),
    /// The folder holds something of a run, but no run.
    #[error(
        "failed to start a run in {folder}: it holds {name} and no config.toml; name an empty or new folder with --run"
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// What it holds.
        name: &'static str,
    },
    /// Another process has the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What it learns from is not what it learnt from.
    #[error(
        "failed to resume {}: {}; put back what was there, or start another run", folder.display(), differences.join("; ")
    )]
    Inputs {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        differences: Vec<String>,
    },
    /// Fewer rounds are asked for than are done.
    #[error(
        "failed to resume {folder}: {done} rounds are done, and --rounds asks for {asked} in all"
    )]
    Rounds {
        /// The folder.
        folder: PathBuf,
        /// Rounds done.
        done: usize,
        /// Rounds asked for.
        asked: usize,
    },
    /// A file of the folder could not be read or written.
    #[error("failed to {action} {path}: {reason}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
        /// Whether the disk is full or may not be written.
        of_disk: bool,
    },
    /// What learns computes nothing any more.
    #[error(
        "failed to save a checkpoint after round {rounds}: {fault}. Nothing was saved, and the checkpoint before it is untouched; lower the learning rate, and continue from that"
    )]
    Unsound {
        /// Rounds done.
        rounds: usize,
        /// What is wrong with it.
        fault: String,
    },
    /// Journal, metrics or timings.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl RunError {
    pub(super) fn of_io(action: &'static str, path: &Path, error: std::io::Error) -> Self {
        Self::File {
            action,
            path: path.to_owned(),
            of_disk: crate::files::is_of_disk(&error),
            reason: error.to_string(),
        }
    }
}

pub(super) fn file(action: &'static str, path: &Path, reason: impl std::fmt::Display) -> RunError {
    RunError::File {
        action,
        path: path.to_owned(),
        reason: reason.to_string(),
        of_disk: false,
    }
}
