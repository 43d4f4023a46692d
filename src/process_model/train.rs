//! Labelled steps as what a process reward model is taught, and the model in a folder.

use burn::tensor::Tensor;

use super::data::Data;
use super::loss::{Target, cross_entropy};
use super::{ProcessModel, Read, batch};
use crate::batch::Batch;
use crate::checkpoint::Precision;
use crate::learner::MicroBatch;
use crate::reward_model::{
    Keep, LearnError, Lesson, Progress, RewardConfig, discard, inputs, taught,
};

/// Learns and saves. `on_update` is told of every update.
pub fn learn(
    mut model: ProcessModel,
    data: &Data,
    config: &RewardConfig,
    keep: Keep<'_>,
    on_update: &mut dyn FnMut(Progress),
) -> Result<ProcessModel, LearnError> {
    let inputs = inputs(&format!("{:?}", data.answers), keep.policy);
    let (start, device) = (model.decoder.clone(), model.decoder.device());
    let lesson = Steps {
        data,
        offset: model.offset,
    };
    model.decoder = taught(start, &lesson, config, (keep, &inputs), &device, on_update)?;
    model.save(keep.folder, Precision::F32)?;
    discard(keep.folder, None);
    Ok(model)
}

/// The steps of some answers, for a model with this offset.
struct Steps<'a> {
    data: &'a Data,
    offset: f64,
}

impl Lesson for Steps<'_> {
    const STREAM: u64 = 0x9d3a;

    fn count(&self) -> usize {
        self.data.answers.len()
    }

    fn rows(&self, items: &[usize]) -> Batch {
        let reads = items.iter().map(|&item| &self.data.answers[item].read);
        batch(&reads.collect::<Vec<&Read>>())
    }

    /// The mean over all labelled steps of the update.
    fn loss(
        &self,
        items: &[usize],
        _rows: &Batch,
        micro: &MicroBatch,
        values: Tensor<1>,
        _config: &RewardConfig,
    ) -> Tensor<1> {
        let answers = items.iter().map(|&item| &self.data.answers[item]);
        let shares: Vec<f64> = answers.flat_map(|answer| answer.shares.clone()).collect();
        let weight = 1.0 / shares.len().max(1) as f64;
        let target = |&turn: &usize| Target {
            share: shares[turn],
            weight,
        };
        let targets: Vec<Target> = micro.turns.iter().map(target).collect();
        cross_entropy(values + self.offset, &targets)
    }
}
