//! Completion text + what the problem wants → Program, or why there is none. Pure; the one extraction of all commands.
//!
//! Knows nothing of models or whether the program compiles: a program with a syntax error is a program, and its verdict
//! says so. The rule, in order:
//!
//! 1. An answer that is code from end to end, and shows what is asked, is the program.
//! 2. Thoughts are no answer, in whichever marks they stand (`thought.rs`); one that is cut off holds none.
//! 3. Tags around an answer (`<answer>`) are searched before the rest of it, the last first.
//! 4. Of the fenced blocks (`fence.rs`) those count that are closed, not blank, and tagged with a wanted language or not at
//!    all. A fence that is never closed does not count: the answer was cut off, or the model never learnt to end it. Records
//!    of a shell and sample output are none. A tag never chooses a language that the problem doesn't have.
//! 5. The block that shows most of what is asked wins (it defines the entry point, reads and prints, has a `main`), then one
//!    with a tag over one without, then the later one, as a model that corrects itself puts the correction last
//!    (`choose.rs`). Imports and helpers that it uses from blocks of their own go in front of it (`parts.rs`).
//! 6. Bare code before a lone closing fence counts as an untagged block, and where the prompt ends inside a function
//!    (HumanEval), an answer without any fence goes on with it as it stands (`bare.rs`).
//!
//! RLEF (arXiv 2410.02089, section 3.1) asks for code "enclosed in triple backticks" and penalises an answer without valid
//! code, but leaves "valid" open. Line ends come out as `\n`; a byte order mark in front is taken off, and so is the
//! indentation that all lines of a Python program share where no head is before it: it could not even be compiled.

use rlef_sandbox::Language;
use serde::{Deserialize, Serialize};

mod bare;
mod candidate;
mod choose;
mod code;
mod fence;
mod level;
mod lexer;
mod mark;
mod opener;
mod parts;
mod tag;
mod thought;
mod token;
mod wanted;

pub(crate) use lexer::{code_only, literals};
pub use wanted::Wanted;

/// Source and language found in a completion.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// Its language.
    pub language: Language,
    /// Its source.
    pub source: String,
}

/// A program and where in its answer it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is judged.
    pub program: Program,
    /// What was taken and why.
    pub taken: Taken,
}

/// Which block of an answer is the program, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The block, from one; 0 for code outside of blocks.
    pub block: usize,
    /// Blocks of code in the answer, whatever is in them.
    pub of: usize,
    /// Why this one.
    pub rule: Rule,
    /// Blocks of imports and helpers that were put in front of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub joined: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Why a block is the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It was given as a program, not as an answer.
    Given,
    /// It defines the function or class that the tests call.
    DefinesEntryPoint,
    /// It goes on with the function that the prompt begins.
    ContinuesPrompt,
    /// It reads input and prints.
    ReadsAndPrints,
    /// It has a `main`.
    HasMain,
    /// It prints.
    Prints,
    /// There is no other.
    Only,
    /// None shows what is asked, and it is the last.
    Last,
    /// It is code without a fence.
    Bare,
}

/// What was made of an answer, as journals and reports tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Extraction {
    /// A program was taken.
    Taken(Taken),
    /// There is none.
    Absent {
        /// Why.
        none: NoProgram,
    },
}

impl Extraction {
    /// What is told of a search.
    pub fn of(found: &Result<Found, NoProgram>) -> Self {
        match found {
            Ok(found) => Self::Taken(found.taken),
            Err(none) => Self::Absent { none: none.clone() },
        }
    }
}

/// Why a completion holds no program.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NoProgram {
    /// The answer ends inside its thought.
    #[error("the answer ends before its thinking does")]
    Thinking,
    /// There is no fenced block at all.
    #[error("the answer has no code block in triple backticks")]
    NoFence,
    /// The only fence is never closed.
    #[error("the code block is not closed by triple backticks")]
    Unterminated,
    /// Every block is blank.
    #[error("the code block is empty")]
    Blank,
    /// Every block is tagged with a language that isn't asked for.
    #[error("the code block is tagged `{0}`, which is not the language asked for")]
    OtherLanguage(String),
    /// The blocks hold no program, but what one prints or how one is called.
    #[error("the code block is a record of a shell or sample output, not a program")]
    NoCode,
}

impl Program {
    /// A program given bare, without any fence. A byte order mark in front belongs to the file it came from.
    pub fn bare(source: impl Into<String>, language: Language) -> Self {
        let mut source: String = source.into();
        if source.starts_with('\u{feff}') {
            source.drain(..'\u{feff}'.len_utf8());
        }
        Self { language, source }
    }

