//! What is known of a round's rows → its updates, one a minibatch, and what they were like. Where several tasks are learnt, an
//! update goes against the weighed sum of their gradients, all taken at the same weights.

use burn::tensor::Tensor;

use super::checks::compare;
use super::learner::Learner;
use super::metrics::{RoundMetrics, reference_kl};
use super::part::Part;
use super::score::passes;
use super::{Event, Observer, Phase, TrainError, served};
use crate::config::TrainConfig;
use crate::learner::{MicroBatch, Passes};
use crate::objective::stats::PpoStats;
use crate::objective::{Known, LossInputs, Objective, Old, Totals, Values, value};
use crate::update::{GradientSum, Step};

/// One task's updates of a round on the way.
struct Updates<'a> {
    part: &'a Part<'a>,
    passes: Passes<'a>,
    known: &'a Known,
    /// The same for the first update, where its own pass gives the old log-probabilities of its actions.
    first: Option<Known>,
    /// What values are to be.
    returns: Vec<f32>,
    /// How many there are.
    count: f64,
    /// The policy's log-probabilities, those that nobody had read before as an update's own pass found them.
    seen: Vec<f32>,
    /// Those of the update that learnt from them; not a number where none did.
    fresh: Vec<f32>,
}

/// A task's part in one update of the policy.
struct Pass {
    totals: Totals,
    loss: f64,
    seen: Seen,
}

