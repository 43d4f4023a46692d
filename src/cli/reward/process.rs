//! `rlef reward --kind process`: labelled steps → a process reward model that transformers and TRL load.

use std::process::ExitCode;

use anyhow::Context as _;

use super::Args;
use crate::cli::output::{print, print_json, say};
use crate::cli::progress::Progress;
use crate::cli::{convert, source};
use crate::process_model::{self, Data, ProcessModel, Report};
use crate::reward_model::RewardConfig;
use crate::run::lock::Lock;

/// Learns, measures, tells.
pub(super) fn run(args: &Args, config: &RewardConfig) -> anyhow::Result<ExitCode> {
    let device = args.device.open()?;
    let (policy, tokenizer) = source::policy(&args.policy, args.template.path(), &device)?;
    let model = ProcessModel::new(&policy, config.lora.as_ref(), tokenizer, config.seed)?;
    let read = |name: &str| -> anyhow::Result<Data> {
        let items = convert::preferences(name)?.items;
        let data = Data::of(&items, &model, args.neutral)
            .with_context(|| format!("failed to use {name}"))?;
        if data.too_long + data.unlabelled > 0 {
            say!(
                "of {name} {} answers are left out for they exceed the context, and {} for they have no labelled step",
                data.too_long,
                data.unlabelled
            );
        }
        Ok(data)
    };
    let train = read(&args.data)?;
    let held_out = args.held_out.as_deref().map(read).transpose()?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("failed to write {}", args.out.display()))?;
    let _lock = Lock::take(&args.out)?;
    say!(
        "{} labelled steps of {} answers",
        train.steps(),
        train.answers.len()
    );
    let updates = train.answers.len().div_ceil(config.batch) * config.epochs;
    let mut progress = Progress::new("learning", updates as u64);
    let mut shown = |seen: process_model::Progress| {
        progress.set(seen.update as u64, &format!("loss {:.3}", seen.loss));
    };
    let model = process_model::learn(model.clone(), &train, config, &args.out, &mut shown)?;
    progress.finish();
    let (measured, what) = match &held_out {
        Some(data) => (data, "held-out"),
        None => (&train, "training"),
    };
    let report = Report::of(&model, measured, config.tokens_per_pass);
    say!("on {what} steps:");
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&report.to_string());
    }
    say!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
