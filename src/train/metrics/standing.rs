//! How a round's episodes stand → the share that meets each judge's constraint and all of them, and how much better answers are
//! than the stored ones.

use std::collections::BTreeMap;

use super::Own;
use crate::episode::Episode;

/// Adds what is to be told of the episodes that are data, each with its rewards; nothing where there is neither a constraint nor a
/// stored answer.
pub(super) fn tell(played: &[(&Episode, &[f64])], own: &mut Own) {
    let mut by_judge: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (judge, met) in played
        .iter()
        .flat_map(|(episode, _)| &episode.standing.constraints)
    {
        let (count, of_them) = by_judge.entry(judge).or_default();
        *count += 1;
        *of_them += usize::from(*met);
    }
    for (judge, (count, met)) in &by_judge {
        own.add(&format!("met/{judge}"), *met as f64 / *count as f64);
    }
    if !by_judge.is_empty() {
        let feasible = played
            .iter()
            .filter(|(episode, _)| episode.standing.is_feasible());
        own.add("met", feasible.count() as f64 / played.len() as f64);
    }
    let beside = played.iter().filter_map(|(episode, rewards)| {
        let worth = rewards.last().copied().unwrap_or(0.0);
        Some(1.0 / (1.0 + (episode.standing.stored? - worth).exp()))
    });
    let beside: Vec<f64> = beside.collect();
    if !beside.is_empty() {
        own.add(
            "calibrated_reward",
            beside.iter().sum::<f64>() / beside.len() as f64,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::verdict::Grade;

    #[test]
    fn shares_are_of_each_judge_and_of_all() {
        let episode = |tests: bool, rules: bool, stored: Option<f64>| {
            let mut episode = played(&[Grade::Accepted], true);
            let met = [("tests".to_owned(), tests), ("rules".to_owned(), rules)];
            episode.standing.constraints = met.into();
            episode.standing.stored = stored;
            episode
        };
        let episodes = [
            episode(true, true, Some(1.0)),
            episode(true, false, Some(1.0)),
            episode(false, false, None),
            episode(true, false, None),
        ];
        let all: Vec<(&Episode, &[f64])> =
            episodes.iter().map(|one| (one, &[0.0, 1.0][..])).collect();
        let told = |played: &[(&Episode, &[f64])]| {
            let mut own = Own::default();
            tell(played, &mut own);
            own
        };
        let found = told(&all);
        assert_eq!(found.get("met"), Some(0.25));
        assert_eq!(found.get("met/tests"), Some(0.75));
        assert_eq!(found.get("met/rules"), Some(0.25));
        assert_eq!(found.get("calibrated_reward"), Some(0.5));
        let free = played(&[Grade::Accepted], true);
        assert!(told(&[(&free, &[1.0])]).is_empty() && told(&[]).is_empty());
    }
}
