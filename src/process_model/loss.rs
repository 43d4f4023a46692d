//! What the head gives at the ends of steps → the loss.

use burn::tensor::{Tensor, activation::log_sigmoid};

use crate::learner::numbers;

/// What a step should be said of, and what it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// How likely it is right.
    pub share: f64,
    /// What it counts.
    pub weight: f64,
}

/// `-Σ w (y log σ(x) + (1 - y) log σ(-x))`, the cross-entropy of labels that may be unsure.
pub fn cross_entropy(values: Tensor<1>, targets: &[Target]) -> Tensor<1> {
    let device = values.clone().inner().device();
    let list = |of: &dyn Fn(&Target) -> f64| {
        numbers(
            targets.iter().map(|target| of(target) as f32).collect(),
            &device,
        )
    };
    let right = log_sigmoid(values.clone()) * list(&|target| target.share);
    let wrong = log_sigmoid(-values) * list(&|target| 1.0 - target.share);
    ((right + wrong) * list(&|target| target.weight))
        .sum()
        .neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::stats::tests::{differences, near, number, row};

    fn target(share: f64, weight: f64) -> Target {
        Target { share, weight }
    }

    #[test]
    fn hand_worked_loss() {
        // -log σ(0.5) = 0.474077, -log σ(-0.5) = 0.974077; -log σ(-1) = 1.313262.
        let targets = [target(1.0, 1.0), target(0.0, 0.5)];
        let found = cross_entropy(row(&[0.5, 1.0]), &targets);
        near(number(found), 0.474_076_98 + 0.5 * 1.313_261_69);
        // Three of four completions came out right.
        let found = cross_entropy(row(&[0.5]), &[target(0.75, 2.0)]);
        near(
            number(found),
            2.0 * (0.75 * 0.474_076_98 + 0.25 * 0.974_076_98),
        );
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let targets = [target(1.0, 0.3), target(0.0, 1.0), target(0.4, 0.7)];
        let loss = |x: Tensor<1>| cross_entropy(x, &targets);
        differences(&[0.3, -0.8, 1.2], loss, |x| {
            number(loss(row(x).autodiff()).inner())
        });
    }
}
