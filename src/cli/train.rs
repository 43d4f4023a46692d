//! `rlef train`: learning from execution feedback, or from a data set, with an evaluation before and after.

mod collapse;
mod configuration;
mod ended;
mod folders;
mod frozen;
mod help;
mod load;
mod problems;
mod sets;
mod tasks;
mod values;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::judging::interrupted;
use super::output::{print, say};
use super::source;
use crate::config::{Assignment, commented};
use crate::judge::Judges;
use crate::model::device::Processor;
use crate::train::{self, End};
use ended::ended;
use load::Loaded;
use watch::Watcher;

/// Arguments of `rlef train`.
#[derive(ClapArgs)]
#[command(
    after_help = help::EXAMPLES,
    after_long_help = help::long_help()
)]
pub struct Args {
    /// TOML of the run; every key has a default, an unknown key is refused.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Sets one key of the TOML, over the file: rollout.sampling.max_tokens=512. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
    /// Prints the complete configuration with what each key means, and ends.
    #[arg(long)]
    print_config: bool,
    /// Whose defaults the keys have that nobody sets: starter, llm, paper, or auto, which takes what fits the policy.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Folder of the run; without it a new one under runs/, or with --resume the one there that was worked on last.
    #[arg(long)]
    run: Option<PathBuf>,
    /// Continue the run in the folder where it stopped; with --rounds, to so many rounds in all.
    #[arg(long, conflicts_with_all = ["config", "set", "preset", "print_config", "seed", "policy", "chat_template", "problems", "schema", "objective", "data", "isolation", "python", "device"])]
    resume: bool,
    /// Seed of all random draws, over the file [default: 1].
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds in all, over the file [default: of the starter 30, of other models what the preset says].
    #[arg(long)]
    rounds: Option<usize>,
    /// Overrides the policy to start from: a folder, or a GGUF file.
    #[arg(long)]
    policy: Option<PathBuf>,
    #[command(flatten)]
    template: source::TemplateArgs,
    /// Overrides the problems to train on.
    #[arg(long)]
    problems: Option<String>,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Overrides what is learnt (objective.algorithm); --help lists them.
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,
    /// Overrides the data set to learn from (objective.data), for an objective that learns from one.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Overrides the isolation: process, wasm, or auto (processes where this machine can jail them and has a python3, else
    /// WebAssembly).
    #[arg(long)]
    isolation: Option<Isolation>,
    /// Overrides the interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Overrides what models are computed on.
    #[arg(long)]
    device: Option<Processor>,
}

/// Evaluates, trains, evaluates again, and prints the comparison.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    if args.print_config {
        print(&commented(&configuration::configuration(args)?));
        return Ok(ExitCode::SUCCESS);
    }
    let (loaded, begun) = Loaded::new(args, judges)?;
    let (judge, others) = (loaded.watched(), loaded.watched_tasks());
    let tasks = loaded.tasks(&others)?;
    let session = loaded.session(begun, args, &judge, &tasks)?;
    let folder = session.run.folder().to_owned();
    let mut watcher = Watcher::new(&folder, &loaded);
    let resume = watcher.resume.clone();
    let end = train::run(session, &mut watcher);
    watcher.finish();
    tasks::tell(&judge, &tasks);
    match end? {
        End::Stopped { rounds } => {
            say!("stopped after round {rounds}; continue with: {resume}");
            Ok(interrupted())
        }
        End::Done => {
            say!("{}", ended(&loaded, watcher.solved, &folder));
            Ok(ExitCode::SUCCESS)
        }
    }
}
