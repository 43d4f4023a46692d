//! Batch × decoder → log-probabilities, values and gradients: the passes every objective shares, in micro-batches
//! so that memory is bounded. Knows which hidden states matter, not what is done with them.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::batch::Batch;
use crate::policy::kernels::RopeTable;
use crate::policy::model::{self, Decoder};
use crate::policy::packing::Packing;
use crate::pool;
use crate::update::GradientSum;

/// The tokens of some rows, packed, with the places that are read.
#[derive(Clone)]
pub struct Micro {
    rows: Vec<usize>,
    packing: Arc<Packing>,
    /// Indices into the batch's actions.
    pub actions: Vec<usize>,
    /// Indices into the batch's turns.
    pub turns: Vec<usize>,
    action_places: Vec<usize>,
    turn_places: Vec<usize>,
    targets: Vec<u32>,
    /// What the last block gives, where that was computed before.
    last: Option<Tensor<3>>,
}

impl Micro {
    /// Packs `rows` of the batch, in this order.
    pub fn new(batch: &Batch, rows: &[usize]) -> Self {
        let packing = Packing::new(rows.iter().map(|&row| batch.rows[row].as_slice()));
        let local: HashMap<usize, usize> = rows
            .iter()
            .enumerate()
            .map(|(index, &row)| (row, index))
            .collect();
        let place = |row: usize, position| packing.place(local[&row], position);
        // Both lists are by row, so that what a row has is found without a look at all the others.
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let of_rows = |count: usize, row_of: &dyn Fn(usize) -> usize| -> Vec<usize> {
            sorted
                .iter()
                .flat_map(|&row| {
                    let start = first(count, |index| row_of(index) >= row);
                    start..first(count, |index| row_of(index) > row)
                })
                .collect()
        };
        let actions = of_rows(batch.actions.len(), &|index| batch.actions[index].row);
        let turns = of_rows(batch.turns.len(), &|index| batch.turns[index].row);
        Self {
            action_places: actions
                .iter()
                .map(|&i| place(batch.actions[i].row, batch.actions[i].position))
                .collect(),
            turn_places: turns
                .iter()
                .map(|&i| place(batch.turns[i].row, batch.turns[i].prompt_last))
                .collect(),
            targets: actions.iter().map(|&i| batch.actions[i].target).collect(),
            rows: rows.to_vec(),
            packing: Arc::new(packing),
            last: None,
            actions,
            turns,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Log-probabilities and entropies `[n]` of this micro-batch's actions.
    pub fn log_probs(&self, policy: &Decoder, temperature: f64) -> (Tensor<1>, Tensor<1>) {
        self.read_log_probs(self.hidden(policy), policy, temperature)
    }

    /// Values `[n]` at this micro-batch's turns.
    ///
    /// # Panics
    /// When `decoder` has no value head.
    pub fn values(&self, decoder: &Decoder) -> Tensor<1> {
        self.read_values(self.hidden(decoder), decoder)
    }

    /// What [`Micro::log_probs`] gives, and what [`Micro::values`] gives where the policy has a value head, by one way
    /// through its blocks.
    pub fn read(&self, policy: &Decoder, temperature: f64) -> Readings {
        let hidden = self.hidden(policy);
        let values = policy.value_head();
        let values = values.map(|_| self.read_values(hidden.clone(), policy));
        let (log_probs, entropies) = self.read_log_probs(hidden, policy, temperature);
        Readings {
            log_probs,
            entropies,
            values,
        }
    }

    fn read_log_probs(
        &self,
        hidden: Tensor<3>,
        policy: &Decoder,
        temperature: f64,
    ) -> (Tensor<1>, Tensor<1>) {
        let read = model::gather_rows(hidden, &self.action_places);
        model::target_log_probs(read, policy.head(), &self.targets, temperature)
    }

    fn read_values(&self, hidden: Tensor<3>, decoder: &Decoder) -> Tensor<1> {
        let head = decoder.value_head().expect("values need a value head");
        model::values(model::gather_rows(hidden, &self.turn_places), head.clone())
    }

    fn hidden(&self, decoder: &Decoder) -> Tensor<3> {
        match &self.last {
            Some(last) => decoder.last_norm(last.clone()),
            None => decoder.hidden(&self.packing),
        }
    }

    /// Puts one number of each of this micro-batch's actions where it belongs in `all`.
    pub fn put_actions(&self, all: &mut [f32], values: Tensor<1>) {
        scatter(all, &self.actions, values);
    }

    /// The entries of `all` that belong to this micro-batch's actions, as a tensor.
    pub fn of_actions(&self, all: &[f32], device: &Device) -> Tensor<1> {
        pick(all, &self.actions, device)
    }

    /// The entries of `all` that belong to this micro-batch's turns, as a tensor.
    pub fn of_turns(&self, all: &[f32], device: &Device) -> Tensor<1> {
        pick(all, &self.turns, device)
    }
}

/// The first index below `count` of which `reached` holds, where it holds of all that follow; else `count`.
fn first(count: usize, reached: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn pick(all: &[f32], indices: &[usize], device: &Device) -> Tensor<1> {
    let values: Vec<f32> = indices.iter().map(|&index| all[index]).collect();
    Tensor::from_data(TensorData::new(values, [indices.len()]), device)
}

/// What a policy says of a micro-batch.
#[derive(Debug)]
pub struct Readings {
    /// `[n]`, one an action.
    pub log_probs: Tensor<1>,
    /// `[n]`, one an action, without a gradient.
    pub entropies: Tensor<1>,
    /// `[n]`, one a turn, where the policy has a value head.
    pub values: Option<Tensor<1>>,
}

/// What a policy says of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// One an action.
    pub log_probs: Vec<f32>,
    /// Mean over the actions, in nats.
    pub entropy: f64,
    /// One a turn; empty where the policy has no value head.
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

impl Passes<'_> {
    /// Log-probabilities of all actions and their mean entropy, and the values of all turns where the policy has a head
    /// for them, without a graph.
    ///
    /// `shares` are the rows of the coming updates: cut the same way, they give the same numbers to the bit, so
    /// that the first update's ratio is exactly 1.
    pub fn scores(&self, policy: &Decoder, shares: &[Vec<usize>]) -> Scores {
        let plain = policy.plain();
        let valued = plain.value_head().map_or(0, |_| self.batch.turns.len());
        let mut scores = Scores {
            log_probs: vec![0.0; self.batch.actions.len()],
            entropy: 0.0,
            values: vec![0.0; valued],
        };
        for rows in shares {
            self.each(rows, |micro| {
                let read = micro.read(&plain, self.temperature);
                scatter(&mut scores.log_probs, &micro.actions, read.log_probs);
                scores.entropy += f64::from(read.entropies.sum().into_scalar::<f32>());
                if let Some(values) = read.values {
                    scatter(&mut scores.values, &micro.turns, values);
                }
            });
        }
        scores.entropy /= self.batch.actions.len().max(1) as f64;
        scores
    }

    /// [`Passes::scores`] without the values.
    pub fn log_probs(&self, policy: &Decoder, shares: &[Vec<usize>]) -> (Vec<f32>, f64) {
        let scores = self.scores(policy, shares);
        (scores.log_probs, scores.entropy)
    }

    /// Values at all turns, without a graph.
    pub fn values(&self, value: &Decoder, shares: &[Vec<usize>]) -> Vec<f32> {
        let plain = value.plain();
        let mut all = vec![0.0; self.batch.turns.len()];
        for rows in shares {
            self.each(rows, |micro| {
                scatter(&mut all, &micro.turns, micro.values(&plain));
            });
        }
        all
    }

    /// Sums over the micro-batches of `rows` the gradients of what `loss` makes of each; gives the losses' sum too.
    pub fn gradients(
        &self,
        decoder: &Decoder,
        rows: &[usize],
        mut loss: impl FnMut(&Micro, &Decoder) -> Tensor<1> + Send,
    ) -> (GradientSum, f64) {
        let tracked = decoder.tracked();
        let plain = decoder.plain();
        let mut sum = GradientSum::default();
        let mut total = 0.0;
        self.each(rows, |micro| {
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

    fn each(&self, rows: &[usize], mut work: impl FnMut(&Micro) + Send) {
        pool::within(|| {
            for group in self.batch.micro_batches(rows, self.tokens) {
                let micro = Micro::new(self.batch, &group);
                if !micro.actions.is_empty() {
                    work(&micro);
                }
            }
        });
    }
}

/// Adds the gradients of one micro-batch to `sum`, block by block from the last: of the way there only the inputs of the
/// blocks are kept, and one block's graph exists at a time. `back` gives the gradients from the last block's output on.
fn by_block(
    micro: &Micro,
    plain: &Decoder,
    tracked: &Decoder,
    sum: &mut GradientSum,
    back: impl FnOnce(&Micro) -> Gradients,
) {
    let mut stations = plain.stations(&micro.packing);
    let rope = RopeTable::new(&plain.config.rotary(), micro.packing.longest());
    let leaf = |station: Option<Tensor<3>>| {
        let station = station.expect("there is one before every block, and one after the last");
        station.autodiff().require_grad()
    };
    let last = leaf(stations.pop());
    let mut gradients = back(&Micro {
        last: Some(last.clone()),
        ..micro.clone()
    });
    let mut pull = taken(&last, &mut gradients);
    drop(last);
    sum.add(tracked.trained(), gradients);
    for layer in (0..plain.config.num_hidden_layers).rev() {
        let input = leaf(stations.pop());
        let output = tracked.one_block(layer, input.clone(), &micro.packing, &rope);
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
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::verdict::Grade;

    #[test]
    fn a_micro_batch_reads_what_a_scan_of_the_whole_batch_finds() {
        let grades = [Grade::WrongAnswer; 3];
        let episodes: Vec<_> = (0..17)
            .map(|number| played(&grades[..=number % 3], false))
            .collect();
        let batch = Batch::collate(&episodes);
        for rows in [vec![], vec![4], vec![16, 0, 7, 3], (0..17).rev().collect()] {
            let micro = Micro::new(&batch, &rows);
            let scan = |row_of: &dyn Fn(usize) -> usize, count: usize| -> Vec<usize> {
                (0..count)
                    .filter(|&index| rows.contains(&row_of(index)))
                    .collect()
            };
            let actions = scan(&|index| batch.actions[index].row, batch.actions.len());
            let turns = scan(&|index| batch.turns[index].row, batch.turns.len());
            assert_eq!(
                (&micro.actions, &micro.turns),
                (&actions, &turns),
                "{rows:?}"
            );
            let local = |row: usize| rows.iter().position(|&other| other == row).unwrap();
            let places: Vec<usize> = actions
                .iter()
                .map(|&index| &batch.actions[index])
                .map(|action| micro.packing.place(local(action.row), action.position))
                .collect();
            assert_eq!(micro.action_places, places);
        }
    }
}
