//! A second source's examples → its part in the gradient of every update.

use super::draw;
use super::score::passes;
use crate::batch::Batch;
use crate::config::TrainConfig;
use crate::examples::Example;
use crate::learner::Passes;
use crate::model::decoder::Decoder;
use crate::objective::{Known, LossInputs, Material, Objective, Totals};
use crate::update::GradientSum;

/// What a round learns from its second source: a batch for each update.
#[derive(Default)]
pub(super) struct SecondBatches {
    batches: Vec<Batch>,
}

/// Draws a round's examples of the second source, where the objective has one.
pub(super) fn draw(
    objective: &dyn Objective,
    examples: &[Example],
    updates: usize,
    config: &TrainConfig,
    round: usize,
) -> SecondBatches {
    let Some(second) = objective.second() else {
        return SecondBatches::default();
    };
    let drawn = draw::second(examples, second.config.examples, updates, config, round);
    let batches = drawn.iter().map(|examples| {
        let mut material = Material::default();
        material.add_examples(examples);
        let units = second.objective.select(&material);
        Batch::of_units(material.rows_of(&units))
    });
    SecondBatches {
        batches: batches.collect(),
    }
}

impl SecondBatches {
    /// Its gradient and its loss in one update, with the weight it has; nothing where there is no second source.
    pub(super) fn gradients(
        &self,
        objective: &dyn Objective,
        policy: &Decoder,
        update: usize,
        config: &TrainConfig,
    ) -> Option<(GradientSum, f64)> {
        let second = objective.second()?;
        let batch = self.batches.get(update)?;
        let units: Vec<usize> = (0..batch.units.len()).collect();
        let (totals, known) = (Totals::of(batch, &units), Known::default());
        let passes = Passes {
            temperature: 1.0,
            ..passes(batch, objective, config)
        };
        let (gradients, loss) = passes.gradients(policy, &units, |micro, policy| {
            let (new, _) = micro.log_probs(policy, passes.temperature);
            let inputs = LossInputs {
                micro,
                new: &new,
                known: &known,
                totals,
            };
            second.objective.loss(&inputs).value * second.config.weight
        });
        Some((gradients, loss / second.config.weight))
    }
}
