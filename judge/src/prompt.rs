//! Problem → the text of the first message. The wording is a configured style; what must never enter a
//! prompt is a private test, and nothing here can see one.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

use crate::feedback::format_instruction;

/// How much is said around the bare statement and feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// The statement and the failing cases alone: for small policies trained on this very form.
    #[default]
    Compact,
    /// With the request for a fenced program of RLEF's appendix C: for instructed models.
    Full,
}

/// The first message's text.
pub fn statement(style: PromptStyle, language: Language, statement: &str) -> String {
    match style {
        PromptStyle::Compact => statement.to_owned(),
        PromptStyle::Full => {
            let title = match language {
                Language::Python => "Python 3",
                other => other.title(),
            };
            let format = format_instruction(language);
            format!("Solve this programming problem in {title}.\n\n{statement}\n\n{format}")
        }
    }
}
