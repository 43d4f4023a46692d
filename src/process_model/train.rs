//! Labelled steps → a process reward model in a folder: batches of answers, one update each. Every draw is named by the seed and the
//! epoch alone.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::data::{Data, Labelled};
use super::loss::{Target, cross_entropy};
use super::{ProcessModel, Read, batch};
use crate::checkpoint::{CheckpointError, Precision};
pub use crate::reward_model::Progress;
use crate::reward_model::{RewardConfig, TrainingError, passes};
use crate::update::{MOST_PASSED_OVER, Optimizer, Step};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// Nothing more is learnt.
    #[error("{0}")]
    Training(#[from] TrainingError),
    /// The model can't be written.
    #[error("{0}")]
    Checkpoint(#[from] CheckpointError),
}

/// Learns and saves. `on_update` is told of every update.
pub fn learn(
    mut model: ProcessModel,
    data: &Data,
    config: &RewardConfig,
    folder: &Path,
    on_update: &mut dyn FnMut(Progress),
) -> Result<ProcessModel, LearnError> {
    let mut optimizer = Optimizer::new(config.optimizer, model.decoder.trained().tensors.len());
    let per_epoch = data.answers.len().div_ceil(config.batch);
    let updates = per_epoch * config.epochs;
    for update in 0..updates {
        let (epoch, index) = (update / per_epoch, update % per_epoch);
        let mut order: Vec<usize> = (0..data.answers.len()).collect();
        let stream = config.seed ^ (epoch as u64) << 32 ^ 0x9d3a;
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
        let chosen = order.chunks(config.batch).nth(index).unwrap_or_default();
        let answers: Vec<&Labelled> = chosen.iter().map(|&place| &data.answers[place]).collect();
        let done = update as f64 / updates as f64;
        optimizer.set_scale(0.1 + 0.45 * (1.0 + (std::f64::consts::PI * done).cos()));
        let (loss, step) = updated(&mut model, &mut optimizer, &answers, config);
        if let Step::PassedOver { in_a_row } = step
            && in_a_row >= MOST_PASSED_OVER
        {
            let update = update + 1;
            return Err(TrainingError { update, in_a_row }.into());
        }
        on_update(Progress {
            update: update + 1,
            updates,
            loss,
        });
    }
    // What is measured and written is one decoder.
    model.decoder = model.decoder.merged_with_head();
    model.save(folder, Precision::F32)?;
    Ok(model)
}

/// One update on some answers: the mean over all their labelled steps.
fn updated(
    model: &mut ProcessModel,
    optimizer: &mut Optimizer,
    answers: &[&Labelled],
    config: &RewardConfig,
) -> (f64, Step) {
    let reads: Vec<&Read> = answers.iter().map(|answer| &answer.read).collect();
    let rows = batch(&reads);
    let shares: Vec<f64> = answers
        .iter()
        .flat_map(|answer| answer.shares.clone())
        .collect();
    let weight = 1.0 / shares.len().max(1) as f64;
    let offset = model.offset;
    let units: Vec<usize> = (0..answers.len()).collect();
    let passes = passes(&rows, config.tokens_per_pass);
    let (gradients, loss) = passes.gradients(&model.decoder, &units, |micro, decoder| {
        let targets: Vec<Target> = (micro.turns.iter())
            .map(|&turn| Target {
                share: shares[turn],
                weight,
            })
            .collect();
        cross_entropy(micro.values(decoder) + offset, &targets)
    });
    let step = optimizer.step(&mut model.decoder, &gradients);
    (loss, step)
}
