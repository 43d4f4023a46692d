//! A policy and preferences → a reward model in a folder: learnt, kept on the way, normalised, saved.

use sha2::{Digest as _, Sha256};

use super::RewardModel;
use super::data::Data;
use super::lesson::{Keep, LearnError, Progress, taught};
use super::state::discard;
use super::train::RewardConfig;
use crate::checkpoint::Precision;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::model::decoder::Decoder;

/// Names what is learnt from, as `said`, and by which policy.
pub(crate) fn inputs(said: &str, policy: &str) -> String {
    let digest = Sha256::digest(said);
    let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("{policy} {}", hash.collect::<Vec<_>>().concat())
}

/// Learns, normalises on all answers of the training set, and saves. `on_update` is told where it begins, and of every update.
pub fn learn(
    policy: &Decoder,
    tokenizer: Tokenizer,
    train: &Data,
    config: &RewardConfig,
    keep: Keep<'_>,
    on_update: &mut dyn FnMut(Progress),
) -> Result<RewardModel, LearnError> {
    let inputs = inputs(&format!("{:?}", train.prompts), keep.policy);
    let mut model = match &config.lora {
        None => RewardModel::new(policy, tokenizer, config.seed),
        Some(lora) => RewardModel::adapted(policy, lora, tokenizer, config.seed)?,
    };
    let (start, device) = (model.decoder.clone(), policy.device());
    model.decoder = taught(start, train, config, (keep, &inputs), &device, on_update)?;
    let texts = train.prompts.iter().flat_map(|one| one.texts.clone());
    let texts: Vec<Vec<u32>> = texts.collect();
    model.normalise(&texts, config.tokens_per_pass);
    model.save(keep.folder, Precision::F32)?;
    discard(keep.folder, None);
    Ok(model)
}
