//! rlef-judge: the verbs that need no model, in a program that carries none.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rlef_judge::problem::printable_lines;
use rlef_sandbox::SandboxError;

/// The verbs.
#[derive(Parser)]
#[command(
    name = "rlef-judge",
    version,
    about = "Judges programs and plays episodes, for trainers of all kinds.",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Judge programs and play episodes over HTTP.
    Serve(rlef_serve::command::Args),
}

fn main() -> ExitCode {
    // A sandbox's jail is this same program started again: it must not get further than this line.
    rlef_sandbox::jail_entry();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        // What can't be said is no reason to panic.
        .log_internal_errors(false)
        .init();
    let Verb::Serve(args) = Cli::parse().verb;
    match rlef_serve::command::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let words = printable_lines(&format!("{error:#}"));
            let words = words.strip_prefix("failed to ").unwrap_or(&words);
            let _ = writeln!(std::io::stderr().lock(), "error: failed to {words}");
            ExitCode::from(code_of(&error))
        }
    }
}

/// As `rlef` has them: 2 usage, 3 a protection is missing, 4 the sandbox failed.
fn code_of(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<SandboxError>() {
        Some(
            SandboxError::NoPython { .. }
            | SandboxError::MissingProtection { .. }
            | SandboxError::MissingLanguage { .. },
        ) => 3,
        Some(_) => 4,
        None => 2,
    }
}
