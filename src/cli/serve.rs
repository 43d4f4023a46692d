//! `rlef serve`: the judge and the environment over HTTP, for other trainers.

use std::process::ExitCode;

use rlef_serve::command;

/// Arguments of `rlef serve`.
pub type Args = command::Args;

/// Serves until it is told to end.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    command::run(args)?;
    Ok(ExitCode::SUCCESS)
}
