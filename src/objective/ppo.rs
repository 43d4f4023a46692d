//! PPO as RLEF uses it (Gehring et al. 2024, arXiv 2410.02089, section 2.2 and appendix A): PPO's clip per token with a
//! truncated correction for the behaviour policy inside the ratio, a value per turn as the baseline, and the reference in
//! the reward.

use burn::tensor::Tensor;

use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Old, Scored,
    Setup, Unasked, Values,
};
use crate::advantage::{self, Normalisation};
use crate::batch::ValuesAt;
use crate::reward;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "ppo",
    older: &["rlef"],
    about: "PPO as RLEF uses it: a value per turn, the reference in the reward",
    keys: &[
        "objective.clip",
        "objective.value_clip",
        "objective.value_coefficient",
        "objective.value_from",
        "objective.normalisation",
        "reward.kl_beta",
        "objective.correction",
    ],
    build: |setup| Ok(Box::new(Ppo::new(setup)?)),
};

/// PPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Ppo {
    clip: f64,
    kl_beta: f64,
    normalisation: Normalisation,
    values: Values,
    correction: Option<Correction>,
}

impl Ppo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        let config = setup.config;
        Ok(Self {
            clip: config.clip,
            kl_beta: setup.kl_beta,
            normalisation: config.normalisation,
            values: Values {
                head: config.value_head,
                at: ValuesAt::Turns,
                clip: config.value_clip,
                coefficient: config.value_coefficient,
                warmup_rounds: config.value_warmup_rounds,
            },
            correction: config.correction,
        })
    }
}

impl Objective for Ppo {
    fn needs(&self) -> Needs {
        Needs {
            reference: true,
            values: Some(self.values),
            old: Old::ForCredit,
            ..Needs::POLICY_GRADIENT
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let (policy, reference) = (scored.policy(), scored.reference());
        let returns = stats::returns(scored, |plain, turn| {
            let span = scored.batch.turns[turn].start..scored.batch.turns[turn].end;
            let (policy, reference) = (&policy[span.clone()], &reference[span]);
            reward::shaped(plain, policy, reference, self.kl_beta)
        });
        let values: Vec<f64> = scored.values().iter().map(|&v| f64::from(v)).collect();
        let by_turn = advantage::advantages(&returns, &values, self.normalisation);
        let by_turn: Vec<f32> = by_turn
            .into_iter()
            .map(|advantage| advantage as f32)
            .collect();
        Credit {
            advantages: scored.batch.by_action(&by_turn),
            returns,
        }
    }

    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        stats::kl_terms(scored, self.kl_beta)
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = policy_loss(tokens, inputs.behaviour(), self.clip, inputs.totals.tokens);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Err(
            "its baseline is a value network, and such a server trains none; turn_group compares a turn with the same turn of the problem's other episodes instead",
        )
    }
}

/// `-Σ min(r A, clip(r, 1 - ε, 1 + ε) A) / tokens` with `r = π/π_old · sg(min(π/π_b, 1))`.
///
/// All inputs are `[n]`, one entry a sampled token: `behaviour` is the sampler's. `count` are all actions of the update. Where
/// the tokens have a correction, it takes the place of the paper's. The mean is over all tokens of the update, so that long
/// answers weigh more, and that of the values over its turns; the paper states neither. What is counted as clipped is the ratio
/// without the correction.
pub fn policy_loss(
    tokens: Tokens,
    behaviour: Tensor<1>,
    clip: f64,
    count: usize,
) -> (Tensor<1>, PpoStats) {
    let seen = PpoStats::of(&tokens.plain_log_ratio(), clip.into());
    let mut ratio = tokens.ratio();
    if tokens.correction.is_none() {
        ratio = ratio
            * (tokens.new.clone().inner() - behaviour)
                .exp()
                .clamp_max(1.0);
    }
    let objective = Clip::from(clip).surrogate(ratio, tokens.advantages.clone());
    (tokens.weighted(objective).sum().neg() / count as f64, seen)
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    #[test]
    fn hand_worked_policy_loss() {
        // Ratios e^0.5 = 1.6487 and e^-0.5 = 0.6065; the sampler agrees with the new policy or was likelier.
        let old = [-1.0, -1.0, -1.0, -1.0];
        let new = [-0.5, -1.5, -0.5, -1.5];
        let advantages = [1.0, 1.0, -1.0, -1.0];
        let (loss, seen) = policy_loss(tokens(row(&new), &old, &advantages), row(&new), 0.2, 4);
        // min(1.6487, 1.2) + 0.6065 - max(1.6487, 1.2) - max(0.6065, 0.8)
        let expected = -(1.2 + 0.606_530_66 - 1.648_721_27 - 0.8) / 4.0;
        near(number(loss), expected);
        assert_eq!(seen.clipped, 4.0);
        assert!((seen.ratio_gap - 0.648_721).abs() < 1e-5);
    }

    #[test]
    fn the_correction_is_cut_at_one_and_scales_the_ratio() {
        // π/π_b = e^-1 = 0.3679 for the first token; e^1, cut to 1, for the second.
        let at = tokens(row(&[-2.0, -2.0]), &[-2.0, -2.0], &[-1.0, 1.0]);
        let (loss, _) = policy_loss(at, row(&[-1.0, -3.0]), 0.2, 2);
        // First: max of 0.3679 and 0.8 counts, with A = -1; second: ratio 1.
        near(number(loss), -(-0.8 + 1.0) / 2.0);
    }

    /// At points away from the kinks. The correction is a constant of the gradient: it is held while differencing.
    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let old = [-1.0, -0.7, -1.3, -2.0];
        let behaviour = [-1.1, -0.2, -1.3, -2.5];
        let advantages = [0.7, -1.2, 0.4, -0.3];
        let at = [-0.95, -0.8, -1.4, -1.7];
        let held: Vec<f32> = at
            .iter()
            .zip(&behaviour)
            .map(|(a, b): (&f32, &f32)| (a - b).exp().min(1.0))
            .collect();
        differences(
            &at,
            |x| policy_loss(tokens(x, &old, &advantages), row(&behaviour), 0.2, 4).0,
            |x| {
                let each = (0..4).map(|i| {
                    let ratio = f64::from(x[i] - old[i]).exp() * f64::from(held[i]);
                    let a = f64::from(advantages[i]);
                    -(ratio * a).min(ratio.clamp(0.8, 1.2) * a) / 4.0
                });
                each.sum()
            },
        );
    }
}
