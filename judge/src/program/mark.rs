//! The marks of thoughts and answers that models in use have, and where in a line they count.

use super::lexer::is_word;
use super::token;

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A thought begins.
    Open(Kind),
    /// A thought ends.
    Close,
    /// The answer begins, whatever came before.
    Final,
    /// A tag around the answer opens or closes.
    Wrap(bool),
    /// Somebody else speaks.
    NextSpeaker,
}

impl Mark {
    /// Whether no line of code starts with it, so that it breaks a block off.
    pub(super) const fn breaks_code(&self) -> bool {
        matches!(self, Self::Close | Self::Final | Self::NextSpeaker)
    }
}

/// How a thought is marked; only its own mark closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// By tags of this name, between angles, bars or brackets.
    Named(String),
    /// As a channel of harmony.
    Channel,
    /// As such a channel whose marks were left out of the text.
    Stripped,
    /// By a sentence, as Granite does.
    Sentence,
}

/// A mark and its place in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) mark: Mark,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Names of tags around thoughts.
const THOUGHTS: &[&str] = &[
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reason",
    "reasoning",
    "reflection",
    "analysis",
    "scratchpad",
    "seed:think",
    "mm:think",
    "antthinking",
    "antml:thinking",
    "longcat_think",
    "longcat:think",
    "inner_monologue",
    "internal_monologue",
    "thought_process",
    "thinking_process",
    "reasoning_process",
    "chain_of_thought",
    "cot",
    "ds_think",
    "|channel",
];

/// Names of tags around answers.
const ANSWERS: &[&str] = &[
    "answer",
    "solution",
    "response",
    "final",
    "final_answer",
    "final_solution",
    "finalanswer",
    "output",
    "code",
    "python",
    "cpp",
    "begin",
    "pre",
    "artifact",
    "antartifact",
    "boltaction",
];

/// The marks of s1, which thinks in a turn of its own.
const TURNS: [(&str, bool); 2] = [("<|im_start|>think", false), ("<|im_start|>answer", true)];

/// The sentences between which Granite thinks.
const SENTENCES: [(&str, &str); 2] = [
    ("Here is my thought process:", "Here is my response:"),
    ("Here's my thought process:", "Here's my response:"),
];

/// How harmony's marks read where special tokens are left out: the role and the channel run together.
const STRIPPED_FINAL: &str = "assistantfinal";

/// Whether a completion starts with the name of a channel that runs into the thought: `analysisWe should`.
pub(super) fn stripped_channel(line: &str) -> Option<Kind> {
    let line = line.trim_start_matches(token::is_blank);
    let line = line.strip_prefix("assistant").unwrap_or(line);
    let rest = ["analysis", "commentary"]
        .iter()
        .find_map(|name| line.strip_prefix(name))?;
    let next = rest.chars().next()?;
    (next.is_uppercase() || next.is_ascii_digit() || "\"'`*#-".contains(next))
        .then_some(Kind::Stripped)
}

/// The first mark of a line outside of thoughts.
pub(super) fn first(line: &str) -> Option<Found> {
    if let Some(found) = sentence(line) {
        return Some(found);
    }
    let fence = line.len() - line.trim_start().trim_start_matches('`').len();
    let (mut seen, mut is_quoted) = (fence, false);
    for found in candidates(line) {
        // A mark that is quoted is spoken of.
        if found.start > seen {
            is_quoted |= line[seen..found.start].contains(['"', '\'', '`']);
            seen = found.start;
        }
        let before = &line[..found.start];
        // `vector<Thought>` is code.
        let is_type = matches!(found.mark, Mark::Open(Kind::Named(_)) | Mark::Wrap(true))
            && before.ends_with(is_word);
        // The end of a thought may stand behind a sentence that quotes.
        let at_end = || {
            found.mark == Mark::Close
                && line[found.end..].trim().is_empty()
                && !before.ends_with(['"', '\'', '`'])
        };
        // `state in [DONE]` is code, too.
        let is_name = !before.trim().is_empty()
            && ["[BEGIN]", "[DONE]"]
                .iter()
                .any(|name| line[found.start..].starts_with(name));
        if !is_type && !is_name && (!is_quoted || at_end()) {
            return Some(found);
        }
    }
    None
}

/// The mark in a line that ends a thought of this kind.
pub(super) fn closing(line: &str, kind: &Kind) -> Option<Found> {
    match kind {
        Kind::Sentence => SENTENCES.iter().find_map(|(_, end)| {
            let start = line.find(end)?;
            Some(Found {
                mark: Mark::Close,
                start,
                end: start + end.len(),
            })
        }),
        Kind::Stripped => candidates(line).find(|found| found.mark == Mark::Final),
        Kind::Channel => candidates(line)
            .find(|found| found.mark == Mark::Final)
            .or_else(|| ends_message(line)),
        Kind::Named(name) => places(line).find_map(|start| {
            let (said, closes, length) = named(&line[start..])?;
            // `<think>` is closed by `</thinking>`, too.
            let stem = |name: &str| name.trim_end_matches("ing").to_owned();
            (closes && stem(&said) == stem(name)).then_some(Found {
                mark: Mark::Close,
                start,
                end: start + length,
            })
        }),
    }
}

