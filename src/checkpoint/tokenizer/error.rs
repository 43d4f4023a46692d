//! Why a tokenizer is not to be had.

use std::path::PathBuf;

/// Why a tokenizer could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The library refused; its message says why.
    #[error("failed to train a tokenizer: {0}")]
    Train(String),
    /// The file is missing or isn't a tokenizer.
    #[error("failed to read tokenizer {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// The file could not be written.
    #[error("failed to write tokenizer {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The library's words.
        reason: String,
    },
    /// The chat template is missing or can't be used.
    #[error("failed to use the chat template of {path}: {reason}")]
    Template {
        /// The checkpoint's folder, or the file that was named in its place.
        path: PathBuf,
        /// What stands in the way.
        reason: String,
    },
    /// A special token is missing.
    #[error("failed to use tokenizer: it has no token {0:?}, which marks the speaker")]
    Special(&'static str),
    /// The text could not be encoded.
    #[error("failed to encode text: {0}")]
    Encode(String),
    /// The ids could not be decoded.
    #[error("failed to decode {0} token ids: {1}")]
    Decode(usize, String),
}
