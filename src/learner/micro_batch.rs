//! Rows of a batch, packed, with the places that are read: what one pass through a decoder sees.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::Readings;
use super::spans::Spans;
use crate::batch::{Batch, ValuesAt};
use crate::model::decoder::{self, Decoder};
use crate::model::packing::Packing;

/// What is read of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// Log-probabilities of actions, and values where the decoder has a head for them.
    Actions,
    /// Values alone.
    Values,
}

/// The tokens of some rows, packed, with the places that are read. What follows the last of them in a row is left out.
#[derive(Clone)]
pub struct MicroBatch {
    reads: Reads,
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
    /// Packs the rows of the batch's `units`, in this order, for a policy.
    pub fn new(batch: &Batch, units: &[usize]) -> Self {
        Self::packed(batch, units, Reads::Actions)
    }

    /// The same for a decoder of which values alone are read.
    pub fn for_values(batch: &Batch, units: &[usize]) -> Self {
        Self::packed(batch, units, Reads::Values)
    }

    fn packed(batch: &Batch, units: &[usize], reads: Reads) -> Self {
        let rows = &batch.rows_of(units);
        let local: HashMap<usize, usize> = rows
            .iter()
            .enumerate()
            .map(|(index, &row)| (row, index))
            .collect();
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
        // Each a row and a position.
        let of_actions = (actions.iter().map(|&i| &batch.actions[i]))
            .map(|action| (action.row, action.position));
        let of_turns =
            (turns.iter().map(|&i| &batch.turns[i])).map(|turn| (turn.row, turn.prompt_last));
        let of_actions: Vec<(usize, usize)> = of_actions.collect();
        let (valued, of_values) = match batch.values_at {
            ValuesAt::Turns => (turns.clone(), of_turns.collect()),
            ValuesAt::Tokens => (actions.clone(), of_actions.clone()),
        };
        let mut lengths = vec![0; rows.len()];
        let seen = match reads {
            Reads::Actions => &of_actions[..],
            Reads::Values => &[],
        };
        for (row, position) in seen.iter().chain(&of_values) {
            let length = &mut lengths[local[row]];
            *length = (*length).max(position + 1);
        }
        let cut = rows.iter().zip(&lengths);
        let packing = Packing::new(cut.map(|(&row, &length)| &batch.rows[row][..length]));
        let places = |of: &[(usize, usize)]| -> Vec<usize> {
            of.iter()
                .map(|&(row, position)| packing.place(local[&row], position))
                .collect()
        };
        let action_places = match reads {
            Reads::Actions => places(&of_actions),
            Reads::Values => Vec::new(),
        };
        let value_places = places(&of_values);
        Self {
            reads,
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

    /// Whether nothing of it is read.
    pub(super) fn is_empty(&self) -> bool {
        match self.reads {
            Reads::Actions => self.actions.is_empty(),
            Reads::Values => self.valued.is_empty(),
        }
    }

    /// The places, in order, at which hidden states of this decoder are read.
    pub(super) fn read_places(&self, decoder: &Decoder) -> Vec<usize> {
        let mut places = self.action_places.clone();
        if decoder.value_head().is_some() {
            places.extend(&self.value_places);
        }
        places.sort_unstable();
        places.dedup();
        places
    }

    /// Log-probabilities and entropies `[n]` of this micro-batch's actions.
    ///
    /// # Panics
    /// When it was packed for values alone.
    pub fn log_probs(&self, policy: &Decoder, temperature: f64) -> (Tensor<1>, Tensor<1>) {
        self.hidden(policy).log_probs(self, policy, temperature)
    }

    /// Values `[n]` at this micro-batch's turns, or before each of its actions where the batch says so.
    ///
    /// # Panics
    /// When `decoder` has no value head.
    pub fn values(&self, decoder: &Decoder) -> Tensor<1> {
        self.hidden(decoder).values(self, decoder)
    }

    /// What [`MicroBatch::log_probs`] gives, and what [`MicroBatch::values`] gives where the policy has a value head, by one way
    /// through its blocks.
    pub fn read(&self, policy: &Decoder, temperature: f64) -> Readings {
        let hidden = self.hidden(policy);
        let values = policy.value_head();
        let values = values.map(|_| hidden.values(self, policy));
        let (log_probs, entropies) = hidden.log_probs(self, policy, temperature);
        Readings {
            log_probs,
            entropies,
            values,
        }
    }

    /// The same rows where the last block's output at the places that are read is known.
    pub(super) fn after_blocks(&self, last: Tensor<3>) -> Self {
        Self {
            last: Some(last),
            ..self.clone()
        }
    }

    fn hidden(&self, decoder: &Decoder) -> Hidden {
        let places = self.read_places(decoder);
        let states = match &self.last {
            Some(last) => decoder.last_norm(last.clone()),
            None => decoder.hidden_at(&self.packing, &places),
        };
        Hidden { places, states }
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

/// Final hidden states `[1, m, d]` at m places.
struct Hidden {
    places: Vec<usize>,
    states: Tensor<3>,
}

impl Hidden {
    /// Those `[n, d]` at n of the places, which need be neither in order nor different.
    fn at(&self, places: &[usize]) -> Tensor<2> {
        if self.places == places {
            return self.states.clone().flatten(0, 1);
        }
        let found = places.iter().map(|place| {
            let found = self.places.binary_search(place);
            found.expect("what is read was asked for")
        });
        decoder::gather_rows(self.states.clone(), &found.collect::<Vec<_>>())
    }

    fn log_probs(
        &self,
        micro: &MicroBatch,
        policy: &Decoder,
        temperature: f64,
    ) -> (Tensor<1>, Tensor<1>) {
        assert!(micro.reads == Reads::Actions, "values alone are read here");
        let read = self.at(&micro.action_places);
        decoder::target_log_probs(read, policy.head(), &micro.targets, temperature)
    }

    fn values(&self, micro: &MicroBatch, decoder: &Decoder) -> Tensor<1> {
        let head = decoder.value_head().expect("values need a value head");
        decoder::values(self.at(&micro.value_places), head.clone())
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

    #[test]
    fn what_nobody_reads_at_the_end_of_a_row_is_left_out() {
        let grades = [Grade::WrongAnswer; 3];
        let episodes: Vec<_> = (0..5)
            .map(|number| played(&grades[..=number % 3], false))
            .collect();
        let batch = Batch::collate(&episodes).unwrap();
        let tokens = |row: usize, length: usize| -> &[u32] { &batch.rows[row][..length] };
        for row in 0..batch.rows.len() {
            let last_action = batch.actions.iter().rfind(|action| action.row == row);
            let policy = MicroBatch::new(&batch, &[row]);
            let length = last_action.unwrap().position + 1;
            assert_eq!(policy.packing.tokens(), tokens(row, length));
            let last_turn = batch.turns.iter().rfind(|turn| turn.row == row).unwrap();
            let values = MicroBatch::for_values(&batch, &[row]);
            assert_eq!(
                values.packing.tokens(),
                tokens(row, last_turn.prompt_last + 1)
            );
            assert_eq!(values.turns, policy.turns);
            assert_eq!(values.value_places, policy.value_places);
            assert!(values.packing.tokens().len() < policy.packing.tokens().len());
        }
    }
}
