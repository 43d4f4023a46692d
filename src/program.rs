//! Completion text → Program, or why there is none. Pure.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

/// Source and language found in a completion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
}
