//! `rlef doctor`: what this machine can enforce and run, with the devices that models can be computed on.

use std::process::ExitCode;

pub use rlef_serve::cli::doctor::Args;

use crate::judge::Judges;
use crate::machine::devices;

/// Looks, and prints what was found; nothing is changed.
pub fn run(args: Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    rlef_serve::cli::doctor::run(args, judges, devices())
}
