//! Rows of a batch, packed, with the places that are read: what one pass through a decoder sees.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::Readings;
use super::spans::Spans;
use crate::batch::{Batch, ValuesAt};
use crate::model::decoder::{self, Decoder};
use crate::model::packing::Packing;

/// The tokens of some rows, packed, with the places that are read.
#[derive(Clone)]
pub struct MicroBatch {
    pub(super) packing: Arc<Packing>,
    /// Which of the actions belong to which row, and which rows to which unit.
    pub spans: Spans,
    /// Indices into the batch's actions.
    pub actions: Vec<usize>,
    /// Indices into the batch's turns.
    pub turns: Vec<usize>,
    /// Indices of the batch's values, which are of turns or of actions.
    pub(super) valued: Vec<usize>,
    action_places: Vec<usize>,
    value_places: Vec<usize>,
    targets: Vec<u32>,
    /// What the last block gives, where that was computed before.
    last: Option<Tensor<3>>,
}

impl MicroBatch {
    /// Packs the rows of the batch's `units`, in this order.
    pub fn new(batch: &Batch, units: &[usize]) -> Self {
        let rows = &batch.rows_of(units);
        let packing = Packing::new(rows.iter().map(|&row| batch.rows[row].as_slice()));
        let local: HashMap<usize, usize> = rows
            .iter()
            .enumerate()
            .map(|(index, &row)| (row, index))
            .collect();
        let place = |row: usize, position| packing.place(local[&row], position);
        // Both lists are by row, so that what a row has is found without a look at all the others.
        let mut sorted = rows.clone();
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
        let action_places: Vec<usize> = actions
            .iter()
            .map(|&i| place(batch.actions[i].row, batch.actions[i].position))
            .collect();
        let turn_places = turns
            .iter()
            .map(|&i| place(batch.turns[i].row, batch.turns[i].prompt_last));
        let (valued, value_places) = match batch.values_at {
            ValuesAt::Turns => (turns.clone(), turn_places.collect()),
            ValuesAt::Tokens => (actions.clone(), action_places.clone()),
        };
        Self {
            action_places,
            value_places,
            valued,
            targets: actions.iter().map(|&i| batch.actions[i].target).collect(),
            spans: Spans::new(batch, &actions, units),
            packing: Arc::new(packing),
            last: None,
            actions,
            turns,
        }
    }

    /// Log-probabilities and entropies `[n]` of this micro-batch's actions.
    pub fn log_probs(&self, policy: &Decoder, temperature: f64) -> (Tensor<1>, Tensor<1>) {
        self.read_log_probs(self.hidden(policy), policy, temperature)
    }

    /// Values `[n]` at this micro-batch's turns, or before each of its actions where the batch says so.
    ///
    /// # Panics
    /// When `decoder` has no value head.
    pub fn values(&self, decoder: &Decoder) -> Tensor<1> {
        self.read_values(self.hidden(decoder), decoder)
    }

    /// What [`MicroBatch::log_probs`] gives, and what [`MicroBatch::values`] gives where the policy has a value head, by one way
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
        let read = decoder::gather_rows(hidden, &self.action_places);
        decoder::target_log_probs(read, policy.head(), &self.targets, temperature)
    }

    fn read_values(&self, hidden: Tensor<3>, decoder: &Decoder) -> Tensor<1> {
        let head = decoder.value_head().expect("values need a value head");
        decoder::values(
            decoder::gather_rows(hidden, &self.value_places),
            head.clone(),
        )
    }

    /// The same rows where the last block's output is known.
    pub(super) fn after_blocks(&self, last: Tensor<3>) -> Self {
        Self {
            last: Some(last),
            ..self.clone()
        }
    }

    fn hidden(&self, decoder: &Decoder) -> Tensor<3> {
        match &self.last {
            Some(last) => decoder.last_norm(last.clone()),
            None => decoder.hidden(&self.packing),
        }
    }

    /// Puts one number of each of this micro-batch's actions where it belongs in `all`.
    pub fn put_actions(&self, all: &mut [f32], values: Tensor<1>) {
        super::scatter(all, &self.actions, values);
    }

    /// The entries of `all` that belong to this micro-batch's actions, as a tensor.
    pub fn of_actions(&self, all: &[f32], device: &Device) -> Tensor<1> {
        pick(all, &self.actions, device)
    }

    /// The entries of `all`, one a value of the batch, that belong to this micro-batch's, as a tensor.
    pub fn of_values(&self, all: &[f32], device: &Device) -> Tensor<1> {
        pick(all, &self.valued, device)
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
        let batch = Batch::collate(&episodes).unwrap();
        for rows in [vec![], vec![4], vec![16, 0, 7, 3], (0..17).rev().collect()] {
            let micro = MicroBatch::new(&batch, &rows);
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
