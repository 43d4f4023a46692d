//! What is asked of whoever proposes a program, and what came: how to sample, the text that was said, the ids that were sampled
//! where they are known, and why it ended.

pub use rlef_judge::sampling::Sampling;
pub use rlef_model::sampled::{FinishReason, Sampled};

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(crate) fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// What the policy said.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// As text.
    pub text: String,
    /// Why it ended.
    pub stop: FinishReason,
    /// Its ids, where they are known.
    pub sampled: Option<Sampled>,
    /// How many tokens it is, by the count of whoever sampled it; none where nobody counted.
    pub tokens: Option<usize>,
    /// Whether the text is empty because everything that was said is a thought.
    pub only_thought: bool,
    /// Whether whoever sampled it says that the model, or a filter, declined to answer.
    pub declined: bool,
}

impl Completion {
    /// Text of which nothing else is known, and that ended by itself.
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            stop: FinishReason::End,
            sampled: None,
            tokens: None,
            only_thought: false,
            declined: false,
        }
    }

    /// What was sampled, and what it says.
    pub fn of_sampled(text: String, sampled: Sampled, stop: FinishReason) -> Self {
        Self {
            text,
            stop,
            tokens: Some(sampled.ids.len()),
            sampled: Some(sampled),
            only_thought: false,
            declined: false,
        }
    }
}
