//! Blocks of an answer → the one that is the program.
//!
//! What a block shows of what is asked comes first, then whether it is tagged with the wanted language, then its place: the
//! later corrects the earlier. Imports and helpers that it uses and that stand in blocks of their own are put in front of
//! it (`parts.rs`); blocks that do anything are never joined.

use rlef_sandbox::Language;

use super::code;
use super::fence::Block;
use super::level::{Level, level};
use super::lexer::{code_only, is_word};
use super::parts;
use super::tag::Tag;
use super::wanted::{Asked, Wanted};
use super::{Found, NoProgram, Program, Rule, Taken};

/// A block that may be the program.
pub(super) struct Candidate<'a> {
    pub(super) number: usize,
    pub(super) language: Language,
    is_tagged: bool,
    pub(super) source: &'a str,
    pub(super) level: Level,
    /// Whether it only shows how the program is used.
    is_use: bool,
    /// Blocks that go in front of it, by their places in the list.
    pub(super) parts: Vec<usize>,
}

/// The program among the blocks. `first` is bare code that stands before them, if any.
pub(super) fn best(
    first: Option<String>,
    blocks: &[Block],
    wanted: &Wanted,
) -> Result<Found, NoProgram> {
    let mut reason = NoProgram::NoFence;
    let mut candidates = Vec::new();
    if let Some(source) = &first {
        candidates.push(Candidate {
            number: 0,
            language: wanted.language(),
            is_tagged: false,
            source,
            level: level(source, wanted.language(), wanted),
            is_use: false,
            parts: Vec::new(),
        });
    }
    for (index, block) in blocks.iter().enumerate() {
        match candidate(block, wanted) {
            Ok(candidate) => candidates.push(Candidate {
                number: index + 1,
                ..candidate
            }),
            Err(why) => reason = why,
        }
    }
    parts::relate(&mut candidates, wanted);
    let of = blocks.len();
    let single = candidates.len() == 1;
    let found = candidates
        .iter()
        .max_by_key(|candidate| {
            (
                candidate.level.rank(),
                !candidate.is_use,
                candidate.is_tagged,
                candidate.number,
            )
        })
        .ok_or(reason)?;
    let rule = match found.level {
        _ if found.number == 0 => Rule::Bare,
        Level::Part(rule) | Level::Whole(rule) => rule,
        Level::None if single => Rule::Only,
        Level::None => Rule::Last,
    };
    let mut source = parts::joined(found, &candidates);
    if rule == Rule::ContinuesPrompt && found.language == Language::Python {
        source = parts::at_indent(&source, wanted.open_head()).unwrap_or(source);
    }
    Ok(Found {
        program: Program {
            language: found.language,
            source,
        },
        taken: Taken {
            block: found.number,
            of,
            rule,
            joined: found.parts.len(),
        },
    })
}

/// A block as a candidate, or why it is none.
fn candidate<'a>(block: &'a Block, wanted: &Wanted) -> Result<Candidate<'a>, NoProgram> {
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

/// Whether a source calls a name that is no method.
pub(super) fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + name.len()..].starts_with('(')
            && !before.is_some_and(|letter| is_word(letter) || letter == '.')
    })
}
