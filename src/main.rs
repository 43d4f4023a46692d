//! The verbs: parse, call one function, map to an exit code.

use std::process::ExitCode;

use clap::Parser;
use rlef::cli::{self, Cli, exit};

fn main() -> ExitCode {
    // A sandbox's jail is this same program started again: it must not get further than this line.
    rlef_sandbox::jail_entry();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    match cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let text = cli::sentence(&error);
            eprintln!(
                "error: failed to {}",
                text.strip_prefix("failed to ").unwrap_or(&text)
            );
            ExitCode::from(exit::code_of(&error))
        }
    }
}
