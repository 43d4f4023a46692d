//! The verbs: parse, call one function, map to an exit code.

use std::process::ExitCode;

use clap::Parser;
use rlef::checkpoint::chat_template;
use rlef::cli::{self, Cli, exit};

fn main() -> ExitCode {
    // A sandbox's jail is this same program started again: it must not get further than this line.
    rlef_sandbox::jail_entry();
    rlef_sandbox::apart_entry(&[chat_template::APART]);
    tracing_subscriber::fmt()
        .with_writer(|| cli::screen::Words)
        .with_target(false)
        .with_ansi(cli::screen::has_colours())
        // What can't be said is no reason to panic.
        .log_internal_errors(false)
        .init();
    match cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            let text = cli::sentence(&error);
            let text = text.strip_prefix("failed to ").unwrap_or(&text);
            cli::output::to_people(format_args!("error: failed to {text}"));
            ExitCode::from(exit::code_of(&error))
        }
    }
}
