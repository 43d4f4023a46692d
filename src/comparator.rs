//! Expected bytes vs printed bytes: one rule per dataset family. Pure.

use serde::{Deserialize, Serialize};

/// How printed output is compared with the expected output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    /// Byte for byte.
    Exact,
    /// Line by line after trimming each line's end and trailing blank lines.
    #[default]
    Lines,
    /// Whitespace-separated tokens.
    Tokens,
    /// Tokens; where the expected token is a non-integer number, within either tolerance.
    Floats {
        /// Largest absolute difference.
        absolute: f64,
        /// Largest difference relative to the expected value.
        relative: f64,
    },
}