/// What the passes of one policy update saw.
#[derive(Default)]
struct Seen {
    ppo: PpoStats,
    value_loss: f64,
    entropy: f64,
    own: Vec<(&'static str, f64)>,
}

/// The policy's log-probabilities of a part's actions: before the round's updates, and in the update that learnt from each, where that
/// is known.
pub(super) type Before = (Vec<f32>, Vec<f32>);

/// Takes the round's updates; `known` and `metrics` are of each part.
pub(super) fn update(
    learner: &mut Learner,
    parts: &[Part<'_>],
    known: &[Known],
    metrics: &mut [RoundMetrics],
    observer: &mut dyn Observer,
) -> Result<Vec<Before>, TrainError> {
    if learner.trainer.is_some() {
        return served::update(learner, parts, known, metrics, observer);
    }
    let mut all: Vec<Updates<'_>> = (parts.iter().zip(known))
        .map(|(part, known)| Updates::new(part, known))
        .collect();
    let updates = parts.iter().map(|part| part.minibatches.len()).max();
    let updates = updates.unwrap_or(0);
    for number in 0..updates {
        observer.on(Event::Phase(Phase::Updating {
            update: number + 1,
            updates,
        }));
        let (mut sum, mut passes) = (GradientSum::default(), Vec::new());
        for (own, metrics) in all.iter_mut().zip(&mut *metrics) {
            let pass = own.pass(learner, number, metrics)?;
            passes.push(pass.map(|(gradients, pass)| {
                sum.merge(weighed(gradients, own.part));
                pass
            }));
        }
        if passes.iter().all(Option::is_none) {
            continue;
        }
        let rate = learner.policy_optimizer.learning_rate();
        let step = (learner.policy_optimizer).step(&mut learner.policy, &sum);
        let passes = passes.into_iter().zip(&all).zip(&mut *metrics);
        for ((pass, own), metrics) in passes {
            if let Some(pass) = pass {
                metrics.learning_rate = rate;
                own.record(pass, number, step, metrics);
            }
        }
    }
    for (own, metrics) in all.iter().zip(metrics) {
        let head = own.objective().needs().values.map(|values| values.head);
        metrics.average_over_taken(own.part.minibatches.len(), head);
        if let Some(reference) = &own.known.reference {
            metrics.reference_kl = reference_kl(&own.part.batch, &own.seen, reference);
        }
    }
    Ok(all.into_iter().map(|own| (own.seen, own.fresh)).collect())
}

/// A task's gradient as it goes into the sum of all; as it is, where there is one task.
fn weighed(gradients: GradientSum, part: &Part<'_>) -> GradientSum {
    if part.task.name.is_none() {
        return gradients;
    }
    let factor = part.task.factor(gradients.norm());
    gradients.times(factor)
}

impl<'a> Updates<'a> {
    fn new(part: &'a Part<'a>, known: &'a Known) -> Self {
        let (objective, batch) = (&*part.task.objective, &part.batch);
        let returns = known.credit.returns.iter().map(|&value| value as f32);
        Self {
            part,
            passes: passes(batch, objective, part.task.config),
            known,
            first: (objective.needs().old == Old::ForLoss).then(|| Known {
                policy: None,
                ..known.clone()
            }),
            returns: returns.collect(),
            count: part.minibatches.len() as f64,
            seen: (known.policy.clone()).unwrap_or_else(|| vec![0.0; batch.actions.len()]),
            fresh: vec![f32::NAN; batch.actions.len()],
        }
    }

    fn objective(&self) -> &'a dyn Objective {
        &*self.part.task.objective
    }

    /// The part of a micro-batch in the loss of the values.
    fn value_loss(&self, micro: &MicroBatch, new: Tensor<1>, clip: f64, count: usize) -> Tensor<1> {
        let device = new.clone().inner().device();
        let old = self.known.values.as_deref().unwrap_or_default();
        let (old, target) = (
            micro.of_values(old, &device),
            micro.of_values(&self.returns, &device),
        );
        value::loss(new, old, target, clip, count)
    }

    /// One update of the value network, where there is one.
    fn value_step(
        &self,
        learner: &mut Learner,
        units: &[usize],
        values: Values,
        metrics: &mut RoundMetrics,
    ) {
        let Some(network) = &mut learner.value else {
            return;
        };
        let count = Totals::of(self.passes.batch, units).values(self.passes.batch);
        let (gradients, loss) =
            self.passes
                .value_gradients(&network.decoder, units, |micro, decoder| {
                    self.value_loss(micro, micro.values(decoder), values.clip, count)
                });
        match network.optimizer.step(&mut network.decoder, &gradients) {
            Step::Taken { .. } => metrics.value_loss += loss / self.count,
            Step::PassedOver { .. } => metrics.skipped_value_updates += 1,
        }
    }

    /// One update of the values, and the gradients of one of the policy; none where this task has no such update, or where it
    /// trains values alone as yet.
    fn pass(
        &mut self,
        learner: &mut Learner,
        number: usize,
        metrics: &mut RoundMetrics,
    ) -> Result<Option<(GradientSum, Pass)>, TrainError> {
        let Some(units) = self.part.minibatches.get(number) else {
            return Ok(None);
        };
        if let Some(values) = self.objective().needs().values {
            self.value_step(learner, units, values, metrics);
            if metrics.round < values.warmup_rounds {
                return Ok(None);
            }
        }
        self.policy_pass(learner, units, number, metrics).map(Some)
    }

    /// The gradients of one update of the policy.
    fn policy_pass(
        &mut self,
        learner: &Learner,
        units: &[usize],
        number: usize,
        metrics: &mut RoundMetrics,
    ) -> Result<(GradientSum, Pass), TrainError> {
        let totals = Totals::of(self.passes.batch, units);
        let (objective, config) = (self.objective(), self.part.task.config);
        let values = objective.needs().values;
        let first = self.first.as_ref().filter(|_| number == 0);
        let known = first.unwrap_or(self.known);
        let unread = known.policy.is_none();
        let (mut seen, mut log_probs) = (Seen::default(), std::mem::take(&mut self.seen));
        let mut fresh = std::mem::take(&mut self.fresh);
        let (mut gradients, loss) =
            self.passes
                .gradients(&learner.policy, units, |micro, policy| {
                    let read = micro.read(policy, self.passes.temperature);
                    micro.put_actions(&mut fresh, read.log_probs.clone().inner());
                    if unread {
                        for &action in &micro.actions {
                            log_probs[action] = fresh[action];
                        }
                        let entropy = f64::from(read.entropies.sum().into_scalar::<f32>());
                        seen.entropy += entropy / self.passes.batch.actions.len() as f64;
                    }
                    let loss = objective.loss(&LossInputs {
                        micro,
                        new: &read.log_probs,
                        known,
                        totals,
                    });
                    seen.ppo.add(loss.ppo);
                    seen.own.extend(loss.own);
                    let Some((new, values)) = read.values.zip(values) else {
                        return loss.value;
                    };
                    let count = totals.values(self.passes.batch);
                    let of_values = self.value_loss(micro, new, values.clip, count);
                    let of_values = of_values * values.coefficient;
                    seen.value_loss += f64::from(of_values.clone().inner().into_scalar::<f32>());
                    loss.value + of_values
                });
        (self.seen, self.fresh) = (log_probs, fresh);
        let second = &self.part.second;
        let second = second.gradients(objective, &learner.policy, number, config);
        if let Some((more, loss)) = second {
            gradients.merge(more);
            seen.own.push(("second_loss", loss));
        }
        if unread {
            metrics.entropy += seen.entropy;
            if number == 0 {
                self.compare_first(units, config, metrics)?;
            }
        }
        Ok((gradients, Pass { totals, loss, seen }))
    }

    /// Takes what an update was like into the metrics, unless it was passed over.
    fn record(&self, pass: Pass, number: usize, step: Step, metrics: &mut RoundMetrics) {
        let Pass { totals, loss, seen } = pass;
        let Step::Taken { norm } = step else {
            metrics.skipped_updates += 1;
            return;
        };
        let (count, tokens) = (self.count, totals.tokens as f64);
        metrics.gradient_norm += norm / count;
        metrics.policy_loss += (loss - seen.value_loss) / count;
        if let Some(values) = self.objective().needs().values {
            metrics.value_loss += seen.value_loss / values.coefficient / count;
        }
        metrics.approx_kl += seen.ppo.kl / tokens / count;
        metrics.clip_fraction += seen.ppo.clipped / tokens / count;
        if number == 0 {
            metrics.first_ratio_gap = seen.ppo.ratio_gap;
        }
        for (name, value) in seen.own {
            metrics.own.add(name, value / count);
        }
    }

    /// Compares sampler and trainer by what was read until the end of the first update's pass: no weight has moved by then.
    fn compare_first(
        &self,
        units: &[usize],
        config: &TrainConfig,
        metrics: &mut RoundMetrics,
    ) -> Result<(), TrainError> {
        let batch = self.passes.batch;
        if self.known.policy.is_some() {
            // The others were read before.
            return match &self.known.behaviour {
                Some(behaviour) => compare(&self.seen, behaviour, config, metrics.round, metrics),
                None => Ok(()),
            };
        }
        let mut of_first = vec![false; batch.rows.len()];
        for row in batch.rows_of(units) {
            of_first[row] = true;
        }
        let first = |all: &[f32]| -> Vec<f32> {
            let pairs = batch.actions.iter().zip(all);
            let chosen = pairs.filter(|(action, _)| of_first[action.row]);
            chosen.map(|(_, &value)| value).collect()
        };
        let trainer = first(&self.seen);
        match &self.known.behaviour {
            Some(behaviour) => compare(&trainer, &first(behaviour), config, metrics.round, metrics),
            None => Ok(()),
        }
    }
}
