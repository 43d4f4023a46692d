//! How an episode stands beside its reward: which constraints its last answer meets, and what the stored answer to its problem is
//! worth (CGPO, Xu et al. 2024, arXiv 2409.20370, sections 3 and 4.1). A constraint on which its judge has no opinion is neither
//! met nor violated: the episode is then no data. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Episode;
use crate::judge::JudgeConfig;
use crate::verdict::Grade;

/// The judge whose word is the verdict itself.
const TESTS: &str = "tests";

/// How an episode stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The task it was played for, where a run has several.
    pub task: Option<Arc<str>>,
    /// Whether its last answer meets each constraint, by the judge's name.
    pub constraints: BTreeMap<String, bool>,
    /// What the stored answer to its problem is worth, where it was asked for.
    pub stored: Option<f64>,
    /// Why nothing is learnt from it although it was played; absent where something is.
    pub withheld: Option<String>,
}

impl Standing {
    /// Whether all constraints are met: every one, for an answer that any judge rejects is violated (section 3; Algorithm 1 prints
    /// an "or" of judges).
    pub fn is_feasible(&self) -> bool {
        self.constraints.values().all(|met| *met)
    }
}

/// Holds the last answer of an episode against the constraints among these judges.
pub fn constrain(episode: &mut Episode, judges: &[JudgeConfig]) {
    let Some(outcome) = episode.outcome.as_ref().map(|verdict| verdict.grade) else {
        return;
    };
    let scores = episode.turns.last().map_or(&[][..], |turn| &turn.scores);
    let mut standing = std::mem::take(&mut episode.standing);
    for (judge, least) in judges
        .iter()
        .filter_map(|judge| Some((judge, judge.at_least?)))
    {
        let kind = &judge.kind;
        let mut whole = scores.iter().filter(|score| score.span.is_none());
        let found = whole.find(|score| score.judge == *kind);
        let value = match found {
            Some(score) => score.value.ok_or_else(|| score.reason.clone()),
            None if kind == TESTS && outcome != Grade::Unsupported => {
                Ok(f64::from(u8::from(outcome == Grade::Accepted)))
            }
            None => Err("it said nothing of the answer".to_owned()),
        };
        match value {
            Ok(value) => {
                standing.constraints.insert(kind.clone(), value >= least);
            }
            Err(reason) => {
                let words = format!(
                    "whether it meets the constraint of judge `{kind}` is not known: {reason}"
                );
                standing.withheld.get_or_insert(words);
            }
        }
    }
    episode.standing = standing;
}

#[cfg(test)]
mod tests {
    use super::super::tests::{played, verdict};
    use super::*;
    use crate::judge::Score;
    use crate::reward::{RewardConfig, score};

    fn judges() -> Vec<JudgeConfig> {
        ["tests", "rules"]
            .map(|kind| JudgeConfig {
                at_least: Some(if kind == "tests" { 1.0 } else { 0.5 }),
                ..JudgeConfig::of(kind)
            })
            .to_vec()
    }

    fn standing(solved: bool, rules: &[Option<f64>]) -> Episode {
        let mut episode = played(&[Grade::WrongAnswer, Grade::Accepted], solved);
        let said = |value| Score {
            judge: "rules".to_owned(),
            value,
            span: None,
            reason: "why".to_owned(),
        };
        // What was said of an earlier answer, or of a part, decides nothing.
        episode.turns[0].scores = vec![said(Some(1.0))];
        let mut part = said(Some(1.0));
        part.span = Some(0..1);
        episode.turns[1].scores = [part]
            .into_iter()
            .chain(rules.iter().copied().map(said))
            .collect();
        constrain(&mut episode, &judges());
        episode
    }

    #[test]
    fn an_answer_that_any_judge_rejects_is_violated() {
        for (solved, rules, feasible) in [
            (true, 0.5, true),
            (true, 0.4, false),
            (false, 0.5, false),
            (false, 0.0, false),
        ] {
            let found = standing(solved, &[Some(rules)]).standing;
            assert_eq!(found.is_feasible(), feasible, "{solved} {rules}");
            assert_eq!(found.constraints["tests"], solved);
            assert_eq!(found.constraints["rules"], rules >= 0.5);
            assert_eq!(found.withheld, None);
        }
        let mut free = played(&[Grade::WrongAnswer], false);
        constrain(&mut free, &[JudgeConfig::of("rules")]);
        assert!(free.standing.is_feasible() && free.standing.constraints.is_empty());
    }

    #[test]
    fn what_is_not_known_is_neither_met_nor_violated_and_nothing_is_learnt_from_it() {
        for (rules, words) in [(&[None][..], "why"), (&[], "said nothing")] {
            let mut episode = standing(true, rules);
            let said = episode.standing.withheld.clone().unwrap();
            assert!(said.contains("`rules`") && said.contains(words), "{said}");
            assert!(!episode.standing.constraints.contains_key("rules"));
            for rewards in [None, Some(vec![0.0, 1.0])] {
                episode.rewards = rewards;
                assert_eq!(score(&episode, &RewardConfig::default()), None);
            }
        }
        // Where the sandbox lost the verdict, nothing is said at all.
        let mut lost = played(&[Grade::WrongAnswer], false);
        lost.outcome = None;
        constrain(&mut lost, &judges());
        assert_eq!(lost.standing, Standing::default());
        // What the isolation can't run was not tested.
        let mut unsupported = played(&[Grade::Unsupported], false);
        unsupported.outcome = Some(verdict(Grade::Unsupported));
        constrain(&mut unsupported, &judges());
        assert!(unsupported.standing.constraints.is_empty());
    }
}
