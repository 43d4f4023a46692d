//! Blocks of an answer → the one that is the program.
//!
//! What a block shows of what is asked comes first, then whether it is tagged with the wanted language, then its place: the
//! later corrects the earlier. Blocks are never joined: a program is one block, and what it lacks fails it by name.

use rlef_sandbox::Language;

use super::code;
use super::fence::Block;
use super::level::{Level, binds, level};
use super::lexer::{code_only, is_word};
use super::tag::Tag;
use super::wanted::{Asked, Wanted};
use super::{Found, NoProgram, Program, Rule, Taken};

/// A block that may be the program.
struct Candidate<'a> {
    number: usize,
    language: Language,
    is_tagged: bool,
    source: &'a str,
    level: Level,
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
    demote_dependents(&mut candidates, wanted);
    let of = blocks.len();
    let single = candidates.len() == 1;
    let found = candidates
        .into_iter()
        .max_by_key(|candidate| {
            (
                candidate.level.rank(),
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
    Ok(Found {
        program: Program {
            language: found.language,
            source: found.source.to_owned(),
        },
        taken: Taken {
            block: found.number,
            of,
            rule,
        },
    })
}

/// A block as a candidate, or why it is none.
fn candidate<'a>(block: &'a Block, wanted: &Wanted) -> Result<Candidate<'a>, NoProgram> {
    let language = match block.tag {
        Tag::None => Some(wanted.language()),
        Tag::Language(language) => {
            Some(language).filter(|language| wanted.languages.contains(language))
        }
        Tag::Other | Tag::Markdown | Tag::Unknown => None,
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
    let is_tagged = block.tag != Tag::None;
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
    })
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

/// A program for standard input that calls what only an earlier block defines is a snippet beside it.
fn demote_dependents(candidates: &mut [Candidate<'_>], wanted: &Wanted) {
    if wanted.asked != Asked::ToPrint {
        return;
    }
    let mut known: Vec<String> = Vec::new();
    for candidate in candidates {
        if !matches!(candidate.language, Language::Python | Language::JavaScript) {
            continue;
        }
        let code = code_only(candidate.source, candidate.language);
        let own = definitions(&code);
        let depends = known.iter().any(|name| {
            !own.contains(name)
                && calls(&code, name)
                && !code.lines().any(|line| binds(line.trim_start(), name))
        });
        if depends {
            candidate.level = Level::None;
        }
        known.extend(own);
        known.truncate(MOST_NAMES);
    }
}

/// Most names of earlier blocks that are looked for.
const MOST_NAMES: usize = 100;

/// Functions and classes that a source defines.
fn definitions(code: &str) -> Vec<String> {
    let name = |line: &str| {
        let rest = [
            "def ",
            "async def ",
            "class ",
            "function ",
            "async function ",
        ]
        .iter()
        .find_map(|keyword| line.strip_prefix(keyword))?;
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|&character| is_word(character))
            .collect();
        (!name.is_empty()).then_some(name)
    };
    code.lines().filter_map(name).take(MOST_NAMES).collect()
}

/// Whether a source calls a name that is no method.
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        code[at + name.len()..].starts_with('(')
            && !before.is_some_and(|letter| is_word(letter) || letter == '.')
    })
}
