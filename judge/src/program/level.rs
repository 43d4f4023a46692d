//! Source → how much of what is asked its text shows, strings and comments left out (over 400 lines: every language has its words here).

use rlef_sandbox::Language;

use super::Rule;
use super::lexer::{code_only, is_word};
use super::wanted::{Asked, Wanted};

/// How much of what is asked a source shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    None,
    /// Some of it.
    Part(Rule),
    /// All that its text can show.
    Whole(Rule),
}

impl Level {
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Part(_) => 1,
            Self::Whole(_) => 2,
        }
    }
}

/// How much of what is asked a source shows.
pub(super) fn level(source: &str, language: Language, wanted: &Wanted) -> Level {
    let code = code_only(source, language);
    match &wanted.asked {
        Asked::Anything => Level::None,
        Asked::ToPrint => prints(&code, language),
        Asked::ToDefine { class, function } => defines(
            &code,
            language,
            class.as_deref(),
            function,
            wanted.open_head(),
        ),
    }
}

/// What C, C++, Java, Rust and Go read their input with.
const READING: [&str; 27] = [
    "cin",
    "scanf",
    "getline",
    "getchar",
    "getchar_unlocked",
    "gets",
    "fgets",
    "fread",
    "read",
    "stdin",
    "ifstream",
    "freopen",
    "Scanner",
    "in",
    "readLine",
    "BufferedReader",
    "StreamTokenizer",
    "read_line",
    "read_to_string",
    "lines",
    "input",
    "Scan",
    "Scanln",
    "Scanf",
    "Fscan",
    "Stdin",
    "NewReader",
];

/// Words by which programs of the languages that are a row each read.
const TAKING: [&str; 24] = [
    "STDIN",
    "stdin",
    "fgets",
    "fscanf",
    "gets",
    "ARGF",
    "read",
    "readline",
    "ReadLine",
    "Read",
    "ReadToEnd",
    "getLine",
    "getContents",
    "interact",
    "read_line",
    "read_int",
    "scanf",
    "readln",
    "readInt",
    "StdIn",
    "mapfile",
    "file_get_contents",
    "stream_get_contents",
    "readLines",
];

/// And print.
const PRINTING: [&str; 24] = [
    "echo",
    "print",
    "printf",
    "puts",
    "p",
    "say",
    "write",
    "writeln",
    "Write",
    "WriteLine",
    "println",
    "putStr",
    "putStrLn",
    "interact",
    "print_int",
    "print_string",
    "print_endline",
    "Printf",
    "io",
    "cat",
    "stdout",
    "print_float",
    "pp",
    "putChar",
];

fn prints(code: &str, language: Language) -> Level {
    let has = |words: &[&str]| words.iter().any(|word| has_word(code, word));
    let (reads, writes) = match language {
        // What tries a program out is none.
        Language::Python if has(&["unittest", "pytest", "doctest", "subprocess", "timeit"]) => {
            (false, false)
        }
        Language::Python => (
            has(&["input", "stdin", "open", "fileinput", "read", "raw_input"]),
            has(&["print", "stdout", "write", "writelines"]),
        ),
        Language::JavaScript | Language::TypeScript => (
            has(&["stdin", "readline", "readFileSync", "prompt", "read"]),
            has(&["log", "stdout", "write", "print"]),
        ),
        Language::Php
        | Language::Ruby
        | Language::Lua
        | Language::Perl
        | Language::Bash
        | Language::CSharp
        | Language::Kotlin
        | Language::Scala
        | Language::Haskell => (has(&TAKING) || has(&READING), has(&PRINTING)),
        Language::Wasm => {
            return if code.contains("(module") {
                Level::Whole(Rule::HasMain)
            } else {
                Level::None
            };
        }
        _ => {
            // A test of the program has a `main`, too.
            return match (
                has_main(code),
                READING.iter().any(|word| has_word(code, word)),
            ) {
                (true, true) => Level::Whole(Rule::HasMain),
                (true, false) => Level::Part(Rule::HasMain),
                _ => Level::None,
            };
        }
    };
    match (reads, writes) {
        // What is only defined does nothing by itself.
        (_, true) if language == Language::Python && only_defines(code) => {
            Level::Part(Rule::Prints)
        }
        (true, true) => Level::Whole(Rule::ReadsAndPrints),
        (false, true) => Level::Part(Rule::Prints),
        _ => Level::None,
    }
}

/// Whether a name or keyword occurs by itself.
fn has_word(code: &str, word: &str) -> bool {
    behind_word(code, word).next().is_some()
}

/// What stands behind each place where a word occurs by itself.
fn behind_word<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(word).filter_map(move |(at, _)| {
        let after = &code[at + word.len()..];
        let is_part = code[..at].chars().next_back().is_some_and(is_word)
            || after.chars().next().is_some_and(is_word);
        (!is_part).then_some(after)
    })
}

/// Whether there is a function `main`, and not just a file that is called so: `g++ main.cpp`.
pub(super) fn has_main(code: &str) -> bool {
    behind_word(code, "main").any(|after| after.trim_start().starts_with('('))
}

/// Whether Python source defines and imports, and does nothing else.
pub(super) fn only_defines(code: &str) -> bool {
    const DEFINES: [&str; 8] = [
        "def ",
        "async def ",
        "class ",
        "import ",
        "from ",
        "@",
        "sys.setrecursionlimit(",
        "threading.stack_size(",
    ];
    let margin = margin(code);
    code.lines()
        .filter(|line| !line.trim().is_empty())
        .all(|line| {
            let text = line.trim();
            line.len() - line.trim_start().len() > margin
                || text == "\""
                || text.starts_with([')', ']', '}'])
                || DEFINES.iter().any(|word| text.starts_with(word))
                || is_plain_assignment(text)
        })
}

