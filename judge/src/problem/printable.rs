//! Text of others → text that a terminal shows and does nothing else with.

use std::borrow::Cow;

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
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "\\PC*|[\\x00-\\x9f\u{2028}\u{202e}]{0,20}") {
            prop_assert!(!printable(&text).contains(acts));
        }
    }
}
