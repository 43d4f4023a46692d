//! What a round's learning made of an episode, turn by turn: for whoever looks at it later. Nothing decides by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What learning made of one turn. Numbers are rounded to four places. A list has one number a sampled token, or a single one
/// where all would be the same, or none where nothing of the kind was computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnCredit {
    /// Sampled tokens.
    pub tokens: usize,
    /// What the objective itself added to the turn's reward, by name: `kl` for what holds the policy near the reference, and penalties.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<String, f64>,
    /// What each token was worth beside what was expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advantages: Vec<f64>,
    /// The policy's probability of each token in the update that learnt from it, over that of before the round's updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratios: Vec<f64>,
    /// Logarithm of the policy's probability of each token less the reference's, before the updates: its part in the KL divergence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_gap: Vec<f64>,
}

impl TurnCredit {
    /// The number of a token.
    pub fn of(all: &[f64], token: usize) -> Option<f64> {
        match all {
            [one] => Some(*one),
            all => all.get(token).copied(),
        }
    }

    /// Numbers as they are kept: rounded, one where all are the same, none where one is not finite.
    pub fn kept(all: impl Iterator<Item = f64>) -> Vec<f64> {
        // 0 is added so that no zero has a sign.
        let all: Vec<f64> = all.map(|value| (value * 1e4).round() / 1e4 + 0.0).collect();
        match all.first() {
            Some(_) if !all.iter().all(|value| value.is_finite()) => Vec::new(),
            Some(&first) if all.iter().all(|&value| value == first) => vec![first],
            _ => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_short() {
        let kept = |all: &[f64]| TurnCredit::kept(all.iter().copied());
        assert_eq!(kept(&[0.123_46, -0.000_01]), [0.1235, 0.0]);
        assert_eq!(kept(&[0.5, 0.500_001]), [0.5]);
        assert!(kept(&[0.5, f64::NAN]).is_empty());
        assert!(kept(&[]).is_empty());
        assert_eq!(TurnCredit::of(&[0.5], 7), Some(0.5));
        assert_eq!(TurnCredit::of(&[0.5, 0.25], 1), Some(0.25));
        assert_eq!(TurnCredit::of(&[0.5, 0.25], 2), None);
        assert_eq!(TurnCredit::of(&[], 0), None);
    }
}