/// Bytes at which a mark may start.
fn places(line: &str) -> impl Iterator<Item = usize> + '_ {
    line.char_indices()
        .filter(|(_, character)| matches!(character, '<' | '[' | '\u{25c1}' | 'a'))
        .map(|(at, _)| at)
}

fn candidates(line: &str) -> impl Iterator<Item = Found> + '_ {
    places(line).filter_map(|start| {
        let (mark, length) = at(&line[start..])?;
        Some(Found {
            mark,
            start,
            end: start + length,
        })
    })
}

/// The mark that a text starts with, and its length.
fn at(text: &str) -> Option<(Mark, usize)> {
    if let Some(rest) = text.strip_prefix(STRIPPED_FINAL) {
        // A name of a program that starts so.
        let goes_on = rest
            .trim_start()
            .starts_with(['_', '(', '=', '.', ',', ')']);
        return (!goes_on).then_some((Mark::Final, STRIPPED_FINAL.len()));
    }
    if let Some((turn, is_answer)) = TURNS.iter().find(|(turn, _)| text.starts_with(turn)) {
        let mark = if *is_answer {
            Mark::Final
        } else {
            Mark::Open(Kind::Stripped)
        };
        return Some((mark, turn.len()));
    }
    if token::next_speaker(text) {
        return Some((Mark::NextSpeaker, token::length(text).unwrap_or(1)));
    }
    channel(text).or_else(|| {
        let (name, closes, length) = named(text)?;
        if THOUGHTS.contains(&name.as_str()) {
            return Some((
                if closes {
                    Mark::Close
                } else {
                    Mark::Open(Kind::Named(name))
                },
                length,
            ));
        }
        // Details are a thought only where they say so, and their end closes nothing else.
        if name == "details" && !closes {
            return text[..length]
                .contains("reasoning")
                .then_some((Mark::Open(Kind::Named(name)), length));
        }
        ANSWERS
            .contains(&name.as_str())
            .then_some((Mark::Wrap(!closes), length))
    })
}

/// `<|channel|>analysis<|message|>`, with whatever stands between.
fn channel(text: &str) -> Option<(Mark, usize)> {
    const CHANNEL: &str = "<|channel|>";
    const MESSAGE: &str = "<|message|>";
    let rest = text.strip_prefix(CHANNEL)?;
    let length = rest
        .find(MESSAGE)
        .map_or(text.len(), |at| CHANNEL.len() + at + MESSAGE.len());
    let mark = if rest.trim_start().starts_with("final") {
        Mark::Final
    } else {
        Mark::Open(Kind::Channel)
    };
    Some((mark, length))
}

/// What ends a message of harmony.
fn ends_message(line: &str) -> Option<Found> {
    ["<|end|>", "<|return|>", "<|call|>", "<|start|>"]
        .iter()
        .filter_map(|token| {
            line.find(token).map(|start| Found {
                mark: Mark::Close,
                start,
                end: start + token.len(),
            })
        })
        .min_by_key(|found| found.start)
}

/// The sentence that opens a thought, at the start of a line.
fn sentence(line: &str) -> Option<Found> {
    let indent = line.len() - line.trim_start().len();
    SENTENCES.iter().find_map(|(open, _)| {
        line[indent..].starts_with(open).then(|| Found {
            mark: Mark::Open(Kind::Sentence),
            start: indent,
            end: indent + open.len(),
        })
    })
}

/// A tag: its name without what opens or closes, whether it closes, and its length.
fn named(text: &str) -> Option<(String, bool, usize)> {
    const LONGEST: usize = 200;
    if text.starts_with("<|channel>thought") {
        return Some(("|channel".to_owned(), false, "<|channel>thought".len()));
    }
    if text.starts_with("<channel|>") {
        return Some(("|channel".to_owned(), true, "<channel|>".len()));
    }
    let (open, close) = match text.chars().next()? {
        '<' => ('<', '>'),
        '[' => ('[', ']'),
        '\u{25c1}' => ('\u{25c1}', '\u{25b7}'),
        _ => return None,
    };
    let rest = &text[open.len_utf8()..];
    let end = rest
        .char_indices()
        .take(LONGEST)
        .find(|&(_, character)| character == close)?
        .0;
    let length = open.len_utf8() + end + close.len_utf8();
    let inner = &rest[..end];
    if open == '[' && inner.chars().any(char::is_lowercase) {
        return None;
    }
    let inner = inner.to_lowercase();
    let bars = ['|', '\u{ff5c}'];
    let is_barred = inner.starts_with(bars) && inner.ends_with(bars) && inner.len() > 2;
    let inner = inner.trim_matches(bars);
    let (inner, mut closes) = inner
        .strip_prefix('/')
        .map_or((inner, false), |name| (name, true));
    let mut name = inner.split_whitespace().next()?;
    if is_barred {
        let prefixed =
            |prefixes: &[&str]| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
        let suffixed =
            |suffixes: &[&str]| suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let opened = prefixed(&["begin_of_", "start_of_", "begin_", "start_"])
            .or_else(|| suffixed(&["_start", "_begin", "_prefix"]));
        let closed = prefixed(&["end_of_", "end_"]).or_else(|| suffixed(&["_end", "_suffix"]));
        closes |= closed.is_some();
        name = match closed.or(opened).unwrap_or(name) {
            // Apertus thinks between these.
            "inner" => "thinking",
            "box" => "answer",
            other => other,
        };
    }
    let name = name.to_owned();
    Some((name, closes, length))
}
