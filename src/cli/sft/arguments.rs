//! What `rlef sft` is told.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use crate::cli::source::TemplateArgs;
use crate::config::Assignment;
use crate::model::device::Processor;

/// Arguments of `rlef sft`.
#[derive(ClapArgs)]
#[command(after_help = "Examples (the first two make the shipped starter):\n  \
    rlef sft --config starter/skilled.toml --out skilled\n  \
    rlef sft --config starter/careless.toml --from skilled --out starter\n  \
    rlef sft --data texts.jsonl --from starter \\\n      \
    --set stages.0.learning_rate=3e-4 --out tuned")]
pub struct Args {
    /// Directory to write the policy to.
    #[arg(long, required_unless_present = "print_config")]
    pub(super) out: Option<PathBuf>,
    /// TOML of the run; every key has a default.
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// Sets one key of the TOML, over the file: stages.0.epochs=1. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<Assignment>,
    /// Learns this data set in one lesson, in the place of all demonstrations: JSON lines or Parquet, a row
    /// {"prompt": .., "completion": ..}, {"messages": [..]} or {"text": ..}. Its epochs and rate are those of the first lesson.
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Prints the complete configuration with what each key means, and ends.
    #[arg(long)]
    pub(super) print_config: bool,
    /// Start from this policy, a folder or a GGUF file, and its tokenizer instead of random weights.
    #[arg(long)]
    pub(super) from: Option<PathBuf>,
    #[command(flatten)]
    pub(super) template: TemplateArgs,
    /// Store f32 instead of bf16.
    #[arg(long)]
    pub(super) full_precision: bool,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = crate::cli::workers())]
    pub(super) workers: usize,
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    pub(super) isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    pub(super) python: Option<PathBuf>,
    /// What the model is computed on.
    #[arg(long, value_enum, default_value_t)]
    pub(super) device: Processor,
}
