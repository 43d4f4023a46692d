//! Where results go: standard output, standard error and files, as of all verbs.

pub use rlef_serve::cli::output::*;
