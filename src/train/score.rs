//! Rows → what is known of them before the updates: log-probabilities of policy and reference, values, and the objective's
//! credit. What nobody needs is not read.

use super::TrainError;
use super::checks::{compare, finite};
use super::learner::Learner;
use super::metrics::{RoundMetrics, explained_variance};
use super::part::Part;
use crate::batch::Batch;
use crate::config::TrainConfig;
use crate::learner::{Passes, Scores};
use crate::objective::{Known, Objective, Old, Scored, Source};

/// How the passes over a batch are cut.
pub(super) fn passes<'a>(
    batch: &'a Batch,
    objective: &dyn Objective,
    config: &TrainConfig,
) -> Passes<'a> {
    Passes {
        batch,
        tokens: config.resources.tokens_per_pass,
        // What was not sampled here has no temperature.
        temperature: match objective.needs().source {
            Source::Episodes => config.rollout.sampling.temperature,
            Source::Examples(_) => 1.0,
        },
        recompute: config.resources.recompute,
    }
}

/// Reads what the objective needs, and asks it for its credit.
pub(super) fn score(
    learner: &mut Learner,
    part: &Part<'_>,
    metrics: &mut RoundMetrics,
) -> Result<Known, TrainError> {
    let (batch, minibatches) = (&part.batch, &part.minibatches[..]);
    let (objective, config) = (&*part.task.objective, part.task.config);
    let (needs, round) = (objective.needs(), metrics.round);
    let passes = passes(batch, objective, config);
    // The first update sees the old policy itself, so that its own pass gives its old log-probabilities, to the bit.
    let shared = needs.values.is_some() && learner.value.is_none();
    let before = match needs.old {
        // Values of the policy's own body come of the same pass.
        _ if shared => minibatches,
        Old::Never => &[],
        Old::ForLoss => minibatches.get(1..).unwrap_or_default(),
        Old::ForCredit => minibatches,
    };
    // A round that chose nothing has none of them, and is credited all the same.
    let is_asked = needs.old == Old::ForCredit || !before.is_empty();
    let scores = if is_asked {
        Some(learner.scores(&passes, before)?)
    } else {
        None
    };
    let drawn = batch.actions.iter().map(|action| action.sampler_logprob);
    let behaviour: Option<Vec<f32>> = drawn.clone().collect();
    let (policy, of_policy) = match scores {
        None => (None, Vec::new()),
        Some(Scores {
            log_probs,
            entropy,
            values,
        }) => {
            metrics.entropy = entropy;
            if needs.old == Old::ForCredit {
                // Stored answers were not drawn by the sampler that is looked at here.
                let drawn = log_probs.iter().zip(drawn);
                let drawn = drawn.filter_map(|(trainer, sampler)| Some((*trainer, sampler?)));
                let (trainer, sampler): (Vec<f32>, Vec<f32>) = drawn.unzip();
                if !sampler.is_empty() {
                    compare(&trainer, &sampler, config, round, metrics)?;
                }
            }
            (Some(log_probs), values)
        }
    };
    let asked = needs.reference;
    let reference = match (needs.source, &policy) {
        _ if !asked => None,
        // Before its first update the policy is its reference, and was read already.
        (Source::Episodes, Some(all)) if needs.old == Old::ForCredit && learner.is_reference() => {
            Some(all.clone())
        }
        (Source::Episodes, _) => Some(learner.reference_log_probs(&passes, minibatches)?),
        (Source::Examples(_), _) => Some(learner.kept.log_probs(&learner.reference, &passes)),
    };
    let what = "the reference's log-probability of a token";
    finite(reference.as_deref().unwrap_or_default(), what, round)?;
    let values = needs.values.map(|_| match &learner.value {
        Some(value) => passes.values(&value.decoder, minibatches),
        None => of_policy,
    });
    finite(values.as_deref().unwrap_or_default(), "a value", round)?;
    let credit = objective.credit(&Scored {
        material: &part.material,
        units: &part.units,
        batch,
        policy: (policy.as_deref()).filter(|_| needs.old == Old::ForCredit),
        reference: reference.as_deref(),
        values: values.as_deref(),
    });
    let returns: Vec<f32> = credit.returns.iter().map(|&value| value as f32).collect();
    finite(&returns, "a return", round)?;
    finite(&credit.advantages, "an advantage", round)?;
    if let Some(values) = &values {
        let values: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
        metrics.explained_variance = explained_variance(&credit.returns, &values);
    }
    Ok(Known {
        policy,
        behaviour,
        reference,
        values,
        credit,
    })
}
