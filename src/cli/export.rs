//! `rlef export`: a checkpoint and perhaps an adapter → one checkpoint that transformers, vLLM and SGLang load.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use burn::tensor::Device;
use clap::{Args as ClapArgs, ValueEnum};

use super::output::{self, say};
use super::source;
use crate::checkpoint::adapter_file;
use crate::checkpoint::template_file::TemplateFile;
use crate::checkpoint::{self, Precision, folder};

/// Arguments of `rlef export`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    rlef export --policy runs/train-001/checkpoints/000045 --out trained\n  \
    rlef export --policy Qwen2.5-Coder-0.5B-Instruct --adapter adapter \\\n      \
    --out merged --dtype bf16")]
pub struct Args {
    /// Folder of the checkpoint to read: Llama, Mistral, Qwen2, Qwen3 or Gemma 3 (text) in Hugging Face's layout; or a GGUF file.
    #[arg(long)]
    policy: PathBuf,
    #[command(flatten)]
    template: source::TemplateArgs,
    /// Folder of a LoRA adapter in PEFT's layout, merged into the weights.
    #[arg(long)]
    adapter: Option<PathBuf>,
    /// Folder to write; it must not exist.
    #[arg(long)]
    out: PathBuf,
    /// How the numbers are stored.
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    F32,
    Bf16,
    F16,
}

/// Reads, merges, writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !args.out.exists(),
        "failed to export: {} exists already; name another folder",
        args.out.display()
    );
    output::check_folder(&args.out)?;
    let device = Device::flex();
    let (mut decoder, tokenizer) = {
        let own = args.adapter.as_deref().and_then(TemplateFile::beside);
        let template = args.template.path().or(own.as_deref());
        source::policy(&args.policy, template, &device)?
    };
    if let Some(folder) = &args.adapter {
        let adapter = adapter_file::load(folder, &decoder, &device)
            .with_context(|| format!("failed to load the adapter {}", folder.display()))?;
        decoder.adapter = Some(adapter);
    }
    let precision = match args.dtype {
        Dtype::F32 => Precision::F32,
        Dtype::Bf16 => Precision::Bf16,
        Dtype::F16 => Precision::F16,
    };
    folder::whole(&args.out, |partial| {
        checkpoint::save(partial, &decoder, &tokenizer, precision)
    })?;
    say!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
