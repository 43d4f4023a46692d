//! Rewards and values of turns → returns and advantages. Monte-Carlo returns with no discount and a baseline read
//! at the turn's last prompt token (RLEF, arXiv 2410.02089, section 2.2); no GAE. Pure.

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
