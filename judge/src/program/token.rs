//! What chat templates and answer formats leave in a text: special tokens, and tags around the answer. Recognised by
//! their form, for every model has its own.

/// Special tokens that do not show it by bars.
const PLAIN: &[&str] = &[
    "s",
    "/s",
    "eos",
    "bos",
    "pad",
    "unk",
    "sep",
    "cls",
    "eot",
    "eod",
    "eom",
    "end",
    "end_of_turn",
    "start_of_turn",
    "end_of_text",
    "end_of_utterance",
    "endoftext",
    "turn|",
    "|turn",
    "end_of_sentence",
];

/// The same between square brackets.
const BRACKETED: &[&str] = &["INST", "/INST", "EOS", "BOS", "EOT", "SYS", "/SYS"];

/// Longest special token that is looked for.
const LONGEST: usize = 64;

/// Longest tag, which may have attributes.
const LONGEST_TAG: usize = 200;

/// Length of the special token that `text` starts with.
pub(super) fn length(text: &str) -> Option<usize> {
    let inner = |open: char, close: char| {
        let rest = text.strip_prefix(open)?;
        let window = rest.char_indices().take(LONGEST);
        let end = window
            .into_iter()
            .find(|&(_, character)| character == close || character == '\n')?;
        (end.1 == close).then(|| (&rest[..end.0], open.len_utf8() + end.0 + close.len_utf8()))
    };
    if let Some((name, length)) = inner('<', '>') {
        return is_special(name).then_some(length);
    }
    let (name, length) = inner('[', ']')?;
    BRACKETED.contains(&name).then_some(length)
}

/// Whether what stands between angles names a special token.
fn is_special(name: &str) -> bool {
    let bars = ['|', '\u{ff5c}'];
    if name.len() > 2 && name.starts_with(bars) && name.ends_with(bars) {
        return !name.contains(char::is_whitespace);
    }
    PLAIN.contains(&name)
}

/// Length of the tag, such as `<answer>` or `</details>`, that `text` starts with.
fn tag_length(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('<')?;
    let end = rest
        .char_indices()
        .take(LONGEST_TAG)
        .find(|&(_, character)| character == '>')?
        .0;
    let inner = rest[..end].trim_start_matches('/').trim_end_matches('/');
    let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
    let named = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "_:-".contains(character))
        && (attributes.is_empty() || attributes.contains("=\""));
    named.then_some(end + 2)
}

/// White space that a text may start or end with, byte order marks included.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace() || is_invisible(character)
}

/// Whether a character is invisible without being white space: byte order marks, and spaces of zero width.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{feff}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}'
    )
}

/// Text without the special tokens, tags and white space that it starts with; white space before a first word stays where
/// no token was.
pub(super) fn after_tokens(text: &str) -> &str {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(is_blank);
        let Some(length) = length(trimmed).or_else(|| tag_length(trimmed)) else {
            return rest;
        };
        rest = &trimmed[length..];
        // `<|im_start|>assistant`.
        for role in ["assistant", "model"] {
            if trimmed[..length].contains("start")
                && let Some(after) = rest.strip_prefix(role)
                && !after.starts_with(|next: char| next.is_alphanumeric())
            {
                rest = after;
            }
        }
    }
}

/// Whether nothing but white space, tokens, tags and the signs that close a quotation stand in `text`.
pub(super) fn is_only_tokens(text: &str) -> bool {
    let mut rest = text;
    loop {
        rest = after_tokens(rest);
        let Some(first) = rest.chars().next() else {
            return true;
        };
        if first.is_alphanumeric() || "`~#<[({_\"'".contains(first) {
            return false;
        }
        rest = &rest[first.len_utf8()..];
    }
}

/// Text without the special tokens that it ends with, nor the white space around them; untouched where it ends with none.
pub(super) fn before_tokens(text: &str) -> &str {
    let mut kept = text;
    loop {
        let trimmed = kept.trim_end_matches(is_blank);
        let start = trimmed
            .rfind(['<', '['])
            .filter(|&start| length(&trimmed[start..]) == Some(trimmed.len() - start));
        let Some(start) = start else {
            return kept;
        };
        kept = &trimmed[..start];
    }
}

/// Whether `text` starts with what opens another speaker's turn: an answer ends there.
pub(super) fn next_speaker(text: &str) -> bool {
    const USERS: &[&str] = &[
        "<|im_start|>user",
        "<|im_start|>system",
        "<|start_header_id|>user",
        "<|start_header_id|>system",
        "<start_of_turn>user",
        "<|turn>user",
        "<|user|>",
        "<|User|>",
        "<\u{ff5c}User\u{ff5c}>",
        "<|start|>user",
        "<|start|>system",
        "<|start|>developer",
        "<|start_of_role|>user",
        "<|USER_TOKEN|>",
        "[INST]",
        "<|endofprompt|>",
        // Where a document ends, another begins. MBPP's examples stand between `[BEGIN]` and `[DONE]`.
        "[DONE]",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    ];
    USERS.iter().any(|user| text.starts_with(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_known_by_their_form() {
        for token in [
            "<|im_end|>",
            "</s>",
            "<|eot_id|>",
            "<end_of_turn>",
            "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
            "[/INST]",
        ] {
            assert_eq!(length(token), Some(token.len()), "{token}");
            assert_eq!(before_tokens(&format!("x = 1\n{token}\n")), "x = 1\n");
            assert!(is_only_tokens(&format!(" {token}. ")));
        }
        for text in [
            "<int>",
            "<|",
            "<||>",
            "a < b > c",
            "[0]",
            "<| a |>",
            "<\n>",
            "",
        ] {
            assert_eq!(length(text), None, "{text}");
            assert_eq!(before_tokens(text), text);
        }
        assert_eq!(after_tokens("<|im_start|>assistant\n<answer> x"), " x");
        assert_eq!(after_tokens("  x"), "  x");
        assert!(is_only_tokens("</answer>}$."));
        assert!(!is_only_tokens("text"));
    }
}
