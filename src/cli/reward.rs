//! `rlef reward`: preferences → a reward model that transformers and TRL load.

mod arguments;
mod process;

use std::process::ExitCode;

use anyhow::Context as _;

use super::output::{self, print, print_json, say};
use super::progress::Progress;
use super::{convert, source};
use crate::reward_model::{self, Data, Keep, Report};
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
    let (pairs, prompts) = (train.pairs(), train.prompts.len());
    say!("{pairs} pairs of {prompts} prompts");
    let updates = prompts.div_ceil(config.batch) * config.epochs;
    let mut progress = Progress::new("learning", updates as u64);
    let mut shown = |seen: reward_model::Progress| {
        progress.set(seen.update as u64, &format!("loss {:.3}", seen.loss));
    };
    let model = reward_model::learn(
        &policy,
        tokenizer.clone(),
        &train,
        &config,
        keep,
        &mut shown,
    )?;
    progress.finish();
    let (measured, what) = match &held_out {
        Some(data) => (data, "held-out"),
        None => (&train, "training"),
    };
    let report = Report::of(&model, &measured.prompts, config.tokens_per_pass);
    say!("on {what} preferences:");
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&report.to_string());
    }
    say!("wrote {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}
