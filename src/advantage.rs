//! Rewards and values of turns → returns and advantages. Monte-Carlo returns with no discount and a baseline read
//! at the turn's last prompt token (RLEF, arXiv 2410.02089, section 2.2); or, of tokens, generalised estimates. Pure.

use serde::{Deserialize, Serialize};

/// Over what advantages are brought to mean 0 and deviation 1; the paper does not name the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalisation {
    /// All turns collected in one round.
    #[default]
    Batch,
    /// Not at all.
    Off,
}

/// Sum of the rewards from each turn to the last.
pub fn returns(rewards: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut all: Vec<f64> = rewards
        .iter()
        .rev()
        .map(|reward| {
            sum += reward;
            sum
        })
        .collect();
    all.reverse();
    all
}

/// Return minus value, normalised; each turn has one, shared by all its tokens.
pub fn advantages(returns: &[f64], values: &[f64], normalisation: Normalisation) -> Vec<f64> {
    let raw: Vec<f64> = returns.iter().zip(values).map(|(r, v)| r - v).collect();
    match normalisation {
        Normalisation::Off => raw,
        Normalisation::Batch => normalised(&raw),
    }
}

/// Generalised advantage estimates of one row's tokens, `Σ_l (γλ)^l δ_{t+l}` with `δ_t = r_t + γ V_{t+1} - V_t` and nothing after
/// the last (Schulman et al. 2015, arXiv 1506.02438, equations 11, 12 and 16).
pub fn generalised(rewards: &[f64], values: &[f64], gamma: f64, lambda: f64) -> Vec<f64> {
    let mut all = vec![0.0; rewards.len()];
    let (mut next_value, mut next) = (0.0, 0.0);
    for index in (0..rewards.len()).rev() {
        let surprise = rewards[index] + gamma * next_value - values[index];
        next = surprise + gamma * lambda * next;
        all[index] = next;
        next_value = values[index];
    }
    all
}

/// The same numbers with deviation 1 and their own mean: rewards are whitened without a shift (Huang et al., "The N
/// Implementation Details of RLHF with PPO", general detail 9). A constant list stays as it is.
pub fn scaled(values: &[f64]) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let normal = normalised(values);
    if normal.iter().all(|value| *value == 0.0) {
        return values.to_vec();
    }
    normal.into_iter().map(|value| value + mean).collect()
}

/// Mean 0, (biased) deviation 1; a constant list becomes zeros.
fn normalised(values: &[f64]) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    values
        .iter()
        .map(|value| (value - mean) / (variance.sqrt() + 1e-8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn returns_are_sums_to_the_end() {
        assert_eq!(returns(&[-0.2, 0.0, 1.0]), vec![0.8, 1.0, 1.0]);
        assert!(returns(&[]).is_empty());
    }

    #[test]
    fn a_hand_worked_case() {
        assert_eq!(
            advantages(&[0.8, 1.0], &[0.3, 1.5], Normalisation::Off),
            vec![0.5, -0.5]
        );
        let normal = advantages(&[0.8, 1.0], &[0.3, 1.5], Normalisation::Batch);
        assert!((normal[0] - 1.0).abs() < 1e-6 && (normal[1] + 1.0).abs() < 1e-6);
        assert_eq!(
            advantages(&[2.0, 2.0], &[1.0, 1.0], Normalisation::Batch),
            vec![0.0, 0.0]
        );
    }

    #[test]
    fn hand_worked_generalised_estimates() {
        // δ: 0 + 0.5 - 1, -0.2 + 0 - 0.5, 1 - 0; γλ = 0.5: 1, -0.7 + 0.5, -0.5 - 0.1.
        let found = generalised(&[0.0, -0.2, 1.0], &[1.0, 0.5, 0.0], 1.0, 0.5);
        for (found, expected) in found.iter().zip([-0.6, -0.2, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found}");
        }
        // With λ = 1 and γ = 1 they are the returns less the values; with λ = 0 the surprise of one step.
        let (rewards, values) = ([0.3, -0.1, 2.0], [0.2, 0.7, -0.4]);
        let whole = generalised(&rewards, &values, 1.0, 1.0);
        let expected = returns(&rewards);
        for index in 0..3 {
            assert!((whole[index] - (expected[index] - values[index])).abs() < 1e-12);
        }
        let step = generalised(&rewards, &values, 0.5, 0.0);
        assert!((step[1] - (-0.1 + 0.5 * -0.4 - 0.7)).abs() < 1e-12);
        assert!(generalised(&[], &[], 1.0, 0.95).is_empty());
    }

    #[test]
    fn scaled_numbers_keep_their_mean() {
        // Mean 1, deviation 2.
        let found = scaled(&[3.0, -1.0]);
        assert!(
            (found[0] - 2.0).abs() < 1e-6 && found[1].abs() < 1e-6,
            "{found:?}"
        );
        assert_eq!(scaled(&[0.7, 0.7]), [0.7, 0.7]);
    }

    proptest! {
        #[test]
        fn normalised_advantages_have_mean_zero_and_deviation_at_most_one(raw in prop::collection::vec(-5.0..5.0f64, 1..40)) {
            let zeros = vec![0.0; raw.len()];
            let normal = advantages(&raw, &zeros, Normalisation::Batch);
            let mean = normal.iter().sum::<f64>() / normal.len() as f64;
            let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / normal.len() as f64;
            prop_assert!(mean.abs() < 1e-6);
            prop_assert!(variance < 1.0 + 1e-6);
        }
    }
}
