//! The `[evaluation]` table of a run's TOML: what is measured before and after.

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
