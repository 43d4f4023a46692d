//! GRPO (Shao et al. 2024, DeepSeekMath, arXiv 2402.03300, section 4.1): no value network; an episode is compared with the
//! others of its problem, and the reference is held by a term of the loss, not of the reward.

use burn::tensor::Tensor;

use super::stats::{self, Clip, PpoStats, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Material, Needs,
    Objective, Scored, Setup, Share, Unasked, Unit,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "grpo",
    older: &[],
    about: "an episode against the others of its problem, the reference in the loss",
    keys: &[
        "objective.clip",
        // Older versions let these stand here, where they do nothing.
        "objective.value_clip",
        "objective.value_coefficient",
        "objective.normalisation",
        "reward.kl_beta",
        "objective.correction",
    ],
    build: |setup| Ok(Box::new(Grpo::new(setup)?)),
};

/// GRPO with the settings of a run.
#[derive(Clone, Debug)]
pub struct Grpo {
    clip: f64,
    kl_beta: f64,
    correction: Option<Correction>,
}

impl Grpo {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        Ok(Self {
            clip: setup.config.clip,
            kl_beta: setup.kl_beta,
            correction: setup.config.correction,
        })
    }
}

impl Objective for Grpo {
    fn needs(&self) -> Needs {
        Needs {
            reference: self.kl_beta != 0.0,
            least_group: 2,
            ..Needs::POLICY_GRADIENT
        }
    }

    /// Without a term that holds the reference, a group whose episodes all did alike has an advantage of 0 for each of them:
    /// it would be read for nothing. The mean is then over the episodes that are left.
    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        if self.kl_beta != 0.0 {
            return material.each_alone();
        }
        let groups = material.groups().iter().enumerate();
        let telling = groups.filter(|(group, _)| material.varies(*group));
        let candidates = telling.flat_map(|(_, candidates)| candidates.clone());
        candidates.map(|index| vec![index]).collect()
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        Credit {
            advantages: stats::against_group(scored, stats::standardised),
            ..Credit::default()
        }
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let weights = stats::equal_rows(inputs.spans(), inputs.totals.rows, &tokens.old.device());
        let held = (self.kl_beta != 0.0).then(|| (inputs.reference(), self.kl_beta));
        let (loss, seen) = policy_loss(tokens, held, weights, self.clip);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        if self.kl_beta != 0.0 {
            return Err(
                "its loss holds the reference (reward.kl_beta), which is in none that such a server knows; set reward.kl_beta = 0",
            );
        }
        Ok(Asked {
            loss: AskedLoss::Ppo(self.clip.into()),
            share: Share::Rows,
        })
    }

    fn correction(&self) -> Option<Correction> {
        self.correction
    }
}

/// `-Σ w (min(r A, clip(r, 1 - ε, 1 + ε) A) - β k₃)` with `r = π/π_old` and `k₃ = ρ/π - log(ρ/π) - 1`.
///
/// All inputs are `[n]`, one entry a sampled token. `held` is ρ with its weight β, where there is a reference. `weights` are
/// `1 / (episodes · tokens of the token's episode)`, so that every episode of the update counts alike.
pub fn policy_loss(
    tokens: Tokens,
    held: Option<(Tensor<1>, f64)>,
    weights: Tensor<1>,
    clip: f64,
) -> (Tensor<1>, PpoStats) {
    let seen = PpoStats::of(&tokens.plain_log_ratio(), clip.into());
    let each = Clip::from(clip).surrogate(tokens.ratio(), tokens.advantages.clone());
    let mut each = tokens.weighted(each);
    if let Some((reference, beta)) = held {
        each = each - stats::k3(tokens.new, reference) * beta;
    }
    ((each * weights).sum().neg(), seen)
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    #[test]
    fn hand_worked_loss() {
        // Ratios e^0.5, cut to 1.2 by A = 1 and not by A = -1; two episodes, of one and of two tokens.
        let at = tokens(row(&[-0.5, -0.5, -1.0]), &[-1.0; 3], &[1.0, -1.0, -1.0]);
        let reference = row(&[-0.5, -1.5, -1.0]);
        let weights = row(&[0.5, 0.25, 0.25]);
        let (loss, seen) = policy_loss(at, Some((reference, 0.1)), weights, 0.2);
        // Second token: ρ/π = e^-1, so k₃ = 0.367879 + 1 - 1.
        let expected = -(0.5 * 1.2 + 0.25 * (-1.648_721 - 0.1 * 0.367_879) - 0.25);
        near(number(loss), expected);
        assert_eq!(seen.clipped, 2.0);
    }

    #[test]
    fn groups_that_all_did_alike_cost_nothing_where_nothing_holds_the_reference() {
        use crate::episode::tests::played;
        use crate::reward::RewardConfig;
        use crate::rollout::Group;
        use crate::verdict::Grade;

        let solved = || played(&[Grade::Accepted], true);
        let failed = || played(&[Grade::WrongAnswer], false);
        let groups = [
            vec![solved(), solved()],
            vec![failed(), solved()],
            vec![failed(), failed()],
        ];
        let groups = groups.map(|episodes| Group {
            problem_id: "p".to_owned(),
            episodes,
        });
        let material = Material::of_groups(&groups, &RewardConfig::default()).unwrap();
        let mut grpo = Grpo {
            clip: 0.2,
            kl_beta: 0.0,
            correction: None,
        };
        assert_eq!(grpo.select(&material), [vec![2], vec![3]]);
        grpo.kl_beta = 0.1;
        assert_eq!(grpo.select(&material).len(), 6);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.7, -1.2, 0.4]);
        let (reference, weights) = ([-0.8, -1.1, -1.6], [0.5, 0.25, 0.25]);
        let loss = |x: Tensor<1>| {
            let held = Some((row(&reference), 0.3));
            policy_loss(tokens(x, &old, &advantages), held, row(&weights), 0.2).0
        };
        differences(&[-0.95, -0.8, -1.4], loss, |x| number(loss(row(x))));
    }
}
