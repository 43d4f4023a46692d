//! `rlef reward --kind process`: labelled steps → a process reward model that transformers and TRL load.

use std::process::ExitCode;

use anyhow::Context as _;

use super::{Args, begun, told};
use crate::cli::output::say;
use crate::cli::{convert, source};
use crate::process_model::{self, Data, ProcessModel, Report};
use crate::reward_model::RewardConfig;

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
    let (steps, answers) = (train.steps(), train.answers.len());
    say!("{steps} labelled steps of {answers} answers");
    let model = begun(args, config, answers, |keep, shown| {
        Ok(process_model::learn(
            model.clone(),
            &train,
            config,
            keep,
            shown,
        )?)
    })?;
    let measured = held_out.as_ref().unwrap_or(&train);
    let report = Report::of(&model, measured, config.tokens_per_pass);
    told(args, "steps", &report)
}
