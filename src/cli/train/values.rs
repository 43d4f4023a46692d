//! The reward model that a run's value network starts from: one of answers, or of steps.

use anyhow::Context as _;
use burn::tensor::Device;

use crate::config::TrainConfig;
use crate::eval::stamp::PolicyStamp;
use crate::process_model::ProcessModel;
use crate::reward_model::RewardModel;
use crate::train::Learner;

/// The hash of its files, where the configuration names one.
pub(super) fn stamp(config: &TrainConfig) -> anyhow::Result<Option<String>> {
    let Some(folder) = &config.objective.value_from else {
        return Ok(None);
    };
    let name = folder.to_string_lossy();
    let stamp = PolicyStamp::of(&name, Some(folder), config.resources.device);
    let stamp = stamp.with_context(|| format!("failed to read {name}"))?;
    Ok(stamp.hash)
}

/// Has the value network start from it, where the configuration names one.
pub(super) fn start(
    learner: &mut Learner,
    config: &TrainConfig,
    device: &Device,
) -> anyhow::Result<()> {
    let Some(folder) = &config.objective.value_from else {
        return Ok(());
    };
    let named = || format!("failed to use objective.value_from = {}", folder.display());
    let (body, tokenizer) = if let Ok(model) = ProcessModel::load(folder, device) {
        (model.decoder, model.tokenizer)
    } else {
        // What is neither is told as what it mostly should be.
        let model = RewardModel::load(folder, device).with_context(named)?;
        (model.decoder, model.tokenizer)
    };
    learner
        .start_values(&body, &tokenizer)
        .map_err(|reason| anyhow::anyhow!("{}: {reason}", named()))
}
