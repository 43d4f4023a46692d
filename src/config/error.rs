//! Why a configuration could not be used, in the words a person reads.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why a configuration could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or unreadable.
    #[error("failed to read configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is no TOML, or a key is unknown or of another type.
    #[error("failed to read configuration {path}: {reason}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// The library's words, with line and column.
        reason: String,
    },
    /// A key that was set on the command line is unknown or of another type.
    #[error("failed to use configuration: {assignment}: {reason}")]
    Set {
        /// As it was typed.
        assignment: String,
        /// The library's words.
        reason: String,
    },
    /// A value makes no sense.
    #[error("failed to use configuration: {key} is {found}; expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: Cow<'static, str>,
    },
}
