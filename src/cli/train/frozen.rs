//! The policy that a run starts from, with what never learns of it held in the numbers that the configuration asks for.

use burn::tensor::Device;

use super::super::source;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::config::TrainConfig;
use crate::model::decoder::{Decoder, Frozen, Held};
use crate::model::lora::Adapter;

/// In what the matrices are held that an adapter leaves as they are; found out before any is read.
pub(super) fn held(config: &TrainConfig) -> anyhow::Result<Held> {
    let frozen = config.resources.frozen;
    if frozen == Frozen::F32 {
        return Ok(Held::F32);
    }
    let Some((adapted, bf16)) = source::stored(&config.policy)? else {
        return Ok(Held::F32);
    };
    if config.lora.is_none() && !adapted {
        anyhow::ensure!(
            frozen == Frozen::Auto,
            "failed to use resources.frozen = \"bf16\": all weights learn, and none is frozen; train an adapter by a [lora] table, or leave the key out"
        );
        return Ok(Held::F32);
    }
    // An adapter that is merged into its checkpoint before another one learns leaves nothing as it was stored.
    let merged = config.lora.is_some() && adapted;
    Ok(frozen.held(bf16 && !merged))
}

/// The policy, with the adapter that is to learn where one is.
pub(super) fn policy(
    config: &TrainConfig,
    held: Held,
    device: &Device,
) -> anyhow::Result<(Decoder, Tokenizer)> {
    let (mut policy, tokenizer) = source::policy_held(
        &config.policy,
        config.chat_template.as_deref(),
        device,
        held,
    )?;
    policy.arithmetic = config.resources.precision;
    if let Some(lora) = &config.lora {
        if policy.adapter.is_some() {
            policy = policy.merged();
            if held == Held::Bf16 {
                policy = policy.with_frozen_bf16();
            }
        }
        policy.adapter = Some(Adapter::new(lora, &policy)?);
    }
    Ok((policy, tokenizer))
}
