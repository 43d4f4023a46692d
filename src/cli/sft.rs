//! `rlef sft`: make a starter policy from demonstrations on the built-in problems.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::output::{self, OutputError, say};
use super::progress::Progress;
use super::settings;
use super::source;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{self, CheckpointError, Precision};
use crate::config::{Assignment, TrainConfig, commented_sft};
use crate::demonstration;
use crate::examples::Example;
use crate::journal::write_atomically;
use crate::model::decoder::Decoder;
use crate::model::device::Processor;
use crate::problem::contest::{self, ContestConfig, ContestItem, Split};
use crate::run::lock::Lock;
use crate::sft::{self, SftConfig, StageConfig};
use crate::verdict::chosen_judge;

/// Arguments of `rlef sft`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example (makes the shipped starter):\n  rlef sft --config starter/skilled.toml --out skilled\n  rlef sft --config starter/careless.toml --from skilled --out starter"
)]
pub struct Args {
    /// Directory to write the policy to.
    #[arg(long, required_unless_present = "print_config")]
    out: Option<PathBuf>,
    /// TOML of the run; every key has a default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Sets one key of the TOML, over the file: stages.0.epochs=1. May be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Assignment>,
    /// Prints the complete configuration with what each key means, and ends.
    #[arg(long)]
    print_config: bool,
    /// Start from this policy and its tokenizer instead of random weights.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Store f32 instead of bf16.
    #[arg(long)]
    full_precision: bool,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = crate::cli::workers())]
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
    let base = toml::Table::try_from(SftConfig::default())?;
    let config: SftConfig = settings::read(base, args.config.as_deref(), &args.set)?;
    if let Some((key, found, expected)) = config.fault() {
        anyhow::bail!("failed to use configuration: {key} is {found}; expected {expected}");
    }
    if args.print_config {
        output::print(&commented_sft(&config));
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.out.as_deref().context("--out names no folder")?;
    output::check_folder(out)?;
    // Made before hours of learning, and held: another process that writes there would mix the two.
    let missing: Vec<&Path> = out
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .take_while(|path| !path.exists())
        .collect();
    std::fs::create_dir_all(out).with_context(|| format!("failed to write {}", out.display()))?;
    let lock = Lock::take(out)?;
    let made = make(args, &config, out);
    lock.remove(out);
    if made.is_err() {
        // Folders that hold nothing are as if they had not been made.
        for path in missing {
            let _ = std::fs::remove_dir(path);
        }
    }
    made
}

fn make(args: &Args, config: &SftConfig, out: &Path) -> anyhow::Result<ExitCode> {
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
        episodes.retain(|episode| episode.longest() <= decoder.config.max_position_embeddings);
        let tokens = episodes.iter().map(Example::longest).sum::<usize>();
        say!(
            "stage {}: {} episodes, {tokens} tokens",
            number + 1,
            episodes.len()
        );
        let updates = (episodes.len().div_ceil(config.batch) * stage.epochs) as u64;
        let mut progress = Progress::new("learning", updates);
        let passed_over = sft::train(&mut decoder, &episodes, config, stage, |seen| {
            progress.set(
                seen.update as u64,
                &format!("loss {:.3}, {} tokens", seen.loss, seen.tokens),
            );
        });
        progress.finish();
        match passed_over? {
            0 => {}
            count => {
                say!("{count} updates were passed over: their gradient was not a finite number");
            }
        }
    }
    let precision = if args.full_precision {
        Precision::F32
    } else {
        Precision::Bf16
    };
    let text = toml::to_string_pretty(config).context("failed to write sft.toml")?;
    let save = |folder: &Path| -> Result<(), CheckpointError> {
        checkpoint::save(folder, &decoder, &tokenizer, precision)?;
        let path = folder.join("sft.toml");
        write_atomically(&path, text.as_bytes())
            .map_err(|source| CheckpointError::Write { path, source })
    };
    match save(out) {
        Err(CheckpointError::Write { path, source }) => {
            // Hours of work: put it where there may be room.
            let other = std::env::temp_dir().join(format!("rlef-sft-{}", std::process::id()));
            let kept = match save(&other) {
                Ok(()) => format!("the policy is in {} instead", other.display()),
                Err(also) => format!("nor could it be saved elsewhere: {also}"),
            };
            return Err(OutputError::Lost {
                path,
                cause: source,
                kept,
            }
            .into());
        }
        saved => saved?,
    }
    say!("wrote {}", out.display());
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
