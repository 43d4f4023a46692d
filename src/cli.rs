//! The command line: one file per verb. Words for people go to stderr, data to stdout.

mod arena;
pub mod convert;
pub mod doctor;
pub mod eval;
pub mod export;
pub mod fetch;
pub mod gate;
pub mod import;
mod imported;
pub mod judge;
pub mod judging;
pub mod label;
pub mod labels;
pub mod output;
pub mod pairs;
pub mod progress;
pub mod replay;
pub mod report;
pub mod reward;
pub mod rft;
pub mod serve;
mod settings;
pub mod sft;
pub mod source;
mod starter;
pub mod steps;
pub mod train;
pub mod view;
mod watched;

use std::process::ExitCode;
use std::sync::LazyLock;

use clap::builder::RangedU64ValueParser;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::judge::Judges;
use crate::{ai_judge, process_model, reward_model};
pub(crate) use rlef_serve::cli::host::workers;
use rlef_serve::cli::levels::Levels;
use rlef_serve::cli::shell;
pub use rlef_serve::cli::{screen, sentence};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let is_built = [
        ("wasm", cfg!(feature = "wasm")),
        ("wgpu", cfg!(feature = "wgpu")),
        ("cuda", cfg!(feature = "cuda")),
    ];
    shell::version(&is_built)
});

/// The verbs.
#[derive(Parser)]
#[command(
    name = "rlef",
    version = VERSION.as_str(),
    about = "Code RL: programs, verdicts, feedback, and learning from it.",
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    /// How much is said.
    #[command(flatten)]
    pub levels: Levels,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what this machine can enforce and run.
    Doctor(doctor::Args),
    /// Run programs against problems' tests and print one verdict a line.
    Judge(judge::Args),
    /// Play problems with a policy, turn by turn, and report what it solves.
    Eval(Box<eval::Args>),
    /// Compare two evaluations; exit code 1 where the candidate has lost something.
    Gate(gate::Args),
    /// Train a policy by RLEF or another objective; without arguments: the shipped starter on the built-in problems.
    Train(Box<train::Args>),
    /// Make preferences of journals' answers: pairs of which one did better.
    Pairs(pairs::Args),
    /// Compare labels of several sources over the same answers: tests, people, judges.
    Labels(labels::Args),
    /// Label the steps of answers: by completions that tests judge, or exactly on the built-in problems.
    Steps(steps::Args),
    /// Train a reward model from preferences.
    Reward(reward::Args),
    /// Make demonstrations of what solved problems in journals (rejection sampling).
    Rft(rft::Args),
    /// Make a starter policy from demonstrations on the built-in problems.
    Sft(sft::Args),
    /// Make a checkpoint's folder of a model in one GGUF file.
    Import(import::Args),
    /// Write a checkpoint, with an adapter merged in, for transformers, vLLM and SGLang.
    Export(export::Args),
    /// Judge a journal's programs again; exit code 1 where a verdict changed.
    Replay(replay::Args),
    /// Judge programs and play episodes over HTTP, as trainers of all kinds ask for it.
    Serve(serve::Args),
    /// Have people label answers in a browser: pairs, rankings, steps.
    Label(label::Args),
    /// Write a run, or an evaluation, as one page that needs nothing else.
    Report(report::Args),
    /// Look at runs, episodes, evaluations and problems in a browser.
    View(view::Args),
    /// Write problems or preferences of any known schema as rlef JSON lines or Parquet.
    Convert(convert::Args),
    /// Fetch public problem sets, and check that they are what they were.
    Fetch(fetch::Args),
    /// Write the built-in problems as JSON lines.
    Contest(source::ContestArgs),
    /// Print what a shell needs to complete this program's words.
    Completions(shell::CompletionArgs),
    /// Write manual pages, one a verb.
    Man(shell::ManArgs),
}

/// Exit codes of all verbs.
pub mod exit {
    pub use rlef_serve::cli::exit::{INFRASTRUCTURE, NO, PROTECTION, USAGE};
    use rlef_serve::cli::exit::{cause_is_of_disk, code_of as code_of_plain};

    use crate::checkpoint::CheckpointError;
    use crate::eval::journal::ResumeError;
    use crate::files::is_of_disk;
    use crate::journal::JournalError;
    use crate::policy::PolicyError;
    use crate::policy::engine::EngineError;
    use crate::public_sets::DownloadError;
    use crate::reward_model::TrainingError;
    use crate::run::RunError;
    use crate::server::ServerError;
    use crate::train::TrainError;

    /// The code an error asks for: what the sandbox says of itself is told from wrong input.
    pub fn code_of(error: &anyhow::Error) -> u8 {
        if is_of_machine(error) {
            return INFRASTRUCTURE;
        }
        code_of_plain(error)
    }

