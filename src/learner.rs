//! Batch × decoder → log-probabilities, values and gradients: the passes every objective shares, in micro-batches
//! so that memory is bounded. Knows which hidden states matter, not what is done with them.

mod micro_batch;
mod spans;

use burn::tensor::{Gradients, Tensor};

use crate::batch::Batch;
use crate::model::decoder::Decoder;
use crate::pool;
use crate::update::GradientSum;
pub use micro_batch::MicroBatch;
pub use spans::Spans;
pub(crate) use spans::{numbers, picked};

/// What a policy says of a micro-batch.
#[derive(Debug)]
pub struct Readings {
    /// `[n]`, one an action.
    pub log_probs: Tensor<1>,
    /// `[n]`, one an action, without a gradient.
    pub entropies: Tensor<1>,
    /// `[n]`, one a value of the batch, where the policy has a value head.
    pub values: Option<Tensor<1>>,
}

/// What a policy says of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// One an action.
    pub log_probs: Vec<f32>,
    /// Mean over the actions, in nats.
    pub entropy: f64,
    /// One a value of the batch; empty where the policy has no value head.
    pub values: Vec<f32>,
}

/// How a batch is cut for one pass.
#[derive(Clone, Copy, Debug)]
pub struct Passes<'a> {
    /// What is cut.
    pub batch: &'a Batch,
    /// Tokens of one pass at most, counted as if all its rows were as long as the longest.
    pub tokens: usize,
    /// Sampling temperature, which the trainer's distribution shares.
    pub temperature: f64,
    /// Whether the way back computes every block again, so that of a pass only the blocks' inputs are kept: the same
    /// gradients for a third more work.
    pub recompute: bool,
}

/// How rows are packed: for what is read of them.
type Pack = fn(&Batch, &[usize]) -> MicroBatch;

impl Passes<'_> {
    /// Log-probabilities of all actions and their mean entropy, and all values where the policy has a head for them, without
    /// a graph.
    ///
    /// `minibatches` are the units of the coming updates: cut the same way, they give the same numbers to the bit, so
    /// that the first update's ratio is exactly 1.
    pub fn scores(&self, policy: &Decoder, minibatches: &[Vec<usize>]) -> Scores {
        let plain = policy.plain();
        let valued = plain.value_head().map_or(0, |_| self.batch.values());
        let mut scores = Scores {
            log_probs: vec![0.0; self.batch.actions.len()],
            entropy: 0.0,
            values: vec![0.0; valued],
        };
        for units in minibatches {
            self.each(units, MicroBatch::new, |micro| {
                let read = micro.read(&plain, self.temperature);
                scatter(&mut scores.log_probs, &micro.actions, read.log_probs);
                scores.entropy += f64::from(read.entropies.sum().into_scalar::<f32>());
                if let Some(values) = read.values {
                    scatter(&mut scores.values, &micro.valued, values);
                }
            });
        }
        scores.entropy /= self.batch.actions.len().max(1) as f64;
        scores
    }

    /// [`Passes::scores`] without the values.
    pub fn log_probs(&self, policy: &Decoder, minibatches: &[Vec<usize>]) -> (Vec<f32>, f64) {
        let scores = self.scores(policy, minibatches);
        (scores.log_probs, scores.entropy)
    }

    /// All values, without a graph.
    pub fn values(&self, value: &Decoder, minibatches: &[Vec<usize>]) -> Vec<f32> {
        let plain = value.plain();
        let mut all = vec![0.0; self.batch.values()];
        for units in minibatches {
            self.each(units, MicroBatch::for_values, |micro| {
                scatter(&mut all, &micro.valued, micro.values(&plain));
            });
        }
        all
    }

    /// Sums over the micro-batches of `units` the gradients of what `loss` makes of each; gives the losses' sum too.
    pub fn gradients(
        &self,
        decoder: &Decoder,
        units: &[usize],
        loss: impl FnMut(&MicroBatch, &Decoder) -> Tensor<1> + Send,
    ) -> (GradientSum, f64) {
        self.gradients_of(decoder, units, MicroBatch::new, loss)
    }

    /// The same for a loss that reads values alone, of a network that has no other use.
    pub fn value_gradients(
        &self,
        decoder: &Decoder,
        units: &[usize],
        loss: impl FnMut(&MicroBatch, &Decoder) -> Tensor<1> + Send,
    ) -> (GradientSum, f64) {
        self.gradients_of(decoder, units, MicroBatch::for_values, loss)
    }

    fn gradients_of(
        &self,
        decoder: &Decoder,
        units: &[usize],
        pack: Pack,
        mut loss: impl FnMut(&MicroBatch, &Decoder) -> Tensor<1> + Send,
    ) -> (GradientSum, f64) {
        let tracked = decoder.tracked();
        let plain = decoder.plain();
        let mut sum = GradientSum::default();
        let mut total = 0.0;
        self.each(units, pack, |micro| {
            let mut take = |value: Tensor<1>| {
                total += f64::from(value.clone().inner().into_scalar::<f32>());
                value.backward()
            };
            if self.recompute {
                by_block(micro, &plain, &tracked, &mut sum, |micro| {
                    take(loss(micro, &tracked))
                });
            } else {
                sum.add(tracked.trained(), take(loss(micro, &tracked)));
            }
        });
        (sum, total)
    }

    fn each(&self, units: &[usize], pack: Pack, mut work: impl FnMut(&MicroBatch) + Send) {
        pool::within(|| {
            for group in self.batch.micro_batches(units, self.tokens) {
                let micro = pack(self.batch, &group);
                if !micro.is_empty() {
                    work(&micro);
                }
            }
        });
    }
}

