//! The scalars of RLEF's reward (Gehring et al. 2024, arXiv 2410.02089, section 2.2). The environment computes it, once, and
//! episodes carry it; the KL term is added where both log-probabilities are known, by [`shaped`]. Pure.

use serde::{Deserialize, Serialize};

use crate::environment::{self, RewardRule};
use crate::episode::{Episode, StopReason};
use crate::verdict::Grade;

/// The scalars of the reward; defaults are the paper's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RewardConfig {
    /// At the end of an episode whose last answer passes all tests (section 2.2).
    pub solved: f64,
    /// At the end of an episode whose last answer fails a test (section 2.2).
    pub failed: f64,
    /// For a turn that isn't the last and holds no valid code (section 2.2).
    pub no_program: f64,
    /// Weight β of the KL term (section 2.2).
    pub kl_beta: f64,
}

impl Default for RewardConfig {
    fn default() -> Self {
        Self {
            solved: 1.0,
            failed: -1.0,
            no_program: -0.2,
            kl_beta: 0.05,
        }
    }
}

impl RewardConfig {
    /// What turns are worth without the KL term, which needs tokens.
    pub fn rule(&self) -> RewardRule {
        RewardRule {
            solved: self.solved,
            failed: self.failed,
            no_program: self.no_program,
            ..RewardRule::default()
        }
    }
}

/// Rewards of an episode's turns, without the KL term: those it carries, else what the environment would have said; none
/// where such an episode is no data.
pub fn score(episode: &Episode, config: &RewardConfig) -> Option<Vec<f64>> {
    if episode.standing.withheld.is_some() {
        return None;
    }
    if episode.rewards.is_some() {
        return episode.rewards.clone();
    }
    let turns = (episode.turns.iter()).map(|turn| (turn.verdict.grade, &turn.scores[..]));
    let outcome = episode.outcome.as_ref();
    let stop = episode.stop.or(Some(StopReason::MaxTurns));
    // Which judges count is not known here.
    if lacks_opinion(episode) {
        return None;
    }
    environment::rewards(turns, stop, outcome, &config.rule())
}

/// Whether a judge has no opinion on the whole of one of its answers, or on a constraint.
pub fn lacks_opinion(episode: &Episode) -> bool {
    if episode.standing.withheld.is_some() {
        return true;
    }
    let mut scores = episode.turns.iter().flat_map(|turn| &turn.scores);
    scores.any(|score| score.span.is_none() && score.value.is_none())
}

/// Whether the last answer could not be judged under the chosen isolation.
pub fn is_unsupported(episode: &Episode) -> bool {
    let outcome = episode.outcome.as_ref();
    outcome.is_some_and(|verdict| verdict.grade == Grade::Unsupported)
}

/// `r - β · mean(log π - log ρ)` over the tokens of one turn: the response's probability is the geometric mean
/// of its tokens', so that long answers aren't punished for their length (section 2.2).
pub fn shaped(
    reward: f64,
    policy_logprobs: &[f32],
    reference_logprobs: &[f32],
    kl_beta: f64,
) -> f64 {
    reward - kl_beta * mean_log_ratio(policy_logprobs, reference_logprobs)
}

/// Mean over a turn's tokens of `log π - log ρ`; zero for a turn without tokens.
pub fn mean_log_ratio(policy_logprobs: &[f32], reference_logprobs: &[f32]) -> f64 {
    let sum: f64 = policy_logprobs
        .iter()
        .zip(reference_logprobs)
        .map(|(&p, &r)| f64::from(p) - f64::from(r))
        .sum();
    sum / policy_logprobs.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;

    #[test]
    fn the_last_turn_decides_and_a_turn_without_code_costs() {
        let config = RewardConfig::default();
        let grades = [Grade::NoProgram, Grade::WrongAnswer, Grade::Accepted];
        assert_eq!(
            score(&played(&grades, true), &config),
            Some(vec![-0.2, 0.0, 1.0])
        );
        // Public tests passed, private ones did not.
        assert_eq!(
            score(&played(&grades, false), &config),
            Some(vec![-0.2, 0.0, -1.0])
        );
        assert_eq!(
            score(&played(&[Grade::NoProgram; 3], false), &config),
            Some(vec![-0.2, -0.2, -1.0])
        );
    }

    #[test]
    fn an_episode_on_which_a_judge_has_no_opinion_has_no_reward_of_its_own() {
        let mut episode = played(&[Grade::Accepted], true);
        episode.turns[0].scores = vec![crate::judge::Score {
            judge: "ai_rating".into(),
            value: None,
            span: None,
            reason: "it refuses".into(),
        }];
        assert_eq!(score(&episode, &RewardConfig::default()), None);
        // Whoever knew that it counts nothing has said so.
        episode.rewards = Some(vec![1.0]);
        assert_eq!(score(&episode, &RewardConfig::default()), Some(vec![1.0]));
    }

    #[test]
    fn an_aborted_episode_has_no_reward() {
        let mut episode = played(&[Grade::WrongAnswer], false);
        episode.stop = Some(StopReason::Aborted);
        assert_eq!(score(&episode, &RewardConfig::default()), None);
        let mut ungraded = played(&[Grade::WrongAnswer], false);
        ungraded.outcome = None;
        assert_eq!(score(&ungraded, &RewardConfig::default()), None);
    }

    #[test]
    fn an_answer_that_the_isolation_cannot_run_is_no_wrong_one() {
        let config = RewardConfig::default();
        let mut episode = played(&[Grade::NoProgram, Grade::Unsupported], false);
        episode.outcome = Some(crate::episode::tests::verdict(Grade::Unsupported));
        assert!(is_unsupported(&episode));
        assert_eq!(score(&episode, &config), None);
        // It went on and gave an answer that can be judged.
        let repaired = played(&[Grade::Unsupported, Grade::Accepted], true);
        assert_eq!(score(&repaired, &config), Some(vec![0.0, 1.0]));
    }

    #[test]
    fn the_kl_term_is_a_mean_over_tokens() {
        let value = shaped(1.0, &[-1.0, -2.0], &[-1.5, -3.5], 0.05);
        assert!((value - (1.0 - 0.05 * 1.0)).abs() < 1e-12);
        assert_eq!(shaped(1.0, &[], &[], 0.05), 1.0);
    }
}