    /// Whether a server, a disk or the numbers of a run failed, rather than what the user gave.
    fn is_of_machine(error: &anyhow::Error) -> bool {
        // Where errors of the disk keep their cause: some quote it instead of having it as a source.
        let in_journal = |error: &JournalError| match error {
            JournalError::File { cause, .. } => is_of_disk(cause),
            _ => false,
        };
        let in_checkpoint = |error: &CheckpointError| match error {
            CheckpointError::Write { source, .. } => is_of_disk(source),
            CheckpointError::NotFinite { .. } => true,
            _ => false,
        };
        let in_engine = |error: &EngineError| match error {
            EngineError::Server(error) => matches!(error, ServerError::NoAnswer { .. }),
            EngineError::Checkpoint(error) => in_checkpoint(error),
            EngineError::Folder { reason, .. } => is_of_disk(reason),
            EngineError::Lock(_) | EngineError::Trains => false,
        };
        let in_policy = |error: &PolicyError| {
            matches!(
                error,
                PolicyError::Server(ServerError::NoAnswer { .. }) | PolicyError::NotFinite { .. }
            )
        };
        let in_run = |error: &RunError| match error {
            RunError::File { of_disk, .. } => *of_disk,
            RunError::Lock(error) => error.is_of_disk(),
            RunError::Unsound { .. } => true,
            RunError::Journal(error) => in_journal(error),
            RunError::Checkpoint(error) => in_checkpoint(error),
            _ => false,
        };
        error.chain().any(|cause| {
            if let Some(error) = cause.downcast_ref() {
                return in_policy(error);
            }
            if let Some(error) = cause.downcast_ref() {
                return in_engine(error);
            }
            if let Some(error) = cause.downcast_ref() {
                return in_checkpoint(error);
            }
            if let Some(error) = cause.downcast_ref() {
                return in_journal(error);
            }
            if let Some(error) = cause.downcast_ref::<TrainError>() {
                return match error {
                    TrainError::Policy(error) => in_policy(error),
                    TrainError::Engine(error) => in_engine(error),
                    TrainError::Tinker(error) => error.is_of_machine(),
                    TrainError::Run(error) => in_run(error),
                    TrainError::Config(_)
                    | TrainError::Stopped
                    | TrainError::NoData { .. }
                    | TrainError::NotSampled(_)
                    | TrainError::LongStored { .. }
                    | TrainError::NoSteps
                    | TrainError::Unusable { .. } => false,
                    TrainError::SamplerGap { .. }
                    | TrainError::NotFinite { .. }
                    | TrainError::Diverged { .. }
                    | TrainError::Lost { .. } => true,
                };
            }
            if let Some(error) = cause.downcast_ref::<RunError>() {
                return in_run(error);
            }
            if let Some(ResumeError::Journal(error)) = cause.downcast_ref() {
                return in_journal(error);
            }
            if let Some(error) = cause.downcast_ref::<DownloadError>() {
                return match error {
                    DownloadError::NoAnswer { .. } => true,
                    DownloadError::File { source, .. } => is_of_disk(source),
                    DownloadError::Changed { .. } | DownloadError::Other { .. } => false,
                };
            }
            if cause.is::<crate::sft::Diverged>() || cause.is::<TrainingError>() {
                return true;
            }
            cause_is_of_disk(cause)
        })
    }
}

/// The parser of a count of which none would be no evaluation, and which others are multiplied by.
pub(crate) fn count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1 << 20)
}

/// Runs the verb the arguments name.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    run_with(cli, &Judges::default())
}

/// The same, with whoever these are to judge: a program that adds a judge of its own adds a row.
pub fn run_with(cli: Cli, judges: &Judges) -> anyhow::Result<ExitCode> {
    let known = judges.clone().or(reward_model::JUDGE);
    let known = known.or(process_model::JUDGE);
    let judges = &ai_judge::ROWS.into_iter().fold(known, Judges::or);
    if matches!(
        cli.verb,
        Verb::Eval(_) | Verb::Train(_) | Verb::Reward(_) | Verb::Sft(_) | Verb::Steps(_)
    ) {
        arena::keep_one();
    }
    let code = match cli.verb {
        Verb::Doctor(args) => doctor::run(args, judges),
        Verb::Judge(args) => judge::run(args, judges),
        Verb::Eval(args) => eval::run(&args, judges),
        Verb::Gate(args) => gate::run(&args),
        Verb::Train(args) => train::run(&args, judges),
        Verb::Pairs(args) => pairs::run(&args, judges),
        Verb::Steps(args) => steps::run(&args, judges),
        Verb::Labels(args) => labels::run(&args),
        Verb::Reward(args) => reward::run(&args),
        Verb::Rft(args) => rft::run(&args),
        Verb::Sft(args) => sft::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Replay(args) => replay::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::View(args) => view::run(&args),
        Verb::Label(args) => label::run(&args),
        Verb::Convert(args) => convert::run(&args),
        Verb::Fetch(args) => fetch::run(&args),
        Verb::Contest(args) => source::run(&args),
        Verb::Completions(args) => Ok(shell::completions(&args, Cli::command())),
        Verb::Man(args) => shell::man(&args, Cli::command()),
    };
    code.map(output::code)
}
