//! rlef-judge: the verbs that need no model, in a program that carries none.

use std::process::ExitCode;

use clap::{
    ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};
use rlef_judge::judge::Judges;
use rlef_serve::cli::host::HostArgs;
use rlef_serve::cli::levels::Levels;
use rlef_serve::cli::{apart, asked, convert, doctor, exit, gate, judge, output, sentence, shell};
use rlef_serve::command;

/// The verbs.
#[derive(Parser)]
#[command(
    name = "rlef-judge",
    version = shell::PLAIN.as_str(),
    about = "Judges programs and plays episodes, for trainers of all kinds.",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    levels: Levels,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what this machine can enforce and run.
    Doctor(doctor::Args),
    /// Run programs against problems' tests and print one verdict a line.
    Judge(JudgeArgs),
    /// Compare two evaluations; exit code 1 where the candidate has lost something.
    Gate(Box<gate::Args>),
    /// Judge programs and play episodes over HTTP.
    Serve(Box<command::Args>),
    /// Write problems of any known schema as rlef JSON lines or Parquet.
    Convert(convert::Args),
    /// Print what a shell needs to complete this program's words.
    Completions(shell::CompletionArgs),
}

#[derive(Args)]
struct JudgeArgs {
    #[command(flatten)]
    programs: judge::Args,
    #[command(flatten)]
    host: HostArgs,
}

fn main() -> ExitCode {
    // A sandbox's jail is this same program started again: it must not get further than this line.
    rlef_sandbox::jail_entry();
    let mut command = command_line();
    let given = asked::given(&mut command);
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    let begun = cli.levels.begin();
    match begun.and_then(|()| begin(cli.verb, &command, &given)) {
        Ok(code) => output::code(code),
        Err(error) => {
            let words = sentence(&error);
            let words = words.strip_prefix("failed to ").unwrap_or(&words);
            output::to_people(format_args!("error: failed to {words}"));
            ExitCode::from(exit::code_of(&error))
        }
    }
}

/// What may be asked for. Examples of its verbs are shown by this program's name.
fn command_line() -> Command {
    let mut command = Cli::command();
    let verbs: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for name in verbs {
        command = command.mut_subcommand(&name, |verb| {
            let words = verb.get_after_help().map(|words| {
                let (other, own) = (format!("  rlef {name}"), format!("  rlef-judge {name}"));
                words.to_string().replace(&other, &own)
            });
            match words {
                Some(words) => verb.after_help(words),
                None => verb,
            }
        });
    }
    command
}

fn begin(verb: Verb, command: &Command, given: &ArgMatches) -> anyhow::Result<ExitCode> {
    apart::check(command, given)?;
    run(verb)
}

fn run(verb: Verb) -> anyhow::Result<ExitCode> {
    match verb {
        // Devices are for models.
        Verb::Doctor(args) => doctor::run(args, &Judges::default(), Vec::new()),
        Verb::Judge(args) => judge::run(
            &args.programs,
            || args.host.judge(),
            |host| judge::Judging { host, judge: host },
            |host| args.host.tell(host),
        ),
        Verb::Gate(args) => gate::run(&args),
        Verb::Serve(args) => command::run(&args),
        Verb::Convert(args) => convert::run(&args),
        Verb::Completions(args) => Ok(shell::completions(&args, Cli::command())),
    }
}
