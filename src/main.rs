//! The verbs: parse, call one function, map to an exit code.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};
use rlef::checkpoint::chat_template;
use rlef::cli::{self, Cli, exit};
use rlef_serve::cli::{apart, asked};

fn main() -> ExitCode {
    // A sandbox's jail is this same program started again: it must not get further than this line.
    rlef_sandbox::jail_entry();
    rlef_sandbox::apart_entry(&[chat_template::APART]);
    let mut command = Cli::command();
    let given = asked::given(&mut command);
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.with_cmd(&command).exit());
    let apart = cli
        .levels
        .begin()
        .and_then(|()| Ok(apart::check(&command, &given)?));
    match apart.and_then(|()| cli::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            let text = cli::sentence(&error);
            let text = text.strip_prefix("failed to ").unwrap_or(&text);
            cli::output::to_people(format_args!("error: failed to {text}"));
            ExitCode::from(exit::code_of(&error))
        }
    }
}
