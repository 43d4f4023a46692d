//! Judged turns → one scalar each: RLEF's outcome reward (Gehring et al. 2024, arXiv 2410.02089, section 2.2), and what
//! judges' scores add to it. The only place where a judgement becomes a number. Pure.

use std::collections::BTreeMap;

use super::StopReason;
use crate::judge::{JudgeConfig, Score};
use crate::verdict::{Grade, Verdict};

/// The scalars of the reward; defaults are the paper's.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardRule {
    /// At the end of an episode whose last answer passes all tests (section 2.2).
    pub solved: f64,
    /// At the end of an episode whose last answer fails a test (section 2.2).
    pub failed: f64,
    /// For a turn that isn't the last and holds no valid code (section 2.2).
    pub no_program: f64,
    /// What a judge's scores of whole answers are multiplied by, by its name; those of others count nothing.
    pub weights: BTreeMap<String, f64>,
}

impl Default for RewardRule {
    fn default() -> Self {
        Self {
            solved: 1.0,
            failed: -1.0,
            no_program: -0.2,
            weights: BTreeMap::new(),
        }
    }
}

impl RewardRule {
    /// The same, with the weights of these judges.
    #[must_use]
    pub fn with_weights(mut self, judges: &[JudgeConfig]) -> Self {
        let weights = judges
            .iter()
            .map(|judge| (judge.kind.clone(), judge.weight));
        self.weights.extend(weights);
        self
    }

    /// What scores add to the reward of their turn: those of parts of it are an objective's to use. Nothing where a judge that
    /// counts has no opinion: the turn's worth is then not known, and to leave the judge out would be to score it 0.
    fn of_scores(&self, scores: &[Score]) -> Option<Vec<(String, f64)>> {
        let whole = scores.iter().filter(|score| score.span.is_none());
        let counted = whole.filter_map(|score| {
            let weight = self.weights.get(&score.judge)?;
            match score.value {
                Some(value) => Some(Some((score.judge.clone(), weight * value))),
                None => (*weight != 0.0).then_some(None),
            }
        });
        counted.collect()
    }
}

/// The reward of a turn, by what it is for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// For what the turn came to: solved, failed, without a program, or none of them.
    pub outcome: f64,
    /// For what judges besides the tests said, with their weights, in the order in which they said it.
    pub scores: Vec<(String, f64)>,
}

impl Terms {
    /// For what a turn came to, and nothing else.
    pub const fn of_outcome(outcome: f64) -> Self {
        Self {
            outcome,
            scores: Vec::new(),
        }
    }

    /// The reward.
    pub fn sum(&self) -> f64 {
        self.outcome + self.scores.iter().map(|(_, value)| value).sum::<f64>()
    }
}

/// Rewards of the turns played so far, from the grade and the scores of each turn. `None` means that the episode must not be learnt
/// from: an answer or a verdict was lost, the last answer needs something that the isolation lacks, or a judge that counts has no
/// opinion on one of its turns.
pub fn rewards<'a>(
    turns: impl ExactSizeIterator<Item = (Grade, &'a [Score])>,
    stop: Option<StopReason>,
    outcome: Option<&Verdict>,
    rule: &RewardRule,
) -> Option<Vec<f64>> {
    let terms = terms(turns, stop, outcome, rule)?;
    Some(terms.iter().map(Terms::sum).collect())
}

