//! Text of others → text that a terminal shows and does nothing else with.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character escaped that would move a terminal's cursor, end its line, or turn its writing round.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if acts(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// The same for a text of several lines, whose line ends and tabs stay.
pub fn printable_lines(text: &str) -> String {
    text.split_inclusive(['\n', '\t'])
        .map(|part| match part.strip_suffix(['\n', '\t']) {
            Some(kept) => printable(kept).into_owned() + &part[kept.len()..],
            None => printable(part).into_owned(),
        })
        .collect()
}

/// The same for a text of JSON, which stays the same JSON: what acts can only stand within its strings, where the line ends
/// and tabs between values don't.
pub fn printable_json(text: &str) -> Cow<'_, str> {
    let escaped = |character: char| acts(character) && !matches!(character, '\n' | '\t');
    if !text.contains(escaped) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if escaped(character) {
            // All of them have four hexadecimal digits, and writing to a String can't fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out.into()
}

/// Control characters, separators of lines, and marks that turn the direction of writing.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}'
                | '\u{200f}'
                | '\u{061c}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_is_escaped_and_nothing_else() {
        assert!(matches!(printable("HumanEval/0 é 日本"), Cow::Borrowed(_)));
        assert_eq!(printable("a\x1b]0;t\x07\nb"), r"a\u{1b}]0;t\u{7}\nb");
        assert_eq!(printable("\u{9b}31m\u{202e}x"), r"\u{9b}31m\u{202e}x");
        assert_eq!(printable_lines("a\n\tb\x1b"), "a\n\tb\\u{1b}");
        let value = serde_json::json!({"a": "\x1b\u{9b}31m\u{202e}\u{feff}é"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_json(&text);
        assert!(!shown.replace('\n', "").contains(acts), "{shown}");
        let back: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(back, value);
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "\\PC*|[\\x00-\\x9f\u{2028}\u{202e}]{0,20}") {
            prop_assert!(!printable(&text).contains(acts));
        }
    }
}
