//! `rlef gate`, which needs no model.

pub use rlef_serve::cli::gate::{Args, run};