/// `input = sys.stdin.readline`: nothing is called.
fn is_plain_assignment(statement: &str) -> bool {
    statement.split_once('=').is_some_and(|(name, value)| {
        let name = name.trim();
        !name.is_empty()
            && name.chars().all(is_word)
            && !value.starts_with('=')
            && !value.contains('(')
    })
}

fn defines(
    code: &str,
    language: Language,
    class: Option<&str>,
    function: &str,
    head: &str,
) -> Level {
    if language != Language::Python {
        let outer = class.unwrap_or(function);
        let heads = code.lines().any(|line| heads(line, outer));
        return match (heads, continues(code, head)) {
            (true, _) => Level::Whole(Rule::DefinesEntryPoint),
            (false, true) => Level::Part(Rule::ContinuesPrompt),
            _ => Level::None,
        };
    }
    let margin = margin(code);
    let top = class.unwrap_or(function);
    let defined = |name: &str, deeper: bool| {
        code.lines().any(|line| {
            let indent = line.len() - line.trim_start().len();
            (deeper || indent <= margin) && binds(line.trim_start(), name)
        })
    };
    let whole = match class {
        Some(class) => {
            defined(class, false)
                && (defined(function, true) || !code.contains(&format!("class {class}")))
        }
        None => defined(top, false),
    };
    // The name of what is asked for alone: a signature that is shown, or a snippet that imports the solution.
    let is_stub = code
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .is_some_and(|line| is_left_open(line.trim()));
    let is_imported = code
        .lines()
        .map(str::trim_start)
        .any(|line| is_import(line) && !line.contains(" as ") && binds(line, top));
    if whole && !is_stub && !is_imported {
        Level::Whole(Rule::DefinesEntryPoint)
    } else if continues(code, head) {
        Level::Part(Rule::ContinuesPrompt)
    } else if defined(function, true) || defined(top, false) {
        Level::Part(Rule::DefinesEntryPoint)
    } else {
        Level::None
    }
}

/// Whether the last line of a source leaves to others what it should do.
fn is_left_open(line: &str) -> bool {
    matches!(line, "pass" | "...")
        || line.ends_with(": pass")
        || line.ends_with(": ...")
        || line.starts_with("raise NotImplementedError")
        // Only a comment follows the head.
        || line.ends_with(':')
}

/// Column of the first line of code.
fn margin(code: &str) -> usize {
    let first = code.lines().find(|line| !line.trim().is_empty());
    first.map_or(0, |line| line.len() - line.trim_start().len())
}

fn is_import(statement: &str) -> bool {
    statement.starts_with("from ") || statement.starts_with("import ")
}

/// Whether a statement of Python makes a name: a definition, an assignment, an import.
pub(super) fn binds(statement: &str, name: &str) -> bool {
    let named = |rest: &str| -> Option<String> {
        let rest = rest.trim_start().strip_prefix(name)?;
        (!rest.starts_with(is_word)).then(|| rest.trim_start().to_owned())
    };
    let behind = |keyword: &str| {
        statement
            .strip_prefix(keyword)
            .filter(|rest| rest.starts_with(char::is_whitespace))
            .and_then(named)
    };
    let def = statement
        .strip_prefix("async")
        .map_or(statement, str::trim_start);
    if let Some(rest) = def
        .strip_prefix("def")
        .filter(|rest| rest.starts_with(char::is_whitespace))
        .and_then(named)
    {
        return rest.starts_with(['(', '[']);
    }
    if let Some(rest) = behind("class") {
        return rest.starts_with(['(', ':', '[']);
    }
    if is_import(statement) {
        return statement
            .split([',', '(', ')'])
            .any(|part| part.split_whitespace().next_back() == Some(name));
    }
    named(statement).is_some_and(|rest| {
        rest.starts_with('=') && !rest.starts_with("==")
            || rest.starts_with(':') && rest.contains('=')
    }) || is_a_target(statement, name)
}

/// Whether a name is one of several that a statement assigns to: `a, f = 1, g`, `a = f = g`.
fn is_a_target(statement: &str, name: &str) -> bool {
    let sides: Vec<&str> = statement.split('=').collect();
    let targets = &sides[..sides.len() - 1];
    let is_plain = |side: &&str| {
        !side.trim().is_empty()
            && side
                .chars()
                .all(|letter| is_word(letter) || letter == ',' || letter.is_whitespace())
    };
    targets.iter().all(is_plain)
        && targets
            .iter()
            .flat_map(|side| side.split(','))
            .any(|target| target.trim() == name)
}

/// Whether a line at the left margin of a language with braces names a function or class that it begins to define.
fn heads(line: &str, name: &str) -> bool {
    let at_margin = line.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let ends = line.trim_end();
    at_margin
        && !ends.ends_with(';')
        && line.match_indices(name).any(|(at, _)| {
            let before = &line[..at];
            let after = line[at + name.len()..].chars().next();
            before.ends_with(|letter: char| !is_word(letter) && letter != '.')
                && !before.contains(['(', '{', '=', ';'])
                && !after.is_some_and(is_word)
        })
}

/// Whether a source looks like the rest of the function that the head ends in: it starts indented, returns from a function
/// that it doesn't have, or closes a brace that it didn't open.
fn continues(code: &str, head: &str) -> bool {
    if head.trim().is_empty() {
        return false;
    }
    let margin = margin(code);
    let lines = || code.lines().filter(|line| !line.trim().is_empty());
    margin > 0
        || lines().any(|line| {
            let word = line
                .split(|character: char| !is_word(character))
                .next()
                .unwrap_or_default();
            matches!(word, "return" | "yield" | "raise")
        })
        || code.matches('}').count() > code.matches('{').count()
}

#[cfg(test)]
mod tests;
