//! Writes a random checkpoint of a real model's shape, to see what machine such a model needs where its weights can't be
//! had: Qwen2.5-0.5B's by default, in bf16, with a small tokenizer trained on the built-in problems (the table keeps its
//! 151,936 rows). `rlef train --policy DIRECTORY` takes it.

use std::path::PathBuf;

use burn::tensor::Device;
use clap::Parser;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::checkpoint::{self, Precision};
use rlef::demonstration;
use rlef::model::decoder::Decoder;
use rlef::problem::contest::{self, ContestConfig, Split};
use rlef::sft::ShapeConfig;

/// A random checkpoint.
#[derive(Parser)]
struct Args {
    /// Folder to write.
    directory: PathBuf,
    /// Blocks.
    #[arg(long, default_value_t = 24)]
    layers: usize,
    /// Width of the residual stream.
    #[arg(long, default_value_t = 896)]
    hidden: usize,
    /// Inner width of the SwiGLU.
    #[arg(long, default_value_t = 4864)]
    intermediate: usize,
    /// Query heads.
    #[arg(long, default_value_t = 14)]
    heads: usize,
    /// Key and value heads.
    #[arg(long, default_value_t = 2)]
    key_value_heads: usize,
    /// Rows of the embedding table, which is the head too.
    #[arg(long, default_value_t = 151_936)]
    vocabulary: usize,
    /// Longest sequence.
    #[arg(long, default_value_t = 32_768)]
    context: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let items = contest::items(
        Split::Train,
        &ContestConfig {
            train: 400,
            ..ContestConfig::default()
        },
    );
    let tokenizer = Tokenizer::train(&demonstration::texts(&items), 512)?;
    let shape = ShapeConfig {
        hidden: args.hidden,
        intermediate: args.intermediate,
        layers: args.layers,
        heads: args.heads,
        key_value_heads: args.key_value_heads,
        context: args.context,
    };
    let decoder = Decoder::random(&shape.config(args.vocabulary), 1, &Device::flex());
    checkpoint::save(&args.directory, &decoder, &tokenizer, Precision::Bf16)?;
    let count: usize = decoder
        .weights
        .tensors
        .iter()
        .map(|tensor| tensor.dims().iter().product::<usize>())
        .sum();
    println!("{}: {count} parameters", args.directory.display());
    rlef_benchmarks::peak("random_checkpoint");
    Ok(())
}
