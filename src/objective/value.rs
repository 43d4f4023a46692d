//! The clipped loss of values (Schulman et al. 2017, arXiv 1707.06347; Gehring et al. 2024, arXiv 2410.02089, section 2.2).

use burn::tensor::Tensor;

/// `Σ ½ max((V - R)², (clip(V, V_old - α, V_old + α) - R)²) / turns`, inputs `[n]`, one entry a turn.
pub fn loss(
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

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{differences, near, number, row};
    use super::*;

    #[test]
    fn hand_worked() {
        // (0.9-1)²=.01 against (0.2-1)²=.64; (−.1−1)²=1.21 against (−.1−1)²
        let (old, returns) = (row(&[0.0, 0.0]), row(&[1.0, 1.0]));
        let found = loss(row(&[0.9, -0.1]), old, returns, 0.2, 2);
        near(number(found), 0.5 * (0.64 + 1.21) / 2.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let old = [0.0, 0.1, 0.2, 1.5];
        let returns = [1.0, -1.0, 0.3, 0.9];
        let at = [0.15, 0.6, 0.21, 0.8];
        differences(
            &at,
            |x| loss(x, row(&old), row(&returns), 0.2, 4),
            |x| number(loss(row(x), row(&old), row(&returns), 0.2, 4)),
        );
    }
}
