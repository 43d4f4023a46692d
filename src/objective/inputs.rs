//! What an objective is given, and what it gives back.

use burn::tensor::Tensor;

use super::material::{Candidate, Material, Unit};
use super::stats::PpoStats;
use crate::batch::{Batch, ValuesAt};
use crate::learner::{MicroBatch, Spans};

/// A round's rows with what was read of them before the updates.
#[derive(Clone, Copy, Debug)]
pub struct Scored<'a> {
    /// All that could have been learnt from.
    pub material: &'a Material<'a>,
    /// What was chosen of it; the batch has its rows in this order.
    pub units: &'a [Unit],
    /// The rows.
    pub batch: &'a Batch,
    /// The policy's log-probability of every action, where it is known by now.
    pub policy: Option<&'a [f32]>,
    /// The reference's, where it was asked.
    pub reference: Option<&'a [f32]>,
    /// The values, where there are any: as many as the batch says.
    pub values: Option<&'a [f32]>,
}

impl<'a> Scored<'a> {
    /// Indices of the candidates, one a row of the batch.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        self.units.iter().flatten().copied()
    }

    /// The candidate of every row of the batch.
    pub fn candidates(&self) -> impl Iterator<Item = &'a Candidate<'a>> {
        let all = self.material.candidates();
        self.rows().map(move |candidate| &all[candidate])
    }

    /// The policy's log-probabilities.
    ///
    /// # Panics
    /// Where the objective's needs do not say that credit asks for them.
    pub fn policy(&self) -> &'a [f32] {
        self.policy
            .expect("needs().old says that credit needs the policy's log-probabilities")
    }

    /// The reference's log-probabilities.
    ///
    /// # Panics
    /// Where the objective's needs do not name the reference.
    pub fn reference(&self) -> &'a [f32] {
        self.reference.expect("needs() names the reference")
    }

    /// The values.
    ///
    /// # Panics
    /// Where the objective's needs do not name values.
    pub fn values(&self) -> &'a [f32] {
        self.values.expect("needs() names values")
    }
}

/// What answers are worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credit {
    /// One an action.
    pub advantages: Vec<f32>,
    /// What values are to be, one each; empty where there are none.
    pub returns: Vec<f64>,
}

/// Everything that is known before the updates.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The policy's log-probability of every action; nothing where the update's own pass gives it, and 0 for those of the first
    /// update where that one's does.
    pub policy: Option<Vec<f32>>,
    /// The sampler's; nothing where nobody sampled.
    pub behaviour: Option<Vec<f32>>,
    /// The reference's; nothing where it was not asked.
    pub reference: Option<Vec<f32>>,
    /// The values; nothing where there are none.
    pub values: Option<Vec<f32>>,
    /// What the answers are worth.
    pub credit: Credit,
}

/// Counts over a whole minibatch, by which its micro-batches add up to one mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Actions.
    pub tokens: usize,
    /// Turns.
    pub turns: usize,
    /// Rows.
    pub rows: usize,
    /// Units.
    pub units: usize,
}

impl Totals {
    /// How many values of this batch they count.
    pub const fn values(&self, batch: &Batch) -> usize {
        match batch.values_at {
            ValuesAt::Turns => self.turns,
            ValuesAt::Tokens => self.tokens,
        }
    }

    /// Those of some units of a batch.
    pub fn of(batch: &Batch, units: &[usize]) -> Self {
        let mut chosen = vec![false; batch.rows.len()];
        for row in batch.rows_of(units) {
            chosen[row] = true;
        }
        let of_rows = |row: &dyn Fn(usize) -> usize, count: usize| {
            (0..count).filter(|&index| chosen[row(index)]).count()
        };
        Self {
            tokens: of_rows(&|index| batch.actions[index].row, batch.actions.len()),
            turns: of_rows(&|index| batch.turns[index].row, batch.turns.len()),
            rows: chosen.iter().filter(|&&of_unit| of_unit).count(),
            units: units.len(),
        }
    }
}

/// What a loss is made of: one micro-batch.
#[derive(Clone, Copy)]
pub struct LossInputs<'a> {
    /// The micro-batch.
    pub micro: &'a MicroBatch,
    /// The policy's log-probability of each of its actions, with the gradient.
    pub new: &'a Tensor<1>,
    /// What was known before.
    pub known: &'a Known,
    /// Counts over the minibatch.
    pub totals: Totals,
}

impl LossInputs<'_> {
    fn pick(&self, all: &[f32]) -> Tensor<1> {
        self.micro
            .of_actions(all, &self.new.clone().inner().device())
    }

    /// The policy's log-probabilities from before the updates. Where nobody has read them, this is the round's only update,
    /// and they are the present ones.
    pub fn old(&self) -> Tensor<1> {
        match &self.known.policy {
            Some(all) => self.pick(all),
            None => self.new.clone().inner(),
        }
    }

    /// The sampler's log-probabilities.
    ///
    /// # Panics
    /// Where nobody sampled: the objective learns from a data set.
    pub fn behaviour(&self) -> Tensor<1> {
        self.pick(
            self.known
                .behaviour
                .as_ref()
                .expect("episodes were sampled"),
        )
    }

    /// The reference's log-probabilities.
    ///
    /// # Panics
    /// Where the objective's needs do not name the reference.
    pub fn reference(&self) -> Tensor<1> {
        let reference = self.known.reference.as_ref();
        self.pick(reference.expect("needs() names the reference"))
    }

    /// The advantages that the objective has given.
    ///
    /// # Panics
    /// Where it has given none.
    pub fn advantages(&self) -> Tensor<1> {
        self.pick(&self.known.credit.advantages)
    }

    /// Which actions belong to which row, and which rows to which unit.
    pub fn spans(&self) -> &Spans {
        &self.micro.spans
    }
}

/// A loss and what it saw.
#[derive(Debug)]
pub struct Loss {
    /// A scalar; its gradient is the policy's.
    pub value: Tensor<1>,
    /// What the ratios were like; nothing where there are none.
    pub ppo: PpoStats,
    /// Numbers of the objective's own, by name: parts of a mean over the minibatch, as the loss itself is.
    pub own: Vec<(&'static str, f64)>,
}

impl Loss {
    /// A loss without numbers of its own.
    pub fn new(value: Tensor<1>, ppo: PpoStats) -> Self {
        Self {
            value,
            ppo,
            own: Vec::new(),
        }
    }

    /// The same with numbers of the objective's own.
    #[must_use]
    pub fn with(self, own: Vec<(&'static str, f64)>) -> Self {
        Self { own, ..self }
    }
}
