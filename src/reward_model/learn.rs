//! A policy and preferences → a reward model in a folder: learnt, kept on the way, normalised, saved.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::RewardModel;
use super::data::Data;
use super::state::{StateError, discard};
use super::train::{Progress, RewardConfig, Trainer, TrainingError};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{CheckpointError, Precision};
use crate::model::decoder::Decoder;
use crate::model::lora::LoraError;

/// Where a training is kept.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// The folder that the model is written to.
    pub folder: &'a Path,
    /// Updates after which it is kept there.
    pub every: usize,
    /// Whether to go on with what was kept.
    pub resume: bool,
    /// Names the policy.
    pub policy: &'a str,
}

/// Why there is no reward model.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// What is adapted makes no sense.
    #[error("{0}")]
    Lora(#[from] LoraError),
    /// What was kept can't be gone on with, or nothing can be kept.
    #[error("{0}")]
    State(#[from] StateError),
    /// Nothing more is learnt.
    #[error("{0}")]
    Training(#[from] TrainingError),
    /// The model can't be written.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Names what is learnt from and by which policy.
fn inputs(train: &Data, policy: &str) -> String {
    let digest = Sha256::digest(format!("{:?}", train.prompts));
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
    let inputs = inputs(train, keep.policy);
    let model = match &config.lora {
        None => RewardModel::new(policy, tokenizer, config.seed),
        Some(lora) => RewardModel::adapted(policy, lora, tokenizer, config.seed)?,
    };
    let mut trainer = Trainer::new(model, config, &train.prompts);
    if keep.resume {
        trainer.restore(keep.folder, &inputs, &policy.device())?;
    }
    while trainer.done < trainer.updates() {
        let seen = trainer.update()?;
        on_update(seen);
        if seen.update.is_multiple_of(keep.every) || seen.update == seen.updates {
            trainer.keep(keep.folder, &inputs)?;
        }
    }
    let mut model = trainer.model;
    // What is measured and written is one decoder.
    model.decoder = model.decoder.merged_with_head();
    let texts = train.prompts.iter().flat_map(|one| one.texts.clone());
    let texts: Vec<Vec<u32>> = texts.collect();
    model.normalise(&texts, config.tokens_per_pass);
    model.save(keep.folder, Precision::F32)?;
    discard(keep.folder, None);
    Ok(model)
}
