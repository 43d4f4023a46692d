//! Numbers of several problems → what they allow one to say: intervals, p-values, how much data it takes. Pure; every
//! random draw is seeded. Knows nothing of episodes or gates.
//!
//! The unit is what was sampled together, a cluster: the samples of one problem are alike, and so are problems that share a
//! statement. A cluster is drawn, flipped or counted whole.

pub mod bootstrap;
pub mod paired;

use serde::{Deserialize, Serialize};

/// A share with its 95% interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:5.1}% [{:.1}, {:.1}]",
            100.0 * self.mean,
            100.0 * self.low,
            100.0 * self.high
        )
    }
}

/// Probability that a standard normal variable is below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// The value below which a standard normal variable is with probability `p`, which lies strictly between 0 and 1.
pub fn normal_quantile(p: f64) -> f64 {
    bisect(-40.0, 40.0, |z| normal_cdf(z) < p)
}

/// Wilson's score interval (1927) of `hits` in `n`, with normal quantile `z`.
pub fn wilson(hits: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let share = hits / n;
    let square = z * z / n;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = z / (1.0 + square)
        * (share * (1.0 - share) / n + square / (4.0 * n))
            .max(0.0)
            .sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Adjusts the p-values of a family so that comparing each with alpha keeps the chance of any false alarm below alpha
/// (Holm 1979). In the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&one, &other| p_values[one].total_cmp(&p_values[other]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        largest = largest.max(p_values[index] * (p_values.len() - rank) as f64);
        adjusted[index] = largest.min(1.0);
    }
    adjusted
}

/// Where `below` turns from true to false between `low` and `high`, to the last bit that matters.
pub(crate) fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_values_of_the_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914),
            (0.95, 1.644_853_626_951_472),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813),
        ] {
            assert!((normal_quantile(p) - z).abs() < 1e-12, "{p}");
            assert!((normal_cdf(z) - p).abs() < 1e-14, "{z}");
        }
    }

    #[test]
    fn wilson_by_hand() {
        // n = 10, none: z^2 / (n + z^2) = 3.8415 / 13.8415.
        let z = normal_quantile(0.975);
        let (low, high) = wilson(0.0, 10.0, z);
        assert!(
            low.abs() < 1e-12 && (high - 0.277_53).abs() < 1e-5,
            "{low} {high}"
        );
        // n = 10, half: symmetric, 0.5 ± z / 13.8415 * sqrt(10 * (2.5 + 0.96036)) ... = 0.5 ± 0.26341.
        let (low, high) = wilson(5.0, 10.0, z);
        assert!(
            (low - 0.236_59).abs() < 1e-5 && (high - 0.763_41).abs() < 1e-5,
            "{low} {high}"
        );
    }

    #[test]
    fn holm_by_hand() {
        // Sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, made monotone: .04 .06 .06 .06.
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.02]);
        let expected = [0.06, 0.04, 0.06, 0.06];
        assert!(
            adjusted
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{adjusted:?}"
        );
        assert!(holm(&[]).is_empty());
    }
}
