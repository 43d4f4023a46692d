//! GRPO's loss and advantages (Shao et al. 2024, DeepSeekMath, arXiv 2402.03300, section 4.1): no value network; an
//! episode is compared with the others of its problem, and the reference is held by a term of the loss, not of the
//! reward.

use burn::tensor::Tensor;

use super::rlef::{PolicyTerms, terms};

/// Added to the deviation, as in TRL.
const EPSILON: f64 = 1e-4;

/// `(r - mean) / (deviation + ε)` within one group, with the sample's deviation (n - 1) as in TRL and verl. Equal rewards,
/// a single one among them, say nothing: zeros.
pub fn group_advantages(rewards: &[f64]) -> Vec<f64> {
    let count = rewards.len() as f64;
    let mean = rewards.iter().sum::<f64>() / count.max(1.0);
    let squares: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0).max(1.0)).sqrt();
    rewards
        .iter()
        .map(|reward| (reward - mean) / (deviation + EPSILON))
        .collect()
}

/// `-Σ w (min(r A, clip(r, 1 - ε, 1 + ε) A) - β k₃)` with `r = π/π_old` and `k₃ = ρ/π - log(ρ/π) - 1`.
///
/// All inputs are `[n]`, one entry a sampled token: `new` carries the gradient, `old` is the trainer's policy before the
/// update, `reference` is ρ. `weights` are `1 / (episodes · tokens of the token's episode)`, so that every episode of
/// the update counts alike.
pub fn policy_loss(
    new: Tensor<1>,
    old: Tensor<1>,
    reference: Tensor<1>,
    advantages: Tensor<1>,
    weights: Tensor<1>,
    clip: f64,
    kl_beta: f64,
) -> (Tensor<1>, PolicyTerms) {
    let terms = terms(&(new.clone().inner() - old.clone()), clip);
    let ratio = (new.clone() - old).exp();
    let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip);
    let surrogate = (ratio * advantages.clone()).min_pair(clipped * advantages);
    let away = reference - new;
    let k3 = away.clone().exp() - away - 1.0;
    let objective = (surrogate - k3 * kl_beta) * weights;
    (objective.sum().neg(), terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    #[test]
    fn hand_worked_advantages() {
        // Mean 0, sample deviation 2/√3 = 1.1547.
        let found = group_advantages(&[1.0, -1.0, 1.0, -1.0]);
        for (value, expected) in found.iter().zip([1.0, -1.0, 1.0, -1.0]) {
            assert!((value - expected / (1.154_700_538 + 1e-4)).abs() < 1e-9);
        }
        for rewards in [&[][..], &[0.7], &[-1.0, -1.0, -1.0]] {
            assert_eq!(group_advantages(rewards), vec![0.0; rewards.len()]);
        }
    }

    #[test]
    fn hand_worked_loss() {
        // Ratios e^0.5, cut to 1.2 by A = 1 and not by A = -1; two episodes, of one and of two tokens.
        let (loss, terms) = policy_loss(
            row(&[-0.5, -0.5, -1.0]),
            row(&[-1.0, -1.0, -1.0]),
            row(&[-0.5, -1.5, -1.0]),
            row(&[1.0, -1.0, -1.0]),
            row(&[0.5, 0.25, 0.25]),
            0.2,
            0.1,
        );
        // Second token: ρ/π = e^-1, so k₃ = 0.367879 + 1 - 1.
        let expected = -(0.5 * 1.2 + 0.25 * (-1.648_721 - 0.1 * 0.367_879) - 0.25);
        let found = f64::from(loss.into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        assert_eq!(terms.clipped, 2.0);
    }
}
