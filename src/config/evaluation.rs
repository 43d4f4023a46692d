//! The `[evaluation]` and `[validation]` tables of a run's TOML: what is measured before and after, and what between rounds.

use serde::{Deserialize, Serialize};

use crate::completion::is_zero;

/// The name that stands for the part of the training problems that is set aside.
pub const HELD_OUT: &str = "held-out";

/// Evaluation before and after training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationConfig {
    /// Problems to evaluate on: a file, `contest:test`, or `held-out` for a part of the training problems that is then not
    /// trained on. Empty skips it.
    pub problems: String,
    /// Share of the training problems that `held-out` sets aside, whole clusters, one at least and about 200 problems at most.
    pub held_out: f64,
    /// Episodes per problem; the paper plays 200 on CodeContests and 20 elsewhere (section 3.1).
    pub rollouts: usize,
    /// Sampling temperature. The paper's 1@3 takes 0.2 (section 3.1); the starter is measured as it was trained, at 1, and a
    /// model with a generation_config.json as that says.
    pub temperature: f64,
    /// Nucleus; the paper takes 0.95, the starter keeps all.
    pub top_p: f64,
    /// Likeliest tokens kept; 0, as in the paper, keeps all.
    #[serde(skip_serializing_if = "is_zero")]
    pub top_k: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            problems: "contest:test".to_owned(),
            held_out: 0.2,
            rollouts: 4,
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
        }
    }
}

/// Evaluation between rounds. The policy that solves most of it is kept in `checkpoints/best`, beside those a run goes on
/// from. How answers are sampled is as in `[evaluation]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValidationConfig {
    /// Problems to validate on: a file, `contest:validation`, or `held-out`, which are then those of `[evaluation]`. What is
    /// best on them is so partly by chance: report it on others. Empty for no validation.
    pub problems: String,
    /// Rounds between two validations; 0 for none. The paper validates every 800 updates (appendix A.1), which are 200 rounds;
    /// the starter's 30 rounds are not validated.
    pub every: usize,
    /// Episodes per problem.
    pub rollouts: usize,
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            problems: String::new(),
            every: 0,
            rollouts: 1,
        }
    }
}

impl ValidationConfig {
    /// Whether there is one.
    pub const fn is_on(&self) -> bool {
        self.every > 0 && !self.problems.is_empty()
    }

    /// Whether there is one after so many rounds of so many.
    pub const fn is_due(&self, rounds: usize, of: usize) -> bool {
        self.is_on() && (rounds.is_multiple_of(self.every) || rounds == of)
    }
}
