//! Arguments of `rlef train`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::super::source;
use super::help;
use crate::config::Assignment;
use crate::model::device::Processor;

/// Arguments of `rlef train`.
#[derive(ClapArgs)]
#[command(
    after_help = help::EXAMPLES,
    after_long_help = help::long_help()
)]
pub struct Args {
    /// TOML of the run; every key has a default, an unknown key is refused.
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// Sets one key of the TOML, over the file: rollout.sampling.max_tokens=512. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<Assignment>,
    /// Prints the complete configuration with what each key means, and ends.
    #[arg(long)]
    pub(super) print_config: bool,
    /// Says what the run would do (policy, problems, sizes, memory, the first prompt) and ends: no folder is made, and neither
    /// a model nor a server is asked.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Whose defaults the keys have that nobody sets: starter, llm, paper, or auto, which takes what fits the policy.
    #[arg(long, value_name = "NAME")]
    pub(super) preset: Option<String>,
    /// Folder of the run; without it a new one under runs/, or with --resume the one there that was worked on last.
    #[arg(long)]
    pub(super) run: Option<PathBuf>,
    /// Continue the run in the folder where it stopped; with --rounds, to so many rounds in all.
    #[arg(long, conflicts_with_all = ["config", "set", "preset", "print_config", "dry_run", "seed", "policy", "chat_template", "problems", "schema", "objective", "data", "isolation", "python", "device"])]
    pub(super) resume: bool,
    /// Seed of all random draws, over the file [default: 1].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Rounds in all, over the file [default: of the starter 30, of other models what the preset says].
    #[arg(long)]
    pub(super) rounds: Option<usize>,
    /// Overrides the policy to start from: a folder, or a GGUF file.
    #[arg(long)]
    pub(super) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(super) template: source::TemplateArgs,
    /// Overrides the problems to train on.
    #[arg(long)]
    pub(super) problems: Option<String>,
    #[command(flatten)]
    pub(super) schema: source::SchemaArgs,
    /// Overrides what is learnt (objective.algorithm); --help lists them.
    #[arg(long, value_name = "NAME")]
    pub(super) objective: Option<String>,
    /// Overrides the data set to learn from (objective.data), for an objective that learns from one.
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Overrides the isolation: process, wasm, or auto (processes where this machine can jail them and has a python3, else
    /// WebAssembly).
    #[arg(long)]
    pub(super) isolation: Option<Isolation>,
    /// Overrides the interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment.
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// Overrides what models are computed on.
    #[arg(long)]
    pub(super) device: Option<Processor>,
}
