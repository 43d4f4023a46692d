//! A line → the fence that it opens a block with, behind list markers, quotation marks, words or special tokens.

use rlef_sandbox::Language;

use super::tag::{Tag, tag};
use super::token;

/// An opening fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opener<'a> {
    /// What it is made of.
    pub(super) sign: char,
    pub(super) count: usize,
    /// What stands behind it.
    pub(super) info: &'a str,
    pub(super) tag: Tag,
    /// Column of what the line says behind list markers and quotation marks.
    pub(super) column: usize,
    /// Quotation marks in front.
    pub(super) quotes: usize,
}

impl Opener<'_> {
    /// The language whose strings and comments the block may have; `default` for a block without a tag.
    pub(super) fn language(&self, default: Language) -> Option<Language> {
        match self.tag {
            Tag::Language(language) => Some(language),
            Tag::None => Some(default),
            Tag::Other | Tag::Markdown | Tag::Unknown => None,
        }
    }
}

/// The opening fence in a line.
pub(super) fn opener(line: &str) -> Option<Opener<'_>> {
    let (rest, column, quotes) = behind_markers(line);
    let text = token::after_tokens(rest).trim_start_matches(token::is_blank);
    let at_start = |text: &'_ str| ['`', '~'].into_iter().find(|&sign| run(text, sign) >= 3);
    if let Some(sign) = at_start(text) {
        let count = run(text, sign);
        let info = token::before_tokens(&text[count..]).trim_matches(token::is_blank);
        let tag = tag(info);
        // A backtick further on makes it code in a line; tildes that name nothing are no fence.
        let is_fence = if sign == '`' {
            !info.contains('`')
        } else {
            tag != Tag::Unknown
        };
        return is_fence.then_some(Opener {
            sign,
            count,
            info,
            tag,
            column,
            quotes,
        });
    }
    // Behind words: only where what follows names a language, or the words say that code follows.
    let start = text.find("```")?;
    let (before, fence) = text.split_at(start);
    let count = run(fence, '`');
    let info = token::before_tokens(&fence[count..]).trim_matches(token::is_blank);
    if info.contains('`') {
        return None;
    }
    let tag = tag(info);
    let is_fence = match tag {
        Tag::None => before.trim_end().ends_with([':', '>', '{', '\u{ff1a}']),
        Tag::Unknown => false,
        Tag::Language(_) | Tag::Other | Tag::Markdown => is_tag_alone(info),
    };
    is_fence.then_some(Opener {
        sign: '`',
        count,
        info,
        tag,
        column,
        quotes,
    })
}

/// Whether an info string is a word or two, and not a sentence that starts with the name of a language.
pub(super) fn is_tag_alone(info: &str) -> bool {
    info.split_whitespace().count() <= 1 || info.contains(['=', '{', ':'])
}

/// How many of `sign` a text starts with.
pub(super) fn run(text: &str, sign: char) -> usize {
    text.len() - text.trim_start_matches(sign).len()
}

/// What a line says behind indentation, quotation marks and list markers, at which column, behind how many quotation marks.
fn behind_markers(line: &str) -> (&str, usize, usize) {
    let (mut rest, mut column, mut quotes) = (line, 0, 0);
    loop {
        let trimmed = rest.trim_start_matches(token::is_blank);
        column += width(&rest[..rest.len() - trimmed.len()], column);
        rest = trimmed;
        if let Some(after) = rest.strip_prefix('>') {
            rest = after.strip_prefix(' ').unwrap_or(after);
            column = 0;
            quotes += 1;
            continue;
        }
        let digits = rest.len()
            - rest
                .trim_start_matches(|sign: char| sign.is_ascii_digit())
                .len();
        let marker = match rest[digits..].chars().next() {
            Some('-' | '*' | '+' | '\u{2022}') if digits == 0 => {
                rest.chars().next().map_or(0, char::len_utf8)
            }
            Some('.' | ')') if (1..=9).contains(&digits) => digits + 1,
            _ => 0,
        };
        if marker == 0 || !rest[marker..].starts_with([' ', '\t']) {
            return (rest, column, quotes);
        }
        column += rest[..marker].chars().count();
        rest = &rest[marker..];
    }
}

/// Columns that white space takes from a column on.
pub(super) fn width(space: &str, from: usize) -> usize {
    let end = space
        .chars()
        .fold(from, |column, character| match character {
            '\t' => column + 4 - column % 4,
            '\u{feff}' | '\u{200b}' => column,
            _ => column + 1,
        });
    end - from
}