/// Adds the gradients of one micro-batch to `sum`, block by block from the last: of the way there only the inputs of the
/// blocks are kept, and one block's graph exists at a time. `back` gives the gradients from the last block's output on.
fn by_block(
    micro: &MicroBatch,
    plain: &Decoder,
    tracked: &Decoder,
    sum: &mut GradientSum,
    back: impl FnOnce(&MicroBatch) -> Gradients,
) {
    let read = micro.read_places(plain);
    let rows = (&micro.packing, &read[..]);
    let mut block_inputs = plain.block_inputs(rows.0, rows.1);
    let positions = plain.config.positions(micro.packing.longest());
    let leaf = |input: Option<Tensor<3>>| {
        let input = input.expect("there is one before every block, and one after the last");
        input.autodiff().require_grad()
    };
    let last = leaf(block_inputs.pop());
    let mut gradients = back(&micro.after_blocks(last.clone()));
    let mut pull = taken(&last, &mut gradients);
    drop(last);
    sum.add(tracked.trained(), gradients);
    for layer in (0..plain.config.num_hidden_layers).rev() {
        let input = leaf(block_inputs.pop());
        let output = tracked.one_block(layer, input.clone(), rows, &positions);
        // The gradient of this sum is `pull` itself at the block's output.
        let mut gradients = (output * pull.autodiff()).sum().backward();
        pull = taken(&input, &mut gradients);
        sum.add(tracked.trained(), gradients);
    }
    if tracked.adapter.is_none() {
        let embedded = tracked.embed(&micro.packing);
        sum.add(
            tracked.trained(),
            (embedded * pull.autodiff()).sum().backward(),
        );
    }
}

fn taken(leaf: &Tensor<3>, gradients: &mut Gradients) -> Tensor<3> {
    leaf.grad_remove(gradients)
        .unwrap_or_else(|| leaf.clone().inner().zeros_like())
}

fn scatter(all: &mut [f32], indices: &[usize], values: Tensor<1>) {
    let values = values
        .into_data()
        .try_to_vec::<f32>()
        .expect("model outputs are f32");
    for (&index, value) in indices.iter().zip(values) {
        all[index] = value;
    }
}

#[cfg(test)]
mod tests;
