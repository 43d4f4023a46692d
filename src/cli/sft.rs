//! `rlef sft`: make a policy from demonstrations on the built-in problems, or from any data set of texts.

mod arguments;
mod shown;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::output::{self, OutputError, say};
use super::progress::Progress;
use super::settings;
use super::source;
use crate::checkpoint::{self, CheckpointError, Precision};
use crate::config::commented_sft;
use crate::journal::write_atomically;
use crate::run::lock::Lock;
use crate::sft::{self, SftConfig};
use crate::verdict::chosen_judge;
pub use arguments::Args;
use shown::show;

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
    let out = args
        .out
        .as_deref()
        .context("write the policy: name a folder by --out")?;
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
    let template = args.template.path();
    anyhow::ensure!(
        template.is_none() || from.is_some(),
        "failed to use --chat-template: a policy that is made here marks who speaks by tokens of its own; leave it out, or name --from"
    );
    let from = from.map(|path| source::policy(path, template, &device));
    let from = from.transpose()?;
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
