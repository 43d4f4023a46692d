//! Blocks of an answer → the one that is the program.
//!
//! What a block shows of what is asked comes first, then whether it is tagged with the wanted language, then its place: the
//! later corrects the earlier. Imports and helpers that it uses and that stand in blocks of their own are put in front of
//! it (`parts.rs`); blocks that do anything are never joined.

use rlef_sandbox::Language;

use super::candidate::{Candidate, candidate};
use super::fence::Block;
use super::level::{Level, level};
use super::parts;
use super::wanted::Wanted;
use super::{Found, NoProgram, Program, Rule, Taken};

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
