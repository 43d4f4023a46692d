//! How far something is, as of all verbs.

pub use rlef_serve::cli::progress::*;
