//! Supervised fine-tuning: the mean negative log-probability of the demonstrated tokens.

use burn::tensor::Tensor;

use super::stats::PpoStats;
use super::{Entry, Loss, LossInputs, Needs, Objective, Old, Shape, Source};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "sft",
    older: &[],
    about: "supervised fine-tuning on answers or texts of a data set (objective.data)",
    keys: &["objective.data"],
    build: |setup| {
        setup.no_settings()?;
        Ok(Box::new(Sft))
    },
};

/// Supervised fine-tuning; it has no settings.
#[derive(Clone, Copy, Debug)]
pub struct Sft;

impl Objective for Sft {
    fn needs(&self) -> Needs {
        Needs {
            source: Source::Examples(Shape::Texts),
            old: Old::Never,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let value = loss(inputs.new.clone(), inputs.totals.tokens);
        Loss::new(value, PpoStats::default())
    }
}

/// `-sum(log π) / tokens` of target log-probabilities `[n]`.
///
/// `tokens` counts all targets of the update, so that micro-batches add up to one mean.
pub fn loss(logprobs_n: Tensor<1>, tokens: usize) -> Tensor<1> {
    logprobs_n.sum().neg() / tokens as f64
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    #[test]
    fn hand_worked_and_differentiated() {
        near(number(loss(row(&[-1.0, -0.5]), 4)), 1.5 / 4.0);
        differences(&[-1.0, -0.5], |x| loss(x, 4), |x| number(loss(row(x), 4)));
    }
}
