//! What a sampler gives: ids with their log-probabilities, and why they ended.

use serde::{Deserialize, Serialize};

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The end token was drawn; it is the last token of the completion.
    End,
    /// The text that the tokens stand for holds a stop text.
    Text,
    /// The token limit was reached.
    Length,
}

/// Token ids that were really sampled. Whoever only has text has none, and nobody makes any up: what is learnt from is this.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampled {
    /// The ids, in order.
    pub ids: Vec<u32>,
    /// Log-probability of each id when it was drawn.
    pub log_probs: Vec<f32>,
}
