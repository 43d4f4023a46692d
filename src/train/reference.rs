//! What the frozen reference says of examples, computed once for each and kept: over several passes through a data set it is
//! the same.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::batch::Batch;
use crate::learner::Passes;
use crate::model::decoder::Decoder;

type Key = [u8; 32];

/// The reference's log-probabilities by row.
#[derive(Debug, Default)]
pub struct KeptReference {
    rows: HashMap<Key, Vec<f32>>,
}

impl KeptReference {
    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The log-probability of every action of the batch that `passes` cuts. A unit that is new is computed by itself, so that
    /// its numbers are the same to the bit whatever else the round holds, and a run that is continued has those of one that
    /// was not interrupted.
    pub(super) fn log_probs(&mut self, reference: &Decoder, passes: &Passes<'_>) -> Vec<f32> {
        let batch = passes.batch;
        let keys = keys(batch);
        let starts = starts(batch);
        let new = |unit: &usize| {
            let mut rows = batch.units[*unit].clone();
            rows.any(|row| !self.rows.contains_key(&keys[row]))
        };
        let missing: Vec<usize> = (0..batch.units.len()).filter(new).collect();
        if !missing.is_empty() {
            let alone = Passes {
                tokens: 1,
                ..*passes
            };
            let (found, _) = alone.log_probs(reference, std::slice::from_ref(&missing));
            for row in batch.rows_of(&missing) {
                let kept = found[starts[row]..starts[row + 1]].to_vec();
                self.rows.insert(keys[row], kept);
            }
        }
        let kept = keys.iter().flat_map(|key| &self.rows[key]);
        kept.copied().collect()
    }
}

/// Where the actions of every row begin, and one past the last.
fn starts(batch: &Batch) -> Vec<usize> {
    let mut starts = vec![0];
    for count in batch.row_actions() {
        starts.push(starts[starts.len() - 1] + count);
    }
    starts
}

/// A name for every row: its tokens, which of them are learnt, and the rows it is computed with.
fn keys(batch: &Batch) -> Vec<Key> {
    let starts = starts(batch);
    let row = |digest: &mut Sha256, row: usize| {
        let tokens = &batch.rows[row];
        digest.update((tokens.len() as u64).to_le_bytes());
        for token in tokens {
            digest.update(token.to_le_bytes());
        }
        for action in &batch.actions[starts[row]..starts[row + 1]] {
            digest.update((action.position as u64).to_le_bytes());
        }
        digest.update(u64::MAX.to_le_bytes());
    };
    let units = batch.units.iter().flat_map(|unit| {
        unit.clone().map(|place| {
            let mut digest = Sha256::new();
            digest.update(((place - unit.start) as u64).to_le_bytes());
            for other in unit.clone() {
                row(&mut digest, other);
            }
            digest.finalize().into()
        })
    });
    units.collect()
}
