//! `rlef sft`: make a starter policy from demonstrations on the built-in problems.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::progress::Progress;
use super::source;
use crate::config::TrainConfig;
use crate::demonstration;
use crate::policy::checkpoint::{self, Precision};
use crate::policy::device::Processor;
use crate::policy::model::Decoder;
use crate::policy::tokenizer::Tokenizer;
use crate::problem::contest::{self, ContestConfig, ContestItem, Split};
use crate::sft::{self, SftConfig, StageConfig};
use crate::verdict::chosen_judge;

/// Arguments of `rlef sft`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example (makes the shipped starter):\n  rlef sft --config starter/skilled.toml --out skilled\n  rlef sft --config starter/careless.toml --from skilled --out starter"
)]
pub struct Args {
    /// Directory to write the policy to.
    #[arg(long)]
    out: PathBuf,
    /// TOML of the run; every key has a default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Start from this policy and its tokenizer instead of random weights.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Store f32 instead of bf16.
    #[arg(long)]
    full_precision: bool,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// What the model is computed on.
    #[arg(long, value_enum, default_value_t)]
    device: Processor,
}

/// Demonstrates, learns, saves.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config: SftConfig = if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?
    } else {
        SftConfig::default()
    };
    for (number, stage) in config.stages.iter().enumerate() {
        anyhow::ensure!(
            stage.problems > 0 && stage.sets > 0 && stage.longest > 0 && stage.epochs > 0,
            "failed to use configuration: stage {} has a 0 among problems, sets, longest and epochs; each is at least 1",
            number + 1
        );
    }
    let device = args.device.open()?;
    let judge = chosen_judge(args.isolation, args.python.as_deref(), args.workers)?;
    let (mut decoder, tokenizer) = if let Some(path) = &args.from {
        source::policy(path, &device)?
    } else {
        let largest = config.stages.iter().max_by_key(|stage| stage.problems);
        let items = largest.map_or_else(Vec::new, |stage| items(stage, 0));
        let tokenizer = Tokenizer::train(&demonstration::texts(&items), config.vocab_size)?;
        let shape = config.model.config(tokenizer.vocab_size());
        let decoder = Decoder::random(&shape, config.seed, &device);
        (decoder, tokenizer)
    };
    let rollout = TrainConfig::default().rollout;
    for (number, stage) in config.stages.iter().enumerate() {
        let seed = config.seed.wrapping_mul(1000).wrapping_add(number as u64);
        let mut demonstrating = Progress::new("demonstrating", stage.sets as u64);
        let mut episodes = Vec::new();
        for set in 0..stage.sets {
            episodes.extend(demonstration::demonstrate(
                &items(stage, set),
                &stage.author,
                &tokenizer,
                &judge,
                &rollout,
                seed.wrapping_add((set as u64) << 32),
            )?);
            demonstrating.set(set as u64 + 1, &format!("{} episodes", episodes.len()));
        }
        demonstrating.finish();
        episodes.retain(|episode| episode.tokens.len() <= decoder.config.max_position_embeddings);
        let tokens = episodes
            .iter()
            .map(|episode| episode.tokens.len())
            .sum::<usize>();
        eprintln!(
            "stage {}: {} episodes, {tokens} tokens",
            number + 1,
            episodes.len()
        );
        let updates = (episodes.len().div_ceil(config.batch) * stage.epochs) as u64;
        let mut progress = Progress::new("learning", updates);
        sft::train(&mut decoder, &episodes, &config, stage, |seen| {
            progress.set(
                seen.update as u64,
                &format!("loss {:.3}, {} tokens", seen.loss, seen.tokens),
            );
        });
        progress.finish();
    }
    let precision = if args.full_precision {
        Precision::F32
    } else {
        Precision::Bf16
    };
    checkpoint::save(&args.out, &decoder, &tokenizer, precision)?;
    let text = toml::to_string_pretty(&config).context("failed to write sft.toml")?;
    std::fs::write(args.out.join("sft.toml"), text).context("failed to write sft.toml")?;
    eprintln!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The train problems of one of a lesson's sets.
fn items(stage: &StageConfig, set: usize) -> Vec<ContestItem> {
    let config = ContestConfig {
        seed: set as u64,
        train: stage.problems,
        longest: stage.longest,
        ..ContestConfig::default()
    };
    contest::items(Split::Train, &config)
}
