//! `rlef import`: a model in llama.cpp's one file → a folder in Hugging Face's layout.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args as ClapArgs, ValueEnum};

use super::output::{self, say};
use crate::checkpoint::{self, CheckpointError, Precision, folder, gguf};

/// Arguments of `rlef import`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    rlef import SmolLM2-135M-Instruct.Q4_1.gguf --out smollm2\n  \
    rlef eval --policy SmolLM2-135M-Instruct.Q4_1.gguf \\\n      \
    --problems HumanEval.jsonl.gz")]
pub struct Args {
    /// The file: Llama, Mistral, Qwen2 or Qwen3 in GGUF. Verbs that take a policy take it as it is, too.
    file: PathBuf,
    /// Folder to write; it must not exist.
    #[arg(long)]
    out: PathBuf,
    /// How the numbers are stored.
    #[arg(long, value_enum, default_value_t = Dtype::Auto)]
    dtype: Dtype,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    /// F16 and BF16 as they are, everything else as f32, which holds what its bits mean.
    Auto,
    F32,
    Bf16,
    F16,
}

/// Reads, dequantises, writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.out.exists(),
        "failed to import: {} exists already; name another folder",
        args.out.display()
    );
    anyhow::ensure!(
        !args.file.is_dir(),
        "failed to import: {} is a folder; a checkpoint in Hugging Face's layout needs no import, name a file in GGUF",
        args.file.display()
    );
    output::check_folder(&args.out)?;
    let precision = match args.dtype {
        Dtype::Auto => None,
        Dtype::F32 => Some(Precision::F32),
        Dtype::Bf16 => Some(Precision::Bf16),
        Dtype::F16 => Some(Precision::F16),
    };
    let imported = folder::whole(&args.out, |partial| {
        gguf::import(&args.file, partial, precision)
    })
    .with_context(|| format!("failed to import {}", args.file.display()))?;
    say!(
        "wrote {}: {:?}, {:.1} million parameters, tensors {}",
        args.out.display(),
        imported.family,
        imported.parameters() as f64 / 1e6,
        imported.kinds
    );
    // What can be said now is better not said by the next command.
    match checkpoint::describe(&args.out) {
        Err(CheckpointError::Tokenizer(error)) => {
            say!("to be asked, it needs a chat template, by --chat-template: {error}");
        }
        described => drop(described?),
    }
    Ok(ExitCode::SUCCESS)
}
