//! A text of anybody's → the same on a page, where nothing in it acts: the one rule by which all templates escape.
//!
//! What begins an element, an entity or an attribute's end is written as an entity; control characters (ANSI among them, NUL), marks
//! that turn the direction of writing and separators of lines are shown by their number. Line ends and tabs stay.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::problem::printable_lines;

/// Bytes of a text that a page shows of it at most; the rest is counted.
pub(super) const MOST: usize = 20_000;

/// How templates escape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let shown = printable_lines(text);
        let mut start = 0;
        for (at, letter) in shown.char_indices() {
            let entity = match letter {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ => continue,
            };
            dest.write_str(&shown[start..at])?;
            dest.write_str(entity)?;
            start = at + 1;
        }
        dest.write_str(&shown[start..])
    }
}

/// The same, where a page is made without a template.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    // Writing to a String can't fail.
    let _ = Visible.write_escaped_str(&mut out, text);
    out
}

/// The start of a text, of at most so many bytes, and how many are left out.
pub(super) fn start(text: &str, most: usize) -> (&str, usize) {
    if text.len() <= most {
        return (text, 0);
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], text.len() - end)
}

/// A text as a page shows it: its start where it is long, and how much more there is.
pub(super) struct Shown {
    /// The start, or all of it.
    pub(super) text: String,
    /// Bytes that are left out.
    pub(super) left: usize,
}

impl Shown {
    /// Of a text; all of it where `whole`.
    pub(super) fn of(text: &str, whole: bool) -> Self {
        let (text, left) = start(text, if whole { usize::MAX } else { MOST });
        Self {
            text: text.to_owned(),
            left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_acts() {
        let hostile = "<script>alert('1')</script>\u{1b}[31m\u{202e}\0\u{2028}&amp;\"\n\té";
        let shown = escaped(hostile);
        assert_eq!(
            shown,
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\\u{1b}[31m\\u{202e}\\u{0}\\u{2028}&amp;amp;&quot;\n\té"
        );
        assert!(
            shown
                .chars()
                .all(|letter| letter == '\n' || letter == '\t' || !letter.is_control())
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(start("aéb", 2), ("a", 3));
        assert_eq!(start("aéb", 4), ("aéb", 0));
        let long = "x".repeat(MOST + 7);
        let shown = Shown::of(&long, false);
        assert_eq!((shown.text.len(), shown.left), (MOST, 7));
        assert_eq!(Shown::of(&long, true).left, 0);
    }
}
