//! `rlef train`: learning from execution feedback, or from a data set, with an evaluation before and after.

mod collapse;
mod configuration;
mod folders;
mod load;
mod problems;
mod sets;
mod values;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::judging::interrupted;
use super::output::{print, say};
use super::source;
use crate::config::{Assignment, commented};
use crate::judge::Judges;
use crate::logger::Logger;
use crate::model::device::Processor;
use crate::objective;
use crate::train::{self, End};
use load::Loaded;
use watch::Watcher;

/// Arguments of `rlef train`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  rlef train\n  rlef train --config run.toml --run runs/second --seed 2\n  rlef train --objective grpo\n  rlef train --policy Qwen2.5-Coder-0.5B-Instruct --problems own.jsonl --set rollout.group=8\n  rlef train --policy Qwen2.5-Coder-0.5B-Instruct --print-config > run.toml\n  rlef train --resume --run runs/second\n  rlef train --resume --run runs/second --rounds 60",
    after_long_help = long_help()
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
    #[arg(long, conflicts_with_all = ["config", "set", "preset", "print_config", "seed", "policy", "problems", "schema", "objective", "data", "isolation", "python", "device"])]
    resume: bool,
    /// Overrides the seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Overrides the number of rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// Overrides the policy to start from.
    #[arg(long)]
    policy: Option<PathBuf>,
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

fn long_help() -> String {
    let lines = objective::names().into_iter();
    let lines: Vec<String> = lines
        .map(|(name, about)| format!("  {name:<12}  {about}"))
        .collect();
    format!(
        "Objectives (objective.algorithm):\n{}\n\nExamples:\n  rlef train\n  rlef train --config run.toml --run runs/second --seed 2\n  rlef train --objective grpo\n  rlef train --policy Qwen2.5-Coder-0.5B-Instruct --problems own.jsonl --set rollout.group=8\n  rlef train --policy Qwen2.5-Coder-0.5B-Instruct --print-config > run.toml\n  rlef train --resume --run runs/second\n  rlef train --resume --run runs/second --rounds 60",
        lines.join("\n")
    )
}

/// What a run has changed, and where to look, in one line.
fn ended(loaded: &Loaded, solved: Option<(Option<f64>, f64)>, folder: &Path) -> String {
    let config = &loaded.config;
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let changed = match solved {
        Some((Some(before), after)) => format!(
            "{} -> {} of {} solved; ",
            percent(before),
            percent(after),
            config.evaluation.problems
        ),
        Some((None, after)) => format!(
            "{} of {} solved; ",
            percent(after),
            config.evaluation.problems
        ),
        None => String::new(),
    };
    let curves = match config.loggers.first() {
        Some(Logger::Tensorboard) => "tensorboard/",
        Some(Logger::Csv) => "metrics.csv",
        None => "metrics.jsonl",
    };
    format!(
        "{changed}the trained policy is in {}/checkpoints/{:06}, curves in {curves}, episodes in journal.jsonl",
        folder.display(),
        config.rounds
    )
}

/// Evaluates, trains, evaluates again, and prints the comparison.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    if args.print_config {
        print(&commented(&configuration::configuration(args)?));
        return Ok(ExitCode::SUCCESS);
    }
    let (loaded, begun) = Loaded::new(args, judges)?;
    let judge = loaded.watched();
    let session = loaded.session(begun, args, &judge)?;
    let folder = session.run.folder().to_owned();
    let mut watcher = Watcher::new(&folder, &loaded);
    let resume = watcher.resume.clone();
    let end = train::run(session, &mut watcher);
    watcher.finish();
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
