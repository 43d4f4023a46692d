//! `rlef reward`: preferences → a reward model that transformers and TRL load.

mod arguments;
mod process;

use std::fmt::Display;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::output::{self, print, print_json, say};
use super::progress::Progress;
use super::{convert, source};
use crate::reward_model::{self, Data, Keep, Report, RewardConfig};
use crate::run::lock::Lock;
pub use arguments::Args;
use arguments::Kind;

/// Learns, measures, tells.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.configuration()?;
    output::check_folder(&args.out)?;
    if args.kind == Kind::Process {
        return process::run(args, &config);
    }
    let device = args.device.open()?;
    let (policy, tokenizer) = source::policy(&args.policy, args.template.path(), &device)?;
    let context = policy.config.max_position_embeddings;
    let read = |name: &str| -> anyhow::Result<Data> {
        let data = Data::of(&convert::preferences(name)?.items, &tokenizer, context)
            .with_context(|| format!("failed to use {name}"))?;
        if data.too_long + data.equal > 0 {
            say!(
                "of {name} {} are left out for they exceed the context of {context} tokens, and {} for their answers are equal",
                data.too_long,
                data.equal
            );
        }
        Ok(data)
    };
    let train = read(&args.data)?;
    let held_out = args.held_out.as_deref().map(read).transpose()?;
    let (pairs, prompts) = (train.pairs(), train.prompts.len());
    say!("{pairs} pairs of {prompts} prompts");
    let model = begun(args, &config, prompts, |keep, shown| {
        let tokenizer = tokenizer.clone();
        Ok(reward_model::learn(
            &policy, tokenizer, &train, &config, keep, shown,
        )?)
    })?;
    let measured = held_out.as_ref().unwrap_or(&train);
    let report = Report::of(&model, &measured.prompts, config.tokens_per_pass);
    told(args, "preferences", &report)
}

/// Takes the folder, and has a model of either kind learnt there from so many items, behind a bar.
fn begun<M>(
    args: &Args,
    config: &RewardConfig,
    items: usize,
    learn: impl FnOnce(Keep<'_>, &mut dyn FnMut(reward_model::Progress)) -> anyhow::Result<M>,
) -> anyhow::Result<M> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("failed to write {}", args.out.display()))?;
    let _lock = Lock::take(&args.out)?;
    let name = args.policy.to_string_lossy();
    let stamp = source::stamp(&name, args.template.path(), args.device)?;
    let keep = Keep {
        folder: &args.out,
        every: args.keep_every,
        resume: args.resume,
        policy: &stamp.hash.unwrap_or_default(),
    };
    let updates = items.div_ceil(config.batch) * config.epochs;
    let mut progress = Progress::new("learning", "update", updates as u64);
    let learnt = learn(keep, &mut |seen| {
        progress.set(seen.update as u64, &format!("loss {:.3}", seen.loss));
    });
    progress.finish();
    learnt
}

/// Tells what the model is like, and where it is.
fn told(args: &Args, of: &str, report: &(impl Display + Serialize)) -> anyhow::Result<ExitCode> {
    let what = match args.held_out {
        Some(_) => "held-out",
        None => "training",
    };
    say!("on {what} {of}:");
    if args.json {
        print_json(&serde_json::to_string(report)?);
    } else {
        print(&report.to_string());
    }
    say!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
