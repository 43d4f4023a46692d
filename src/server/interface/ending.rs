//! How an answer of a chat or completions server ended, in the words that different servers have for it.

use serde_json::Value;

use crate::server::words;

/// What servers say where the limit of tokens cut an answer.
const CUT: [&str; 5] = [
    "length",
    "max_tokens",
    "model_length",
    "max_output_tokens",
    "token_limit",
];

/// What they say where the model or a filter declined.
const REFUSED: [&str; 4] = ["content_filter", "refusal", "safety", "prohibited_content"];

/// How an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// By the limit of tokens.
    pub(super) cut: bool,
    /// By a refusal.
    pub(super) refused: bool,
}

/// How a choice ended; an error where the server broke it off, whatever of it is there: that is no word of the model's.
pub(super) fn of(choice: &Value) -> Result<Ending, String> {
    let reason = choice["finish_reason"].as_str().unwrap_or_default();
    let reason = reason.to_ascii_lowercase();
    let failed = &choice["error"];
    if reason == "error"
        || failed.is_object()
        || failed.as_str().is_some_and(|text| !text.is_empty())
    {
        let said = words::told(failed).unwrap_or_else(|| "it says nothing more".to_owned());
        return Err(format!("the server broke the answer off: {said}"));
    }
    Ok(Ending {
        cut: CUT.contains(&reason.as_str()),
        refused: REFUSED.contains(&reason.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endings_have_many_names() {
        for (reason, cut, refused) in [
            ("stop", false, false),
            ("length", true, false),
            ("model_length", true, false),
            ("MAX_TOKENS", true, false),
            ("content_filter", false, true),
            ("SAFETY", false, true),
        ] {
            let found = of(&json!({"finish_reason": reason}));
            assert_eq!(found, Ok(Ending { cut, refused }), "{reason}");
        }
        assert_eq!(
            of(&json!({"finish_reason": null, "error": null})),
            Ok(Ending::default())
        );
        for (choice, said) in [
            (
                json!({"finish_reason": "error", "message": {"content": ""}}),
                "nothing more",
            ),
            (
                json!({"finish_reason": "stop", "error": {"message": "upstream died"}}),
                "upstream died",
            ),
            (json!({"error": "out of memory"}), "out of memory"),
        ] {
            let error = of(&choice).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