    /// The program in an answer to what is wanted.
    pub fn find(completion: &str, wanted: &Wanted) -> Result<Found, NoProgram> {
        let mut found = Self::search(completion, wanted)?;
        // A last line that had no end gets none.
        let source = &mut found.program.source;
        if found.taken.rule == Rule::Bare
            && source
                .lines()
                .next_back()
                .is_some_and(|line| completion.ends_with(line))
        {
            source.pop();
        }
        if found.program.language == Language::Python && wanted.open_head().is_empty() {
            dedent(source);
        }
        Ok(found)
    }

    fn search(completion: &str, wanted: &Wanted) -> Result<Found, NoProgram> {
        let lines = lines(completion.trim_start_matches('\u{feff}'));
        if !thought::is_marked(&lines, wanted.language())
            && let Some(source) = bare::whole(&lines, wanted)
        {
            return Ok(Found::bare(source, wanted));
        }
        let answer = thought::answer(&lines, wanted.language());
        for part in answer.wrapped() {
            if let Ok(found) = in_answer(part, wanted) {
                return Ok(found);
            }
        }
        in_answer(&answer.lines, wanted).map_err(|reason| {
            if answer.is_cut {
                NoProgram::Thinking
            } else {
                reason
            }
        })
    }
}

impl Found {
    /// A program that was handed over as one.
    pub fn given(program: Program) -> Self {
        Self {
            program,
            taken: Taken {
                block: 0,
                of: 0,
                rule: Rule::Given,
                joined: 0,
            },
        }
    }

    fn bare(source: String, wanted: &Wanted) -> Self {
        Self {
            program: Program {
                language: wanted.language(),
                source,
            },
            taken: Taken {
                block: 0,
                of: 0,
                rule: Rule::Bare,
                joined: 0,
            },
        }
    }
}

/// The program in an answer without thoughts.
fn in_answer(lines: &[&str], wanted: &Wanted) -> Result<Found, NoProgram> {
    if let Some(source) = bare::whole(lines, wanted) {
        return Ok(Found::bare(source, wanted));
    }
    let (first, next) = match bare::before_stray_fence(lines, wanted) {
        Some((source, next)) => (Some(source), next),
        None => (None, 0),
    };
    let blocks = fence::blocks(&lines[next..], wanted.language());
    if blocks.is_empty()
        && first.is_none()
        && let Some(source) = bare::continuation(lines, wanted)
    {
        return Ok(Found::bare(source, wanted));
    }
    choose::best(first, &blocks, wanted)
}

/// Takes the indentation off that all lines have which are not blank.
fn dedent(source: &mut String) {
    let lines = || source.lines().filter(|line| !line.trim().is_empty());
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let Some(first) = lines().next() else {
        return;
    };
    let shared = &first[..indent(first)];
    if shared.is_empty() || !lines().all(|line| line.starts_with(shared)) {
        return;
    }
    let mut text = String::with_capacity(source.len());
    for line in source.split_inclusive('\n') {
        text.push_str(
            line.strip_prefix(shared)
                .unwrap_or(line.trim_start_matches([' ', '\t'])),
        );
    }
    *source = text;
}

/// Lines without their ends, which are `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\n', '\r']) {
        lines.push(&rest[..end]);
        rest = rest[end..].strip_prefix("\r\n").unwrap_or(&rest[end + 1..]);
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// The end of a prompt that opens a thought and leaves it open, as some chat templates do: what the policy then says goes on
/// inside of it. Empty where none is open.
pub fn begun_thought(prompt: &str) -> &str {
    /// Marks are shorter, and a template has few of them.
    const LONGEST: usize = 64;
    let starts = prompt.char_indices().rev().map(|(start, _)| start);
    starts
        .take_while(|start| prompt.len() - start <= LONGEST)
        .map(|start| &prompt[start..])
        .find(|end| {
            let lines: Vec<&str> = end.lines().collect();
            thought::answer(&lines, Language::Python).is_cut
        })
        .unwrap_or_default()
}

/// Language that a tag names; `default` for an empty tag, `None` for an unsupported one.
pub fn language_of_tag(tag: &str, default: Language) -> Option<Language> {
    if tag.is_empty() {
        return Some(default);
    }
    Language::from_tag(tag)
}

#[cfg(test)]
mod tests;
