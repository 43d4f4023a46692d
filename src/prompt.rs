//! Problem → the text of the first message. The wording is a configured style; what must never enter a
//! prompt is a private test, and nothing here can see one.

use serde::{Deserialize, Serialize};

use crate::feedback::FORMAT_INSTRUCTION;

/// How much is said around the bare statement and feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// The statement and the failing cases alone: for small policies trained on this very form.
    #[default]
    Compact,
    /// With the request for a fenced Python program of RLEF's appendix C: for instructed models.
    Full,
}

/// The first message's text.
pub fn statement(style: PromptStyle, statement: &str) -> String {
    match style {
        PromptStyle::Compact => statement.to_owned(),
        PromptStyle::Full => format!(
            "Solve this programming problem in Python 3.\n\n{statement}\n\n{FORMAT_INSTRUCTION}"
        ),
    }
}
