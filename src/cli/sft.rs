//! `rlef sft`: make a starter policy from demonstrations on the built-in problems.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;

use super::progress::Progress;
use super::source;
use crate::config::TrainConfig;
use crate::demonstration;
use crate::policy::checkpoint::{self, Precision};
use crate::policy::model::Decoder;
use crate::policy::tokenizer::Tokenizer;
use crate::problem::contest::{self, ContestConfig, Split};
use crate::sft::{self, SftConfig};
use crate::verdict::host_judge;

/// Arguments of `rlef sft`.
#[derive(ClapArgs)]
#[command(after_help = "Example (makes the shipped starter):\n  rlef sft --out starter")]
pub struct Args {
    /// Directory to write the policy to.
    #[arg(long)]
    out: PathBuf,
    /// TOML of the run; every key has a default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Store f32 instead of bf16.
    #[arg(long)]
    full_precision: bool,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
}

/// Demonstrates, learns, saves.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config: SftConfig = match &args.config {
        None => SftConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
            toml::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?
        }
    };
    let judge = host_judge(args.workers)?;
    let contest = ContestConfig { train: config.problems, ..ContestConfig::default() };
    let items = contest::items(Split::Train, &contest);
    let tokenizer = Tokenizer::train(&demonstration::texts(&items), config.vocab_size)?;
    let rollout = TrainConfig::default().rollout;
    let mut episodes = Vec::new();
    let mut progress = Progress::new("demonstrating", config.episodes_per_problem as u64);
    for pass in 0..config.episodes_per_problem {
        let seed = config.seed.wrapping_mul(1000).wrapping_add(pass as u64);
        episodes.extend(demonstration::demonstrate(&items, &config.author, &tokenizer, &judge, &rollout, seed)?);
        progress.set(pass as u64 + 1, &format!("{} episodes", episodes.len()));
    }
    progress.finish();
    let longest = episodes.iter().map(|episode| episode.tokens.len()).max().unwrap_or(0);
    let mean = episodes.iter().map(|episode| episode.tokens.len()).sum::<usize>() / episodes.len().max(1);
    eprintln!("{} episodes of {mean} tokens, the longest {longest}", episodes.len());
    episodes.retain(|episode| episode.tokens.len() <= config.model.context);
    let shape = config.model.config(tokenizer.vocab_size());
    let mut decoder = Decoder::random(&shape, config.seed, &source::device());
    let updates = (episodes.len().div_ceil(config.batch) * config.epochs) as u64;
    let mut progress = Progress::new("learning", updates);
    sft::train(&mut decoder, &episodes, tokenizer.pad, &config, |seen| {
        progress.set(seen.update as u64, &format!("loss {:.3}, {} tokens", seen.loss, seen.tokens));
    });
    progress.finish();
    let precision = if args.full_precision { Precision::F32 } else { Precision::Bf16 };
    checkpoint::save(&args.out, &decoder, &tokenizer, precision)?;
    let text = toml::to_string_pretty(&config).context("failed to write sft.toml")?;
    std::fs::write(args.out.join("sft.toml"), text).context("failed to write sft.toml")?;
    eprintln!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
