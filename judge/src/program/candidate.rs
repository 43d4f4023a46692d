//! A block of an answer → what it shows of the program that is asked for, or why it can't be it.

use rlef_sandbox::Language;

use super::NoProgram;
use super::code;
use super::fence::Block;
use super::level::{Level, level};
use super::lexer::{calls, code_only};
use super::tag::Tag;
use super::wanted::{Asked, Wanted};

/// A block that may be the program.
pub(super) struct Candidate<'a> {
    pub(super) number: usize,
    pub(super) language: Language,
    pub(super) is_tagged: bool,
    pub(super) source: &'a str,
    pub(super) level: Level,
    /// Whether it only shows how the program is used.
    pub(super) is_use: bool,
    /// Blocks that go in front of it, by their places in the list.
    pub(super) parts: Vec<usize>,
}

/// A block as a candidate, or why it is none.
pub(super) fn candidate<'a>(block: &'a Block, wanted: &Wanted) -> Result<Candidate<'a>, NoProgram> {
    let language = match block.tag {
        Tag::None => Some(wanted.language()),
        Tag::Language(language) if wanted.languages.contains(&language) => Some(language),
        // Many write `c` where C++ is asked for and meant.
        Tag::Language(Language::C) if wanted.languages == [Language::Cpp] => Some(Language::Cpp),
        // A word that names nothing says nothing, if what follows shows what is asked.
        Tag::Unknown => Some(wanted.language()).filter(|&language| {
            code::is_code(&block.source, language)
                && (wanted.asked == Asked::Anything
                    || level(&block.source, language, wanted) != Level::None)
        }),
        Tag::Language(_) | Tag::Other | Tag::Markdown => None,
    };
    if !block.is_closed {
        return Err(NoProgram::Unterminated);
    }
    let Some(language) = language else {
        let word = block.info.split_whitespace().next().unwrap_or_default();
        return Err(NoProgram::OtherLanguage(word.to_owned()));
    };
    if block.source.trim().is_empty() {
        return Err(NoProgram::Blank);
    }
    let is_tagged = !matches!(block.tag, Tag::None | Tag::Unknown);
    let level = level(&block.source, language, wanted);
    if is_session(&block.source, is_tagged)
        || !is_tagged && level == Level::None && !is_some_code(&block.source, language, wanted)
    {
        return Err(NoProgram::NoCode);
    }
    Ok(Candidate {
        number: 0,
        language,
        is_tagged,
        source: &block.source,
        level,
        is_use: level == Level::None && is_use(&block.source, language, wanted),
        parts: Vec::new(),
    })
}

/// Whether a source calls what is asked for, which it doesn't define.
fn is_use(source: &str, language: Language, wanted: &Wanted) -> bool {
    let Asked::ToDefine { class, function } = &wanted.asked else {
        return false;
    };
    calls(
        &code_only(source, language),
        class.as_deref().unwrap_or(function),
    )
}

/// Whether an untagged block that shows nothing of what is asked is at least code.
fn is_some_code(source: &str, language: Language, wanted: &Wanted) -> bool {
    wanted.asked == Asked::Anything
        || code::is_code(source, language) && !code::is_data(source, language)
}

/// Whether the block records a shell or an interpreter at work.
fn is_session(source: &str, is_tagged: bool) -> bool {
    let first = source
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim_start();
    let prompts: &[&str] = if is_tagged {
        &[">>> "]
    } else {
        &[
            ">>> ",
            "$ ",
            "% ",
            "> ",
            "In [",
            "C:\\",
            "Traceback (most recent call last)",
        ]
    };
    prompts.iter().any(|prompt| first.starts_with(prompt))
}
