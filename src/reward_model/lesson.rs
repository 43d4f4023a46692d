//! What a decoder with a head of one number is taught, whatever it is: items in batches, one update each, kept on the way so that one
//! that was killed goes on as if it had not been. Every draw is named by the seed and the epoch alone.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::passes;
use super::state::StateError;
use super::train::RewardConfig;
use crate::batch::Batch;
use crate::checkpoint::CheckpointError;
use crate::learner::MicroBatch;
use crate::model::decoder::Decoder;
use crate::model::lora::LoraError;
use crate::update::{MOST_PASSED_OVER, Optimizer, Step};

/// What is taught.
pub trait Lesson: Sync {
    /// Tells its draws from another lesson's.
    const STREAM: u64;

    /// Items there are.
    fn count(&self) -> usize;

    /// The rows of some items, each item a unit, with the places where the head is read.
    fn rows(&self, items: &[usize]) -> Batch;

    /// The part that a micro-batch of those rows has in the loss of an update, from what the head gives at its places.
    fn loss(
        &self,
        items: &[usize],
        rows: &Batch,
        micro: &MicroBatch,
        values: Tensor<1>,
        config: &RewardConfig,
    ) -> Tensor<1>;
}

/// What one update saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Updates so far.
    pub update: usize,
    /// Updates there will be.
    pub updates: usize,
    /// The loss.
    pub loss: f64,
}

/// Why no more was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to go on learning: the gradient was not a finite number in {in_a_row} updates in a row, up to update {update}; lower the learning rate"
)]
pub struct TrainingError {
    /// The last update, counted from one.
    pub update: usize,
    /// How many in a row.
    pub in_a_row: usize,
}

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

/// Why there is no model.
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

/// A decoder on its way.
pub struct Trainer<'a, L> {
    /// The body and, as the last matrix of what is trained, the head.
    pub decoder: Decoder,
    /// Its AdamW.
    pub optimizer: Optimizer,
    /// Updates so far, those passed over among them.
    pub done: usize,
    pub(super) config: &'a RewardConfig,
    lesson: &'a L,
}

impl<'a, L: Lesson> Trainer<'a, L> {
    /// One that has taken no step.
    pub fn new(decoder: Decoder, config: &'a RewardConfig, lesson: &'a L) -> Self {
        let parameters = decoder.trained().tensors.len();
        Self {
            optimizer: Optimizer::new(config.optimizer, parameters),
            decoder,
            done: 0,
            config,
            lesson,
        }
    }

    /// Updates there will be.
    pub fn updates(&self) -> usize {
        self.per_epoch() * self.config.epochs
    }

    fn per_epoch(&self) -> usize {
        self.lesson.count().div_ceil(self.config.batch)
    }

    /// Takes the next update.
    pub fn update(&mut self) -> Result<Progress, TrainingError> {
        let (config, lesson) = (self.config, self.lesson);
        let (epoch, index) = (self.done / self.per_epoch(), self.done % self.per_epoch());
        let mut order: Vec<usize> = (0..lesson.count()).collect();
        let stream = config.seed ^ (epoch as u64) << 32 ^ L::STREAM;
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
        let items = order.chunks(config.batch).nth(index).unwrap_or_default();
        let rows = lesson.rows(items);
        let units: Vec<usize> = (0..items.len()).collect();
        let passes = passes(&rows, config.tokens_per_pass);
        let (gradients, loss) = passes.value_gradients(&self.decoder, &units, |micro, decoder| {
            lesson.loss(items, &rows, micro, micro.values(decoder), config)
        });
        let done = self.done as f64 / self.updates() as f64;
        self.optimizer
            .set_scale(0.1 + 0.45 * (1.0 + (std::f64::consts::PI * done).cos()));
        self.done += 1;
        let step = self.optimizer.step(&mut self.decoder, &gradients);
        if let Step::PassedOver { in_a_row } = step
            && in_a_row >= MOST_PASSED_OVER
        {
            let update = self.done;
            return Err(TrainingError { update, in_a_row });
        }
        Ok(Progress {
            update: self.done,
            updates: self.updates(),
            loss,
        })
    }
}

/// Teaches a decoder to the end, or goes on with what was kept; `inputs` names what it is taught and by which policy. What is given is
/// one decoder, without an adapter.
pub(crate) fn taught<L: Lesson>(
    decoder: Decoder,
    lesson: &L,
    config: &RewardConfig,
    (keep, inputs): (Keep<'_>, &str),
    device: &Device,
    on_update: &mut dyn FnMut(Progress),
) -> Result<Decoder, LearnError> {
    let mut trainer = Trainer::new(decoder, config, lesson);
    if keep.resume {
        trainer.restore(keep.folder, inputs, device)?;
    }
    while trainer.done < trainer.updates() {
        let seen = trainer.update()?;
        on_update(seen);
        if seen.update.is_multiple_of(keep.every) || seen.update == seen.updates {
            trainer.keep(keep.folder, inputs)?;
        }
    }
    Ok(trainer.decoder.merged_with_head())
}
