//! `rlef sft`: make a policy from demonstrations on the built-in problems, or from any data set of texts.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::output::{self, OutputError, say};
use super::progress::Progress;
use super::settings;
use super::source;
use crate::checkpoint::{self, CheckpointError, Precision};
use crate::config::{Assignment, commented_sft};
use crate::journal::write_atomically;
use crate::model::device::Processor;
use crate::run::lock::Lock;
use crate::sft::{self, SftConfig, SftEvent};
use crate::verdict::chosen_judge;

/// Arguments of `rlef sft`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples (the first two make the shipped starter):\n  rlef sft --config starter/skilled.toml --out skilled\n  rlef sft --config starter/careless.toml --from skilled --out starter\n  rlef sft --data texts.jsonl --from starter --set stages.0.learning_rate=3e-4 --out tuned"
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
    /// Learns this data set in one lesson, in the place of all demonstrations: JSON lines or Parquet, a row
    /// {"prompt": .., "completion": ..}, {"messages": [..]} or {"text": ..}. Its epochs and rate are those of the first lesson.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
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

/// Demonstrates or reads, learns, saves.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let base = toml::Table::try_from(SftConfig::default())?;
    let mut config: SftConfig = settings::read(base, args.config.as_deref(), &args.set)?;
    if let Some(data) = &args.data {
        config = config.on_data(data);
    }
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
    let judge = config
        .demonstrates()
        .then(|| chosen_judge(args.isolation, args.python.as_deref(), args.workers));
    let judge = judge.transpose()?;
    let from = args.from.as_deref();
    let from = from.map(|path| source::policy(path, &device)).transpose()?;
    let judge = judge.as_ref().map(|judge| judge as _);
    let mut progress: Option<Progress> = None;
    let made = sft::make(config, from, judge, &device, &mut |event| {
        show(event, &mut progress);
    });
    let (decoder, tokenizer) = made?;
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

/// Shows how far it is.
fn show(event: SftEvent<'_>, progress: &mut Option<Progress>) {
    match event {
        SftEvent::Demonstrated { sets, of, episodes } => {
            let shown = progress.get_or_insert_with(|| Progress::new("demonstrating", of as u64));
            shown.set(sets as u64, &format!("{episodes} episodes"));
        }
        SftEvent::Stage {
            number,
            episodes,
            too_long,
            tokens,
            updates,
            config,
        } => {
            if let Some(shown) = progress.take() {
                shown.finish();
            }
            let of = match &config.data {
                Some(path) => format!(" of {}", path.display()),
                None => String::new(),
            };
            say!("stage {number}: {episodes} episodes{of}, {tokens} tokens");
            if too_long > 0 {
                say!("{too_long} more are left out, for they exceed the context");
            }
            *progress = Some(Progress::new("learning", updates as u64));
        }
        SftEvent::Update(seen) => {
            if let Some(shown) = progress {
                let words = format!("loss {:.3}, {} tokens", seen.loss, seen.tokens);
                shown.set(seen.update as u64, &words);
            }
        }
        SftEvent::Ended { passed_over } => {
            if let Some(shown) = progress.take() {
                shown.finish();
            }
            if passed_over > 0 {
                say!(
                    "{passed_over} updates were passed over: their gradient was not a finite number"
                );
            }
        }
    }
}