/// [`rewards`], by what they are for.
pub fn terms<'a>(
    turns: impl ExactSizeIterator<Item = (Grade, &'a [Score])>,
    stop: Option<StopReason>,
    outcome: Option<&Verdict>,
    rule: &RewardRule,
) -> Option<Vec<Terms>> {
    if stop == Some(StopReason::Aborted) {
        return None;
    }
    // Whether the last turn of those there are is the last of all, and solved the problem.
    let end = match (stop, outcome) {
        (None, _) => None,
        (Some(_), Some(verdict)) if verdict.grade != Grade::Unsupported => {
            Some(verdict.is_accepted())
        }
        (Some(_), _) => return None,
    };
    let last = turns.len().checked_sub(1)?;
    let terms = turns.enumerate().map(|(turn, (grade, scores))| {
        let outcome = match (end.filter(|_| turn == last), grade) {
            (Some(true), _) => rule.solved,
            (Some(false), _) => rule.failed,
            (None, Grade::NoProgram) => rule.no_program,
            (None, _) => 0.0,
        };
        let scores = rule.of_scores(scores)?;
        Some(Terms { outcome, scores })
    });
    terms.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(grade: Grade) -> Verdict {
        Verdict {
            grade,
            ..Verdict::no_program(1)
        }
    }

    fn of(
        grades: &[Grade],
        stop: Option<StopReason>,
        outcome: Option<Grade>,
        rule: &RewardRule,
    ) -> Option<Vec<f64>> {
        let whole = |value| Score {
            judge: "rules".into(),
            value: Some(value),
            span: None,
            reason: String::new(),
        };
        let part = Score {
            span: Some(0..1),
            ..whole(100.0)
        };
        let scores = [whole(0.5), part];
        let turns = grades.iter().map(|&grade| (grade, &scores[..]));
        rewards(turns, stop, outcome.map(verdict).as_ref(), rule)
    }

    const GRADES: [Grade; 3] = [Grade::NoProgram, Grade::WrongAnswer, Grade::Accepted];

    #[test]
    fn the_last_turn_decides_and_a_turn_without_code_costs() {
        let rule = RewardRule::default();
        let ended = |outcome| of(&GRADES, Some(StopReason::Solved), Some(outcome), &rule);
        assert_eq!(ended(Grade::Accepted), Some(vec![-0.2, 0.0, 1.0]));
        // Public tests passed, private ones did not.
        assert_eq!(ended(Grade::WrongAnswer), Some(vec![-0.2, 0.0, -1.0]));
        // While it goes on no turn is the last one.
        assert_eq!(of(&GRADES, None, None, &rule), Some(vec![-0.2, 0.0, 0.0]));
    }

    #[test]
    fn what_was_lost_has_no_reward() {
        let rule = RewardRule::default();
        let (aborted, ended) = (Some(StopReason::Aborted), Some(StopReason::MaxTurns));
        assert_eq!(of(&GRADES, aborted, Some(Grade::Accepted), &rule), None);
        assert_eq!(of(&GRADES, ended, None, &rule), None);
        assert_eq!(of(&GRADES, ended, Some(Grade::Unsupported), &rule), None);
        assert_eq!(of(&[], ended, Some(Grade::WrongAnswer), &rule), None);
    }

    #[test]
    fn scores_of_whole_answers_count_by_their_judges_weight() {
        let config = |kind: &str, weight| JudgeConfig {
            kind: kind.into(),
            weight,
            at_least: None,
            settings: BTreeMap::new(),
        };
        let ended = |rule: &RewardRule| {
            of(
                &GRADES,
                Some(StopReason::Solved),
                Some(Grade::Accepted),
                rule,
            )
            .unwrap()
        };
        let judges = [config("tests", 1.0), config("rules", 0.25)];
        let rule = RewardRule::default().with_weights(&judges);
        assert_eq!(ended(&rule), [-0.2 + 0.125, 0.125, 1.125]);
        let rule = RewardRule::default().with_weights(&[config("other", 3.0)]);
        assert_eq!(ended(&rule), [-0.2, 0.0, 1.0]);
    }

    #[test]
    fn where_a_judge_that_counts_has_no_opinion_there_is_no_reward() {
        let silent = Score {
            judge: "ai_rating".into(),
            value: None,
            span: None,
            reason: "it refuses".into(),
        };
        let part = Score {
            span: Some(0..1),
            ..silent.clone()
        };
        let of = |scores: &[Score], weight: f64| {
            let mut rule = RewardRule::default();
            rule.weights.insert("ai_rating".into(), weight);
            let turns = [Grade::WrongAnswer, Grade::Accepted].map(|grade| (grade, scores));
            let outcome = verdict(Grade::Accepted);
            rewards(
                turns.into_iter(),
                Some(StopReason::Solved),
                Some(&outcome),
                &rule,
            )
        };
        assert_eq!(of(std::slice::from_ref(&silent), 0.5), None);
        // One that counts nothing, or speaks of a part alone, leaves the rest as it is.
        assert_eq!(of(&[silent], 0.0), Some(vec![0.0, 1.0]));
        assert_eq!(of(&[part], 0.5), Some(vec![0.0, 1.0]));
    }
}
