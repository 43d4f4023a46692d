//! Two programs → what changed from one to the other, by lines, with the changed words of a line marked.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::visible::escaped;

/// Bytes of both programs at most: what is longer is not compared.
const MOST: usize = 400_000;
/// Time that finding the shortest difference may take; a longer one is shown then.
const TIME: Duration = Duration::from_millis(150);
/// Lines around a change.
const AROUND: usize = 3;

/// A line of a difference.
pub(super) struct Line {
    /// Its class: `add`, `del`, `gap` or nothing.
    pub(super) class: &'static str,
    /// What it is, for whoever doesn't see colours.
    pub(super) sign: &'static str,
    /// Its number before.
    pub(super) old: Option<usize>,
    /// Its number after.
    pub(super) new: Option<usize>,
    /// Its text as a piece of a page.
    pub(super) html: String,
}

/// What changed.
pub(super) enum Difference {
    /// Nothing.
    Same,
    /// These lines.
    Lines(Vec<Line>),
    /// They are too long to be compared.
    TooLong,
}

/// From one program to the next.
pub(super) fn difference(old: &str, new: &str) -> Difference {
    if old == new {
        return Difference::Same;
    }
    if old.len() + new.len() > MOST {
        return Difference::TooLong;
    }
    let diff = TextDiff::configure().timeout(TIME).diff_lines(old, new);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if number > 0 {
            lines.push(Line {
                class: "gap",
                sign: "",
                old: None,
                new: None,
                html: "…".to_owned(),
            });
        }
        for change in group.iter().flat_map(|op| diff.iter_inline_changes(op)) {
            let (class, sign) = match change.tag() {
                ChangeTag::Delete => ("del", "−"),
                ChangeTag::Insert => ("add", "+"),
                ChangeTag::Equal => ("", " "),
            };
            let mut html = String::new();
            for (is_changed, text) in change.iter_strings_lossy() {
                let text = escaped(text.trim_end_matches('\n'));
                if is_changed && !text.is_empty() {
                    // Writing to a String can't fail.
                    let _ = write!(html, "<mark>{text}</mark>");
                } else {
                    html.push_str(&text);
                }
            }
            let place = |index: Option<usize>| index.map(|index| index + 1);
            lines.push(Line {
                class,
                sign,
                old: place(change.old_index()),
                new: place(change.new_index()),
                html,
            });
        }
    }
    Difference::Lines(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_shown_with_their_numbers_and_nothing_acts() {
        let old = "a\nb\nc\nprint(x)\n";
        let new = "a\nb\nc\nprint(<b>)\nend\n";
        let Difference::Lines(lines) = difference(old, new) else {
            panic!()
        };
        let shown: Vec<String> = lines
            .iter()
            .map(|line| format!("{}{:?}{:?} {}", line.sign, line.old, line.new, line.html))
            .collect();
        assert_eq!(shown[0], " Some(1)Some(1) a");
        assert!(shown[3].starts_with("−Some(4)None"), "{shown:?}");
        assert!(
            shown[4].starts_with("+NoneSome(4)") && shown[4].contains("&lt;"),
            "{shown:?}"
        );
        assert_eq!(shown[5], "+NoneSome(5) end");
        assert!(matches!(difference(old, old), Difference::Same));
        assert!(matches!(
            difference(old, &"x\n".repeat(MOST)),
            Difference::TooLong
        ));
    }
}
