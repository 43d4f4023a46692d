//! How an answer is drawn: named here because scores depend on it; whoever draws is elsewhere.

use serde::{Deserialize, Serialize};

/// How tokens are drawn. The cuts follow each other: temperature, then the `top_k` likeliest, then the nucleus of what
/// is left, as in vLLM and transformers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most likely token. 1 while training, as in the paper.
    pub temperature: f64,
    /// Keeps the smallest set of tokens whose probability reaches this; 1 keeps all.
    pub top_p: f64,
    /// Keeps this many of the likeliest tokens, of equals the first by id; 0 keeps all.
    #[serde(skip_serializing_if = "is_zero")]
    pub top_k: usize,
    /// Tokens of one completion at most. The paper gives no number; 96 is enough for the starter's programs.
    pub max_tokens: usize,
    /// Texts that end an answer. Its text ends before the first of them; its tokens are all that were drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

impl Default for Sampling {
    /// The model's own distribution, cut nowhere.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            max_tokens: 96,
            stop: Vec::new(),
        }
    }
}
