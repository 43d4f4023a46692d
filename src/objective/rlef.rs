//! RLEF's losses (Gehring et al. 2024, arXiv 2410.02089, section 2.2 and appendix A): PPO's clip per token with a
//! truncated correction for the behaviour policy inside the ratio, and a clipped value loss per turn.

use burn::tensor::Tensor;

/// What one policy loss saw, summed over its tokens; divide by the number of tokens for means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyTerms {
    /// Σ of the estimator `(π/π_old - 1) - log(π/π_old)` (Schulman's k3), never negative.
    pub kl: f64,
    /// Tokens whose ratio left `[1 - ε, 1 + ε]`.
    pub clipped: f64,
    /// Largest distance of a ratio from 1.
    pub ratio_gap: f64,
}

/// `-Σ min(r A, clip(r, 1 - ε, 1 + ε) A) / tokens` with `r = π/π_old · sg(min(π/π_b, 1))`.
///
/// All inputs are `[n]`, one entry a sampled token: `new` carries the gradient, `old` is the trainer's policy before
/// the update, `behaviour` the sampler's. `tokens` counts all actions of the update.
pub fn policy_loss(
    new: Tensor<1>,
    old: Tensor<1>,
    behaviour: Tensor<1>,
    advantages: Tensor<1>,
    clip: f64,
    tokens: usize,
) -> (Tensor<1>, PolicyTerms) {
    let plain = new.clone().inner();
    let correction = (plain.clone() - behaviour).exp().clamp_max(1.0);
    let log_ratio = plain - old.clone();
    let terms = terms(&log_ratio, clip);
    let ratio = (new - old).exp() * correction;
    let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip);
    let objective = (ratio * advantages.clone()).min_pair(clipped * advantages);
    (objective.sum().neg() / tokens as f64, terms)
}

/// `Σ ½ max((V - R)², (clip(V, V_old - α, V_old + α) - R)²) / turns`, inputs `[n]`, one entry a turn.
pub fn value_loss(
    values: Tensor<1>,
    old: Tensor<1>,
    returns: Tensor<1>,
    clip: f64,
    turns: usize,
) -> Tensor<1> {
    let clipped = old.clone() + (values.clone() - old).clamp(-clip, clip);
    let free = (values - returns.clone()).square();
    let bound = (clipped - returns).square();
    free.max_pair(bound).sum() * (0.5 / turns as f64)
}

pub(super) fn terms(log_ratio: &Tensor<1>, clip: f64) -> PolicyTerms {
    let mut terms = PolicyTerms::default();
    let values = log_ratio
        .to_data()
        .try_to_vec::<f32>()
        .expect("log-probabilities are f32");
    for value in values.into_iter().map(f64::from) {
        let ratio = value.exp();
        terms.kl += ratio - 1.0 - value;
        terms.clipped += f64::from(u8::from((ratio - 1.0).abs() > clip));
        terms.ratio_gap = terms.ratio_gap.max((ratio - 1.0).abs());
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn row(values: &[f32]) -> Tensor<1> {
        Tensor::from_floats(values, &Device::flex())
    }

    fn number(tensor: Tensor<1>) -> f64 {
        f64::from(tensor.into_scalar::<f32>())
    }

    #[test]
    fn hand_worked_policy_loss() {
        // Ratios e^0.5 = 1.6487 and e^-0.5 = 0.6065; the sampler agrees with the new policy or was likelier.
        let old = [-1.0, -1.0, -1.0, -1.0];
        let new = [-0.5, -1.5, -0.5, -1.5];
        let advantages = [1.0, 1.0, -1.0, -1.0];
        let (loss, terms) = policy_loss(row(&new), row(&old), row(&new), row(&advantages), 0.2, 4);
        // min(1.6487, 1.2) + 0.6065 - max(1.6487, 1.2) - max(0.6065, 0.8)
        let expected = -(1.2 + 0.606_530_66 - 1.648_721_27 - 0.8) / 4.0;
        assert!((number(loss) - expected).abs() < 1e-6);
        assert_eq!(terms.clipped, 4.0);
        assert!((terms.ratio_gap - 0.648_721).abs() < 1e-5);
    }

    #[test]
    fn the_correction_is_cut_at_one_and_scales_the_ratio() {
        // π/π_b = e^-1 = 0.3679 for the first token; e^1, cut to 1, for the second.
        let (loss, _) = policy_loss(
            row(&[-2.0, -2.0]),
            row(&[-2.0, -2.0]),
            row(&[-1.0, -3.0]),
            row(&[-1.0, 1.0]),
            0.2,
            2,
        );
        // First: max of 0.3679 and 0.8 counts, with A = -1; second: ratio 1.
        assert!((number(loss) - (-(-0.8 + 1.0) / 2.0)).abs() < 1e-6);
    }

    #[test]
    fn hand_worked_value_loss() {
        // (0.9-1)²=.01 against (0.2-1)²=.64; (−.1−1)²=1.21 against (−.1−1)²
        let loss = value_loss(
            row(&[0.9, -0.1]),
            row(&[0.0, 0.0]),
            row(&[1.0, 1.0]),
            0.2,
            2,
        );
        assert!((number(loss) - 0.5 * (0.64 + 1.21) / 2.0).abs() < 1e-6);
    }

    /// Central differences of every loss against its gradient, at points away from the kinks.
    #[test]
    fn gradients_agree_with_finite_differences() {
        let old = [-1.0, -0.7, -1.3, -2.0];
        let behaviour = [-1.1, -0.2, -1.3, -2.5];
        let advantages = [0.7, -1.2, 0.4, -0.3];
        let at = [-0.95, -0.8, -1.4, -1.7];
        let policy =
            |x: Tensor<1>| policy_loss(x, row(&old), row(&behaviour), row(&advantages), 0.2, 4).0;
        // The correction is a constant of the gradient: hold it at the point while differencing.
        let held: Vec<f32> = at
            .iter()
            .zip(&behaviour)
            .map(|(a, b): (&f32, &f32)| (a - b).exp().min(1.0))
            .collect();
        let surrogate = |x: &[f32]| -> f64 {
            (0..4)
                .map(|i| {
                    let ratio = f64::from(x[i] - old[i]).exp() * f64::from(held[i]);
                    let a = f64::from(advantages[i]);
                    -(ratio * a).min(ratio.clamp(0.8, 1.2) * a) / 4.0
                })
                .sum()
        };
        check(&at, policy, surrogate);
        let returns = [1.0, -1.0, 0.3, 0.9];
        let value_old = [0.0, 0.1, 0.2, 1.5];
        let value = |x: Tensor<1>| value_loss(x, row(&value_old), row(&returns), 0.2, 4);
        let plain = |x: &[f32]| number(value_loss(row(x), row(&value_old), row(&returns), 0.2, 4));
        check(&[0.15, 0.6, 0.21, 0.8], value, plain);
    }

    fn check(at: &[f32], loss: impl Fn(Tensor<1>) -> Tensor<1>, plain: impl Fn(&[f32]) -> f64) {
        let x = Tensor::<1>::from_floats(at, &Device::flex().autodiff()).require_grad();
        let grads = loss(x.clone()).backward();
        let analytic = x
            .grad(&grads)
            .unwrap()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        for i in 0..at.len() {
            let (mut up, mut down) = (at.to_vec(), at.to_vec());
            up[i] += 1e-2;
            down[i] -= 1e-2;
            let numeric = (plain(&up) - plain(&down)) / 2e-2;
            assert!(
                (numeric - f64::from(analytic[i])).abs() < 2e-3,
                "entry {i}: {numeric} against {}",
                analytic[i]
            );
        }
    }
}
