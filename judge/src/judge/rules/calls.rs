//! Functions and modules that a program uses by name, its strings and comments left out. A rule of style, not a wall: what a
//! program looks up by a text while it runs (`getattr`, `__import__`) is not seen, but may be forbidden itself.

use std::collections::HashMap;

use rlef_sandbox::Language;

use crate::program::{Program, code_only, literals};

/// What stands in braces, without the texts around it.
fn in_braces(text: &str) -> String {
    let mut depth = 0_usize;
    let mut inner = String::new();
    for letter in text.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            letter if depth > 0 => inner.push(letter),
            _ => continue,
        }
        if "{}".contains(letter) {
            inner.push(' ');
        }
    }
    inner
}

/// What names may be reached through without being others.
const SELF_EVIDENT: [&str; 3] = ["builtins.", "__builtins__.", "std."];

/// Words that a name is defined behind.
const DEFINES: [&str; 5] = ["def", "class", "fn", "func", "function"];

/// A name, with what its code has around it.
struct Use {
    name: String,
    /// Whether a dot joins it to something that is no name: a method of a value.
    is_member: bool,
    /// Whether it is defined, assigned or passed under this name here rather than used.
    is_given: bool,
}

/// Whether this can be forbidden: names joined by dots.
pub(super) fn is_name(text: &str) -> bool {
    let is_word = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(is_first) && letters.all(is_letter)
    };
    text.split('.').all(is_word)
}

/// Those of `forbidden` that a program uses, in their order.
pub(super) fn used(program: &Program, forbidden: &[String]) -> Vec<String> {
    if forbidden.is_empty() {
        return Vec::new();
    }
    let code = code_only(&program.source, program.language);
    let (aliases, mut names) = match program.language {
        Language::Python => imports(&code),
        _ => (HashMap::new(), Vec::new()),
    };
    // What stands in braces of a formatted string is code.
    let formatted = literals(&program.source, program.language).into_iter();
    let formatted = formatted.filter(|literal| literal.is_formatted);
    let inner = formatted.flat_map(|literal| uses(&in_braces(&literal.text)));
    let uses = uses(&code).into_iter().chain(inner);
    let uses = uses.filter(|one| !one.is_member && !one.is_given);
    names.extend(uses.map(|one| meant(&one.name, &aliases)));
    let hit = |wanted: &&String| {
        names.iter().any(|name| {
            let module = name.strip_suffix(".*");
            name == *wanted
                || is_below(name, wanted)
                // Everything of its module was imported, this with it.
                || module.is_some_and(|module| is_below(wanted, module))
        })
    };
    forbidden.iter().filter(hit).cloned().collect()
}

fn is_below(name: &str, module: &str) -> bool {
    name.strip_prefix(module)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// What a name stands for.
fn meant(name: &str, aliases: &HashMap<String, String>) -> String {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    let first = aliases.get(first).map_or(first, String::as_str);
    let whole = if rest.is_empty() {
        first.to_owned()
    } else {
        format!("{first}.{rest}")
    };
    let plain = SELF_EVIDENT
        .iter()
        .find_map(|front| whole.strip_prefix(front));
    plain.map_or_else(|| whole.clone(), str::to_owned)
}

fn is_first(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The names in code, each as long as dots (or what other languages write for them) join it.
fn uses(code: &str) -> Vec<Use> {
    let mut found: Vec<Use> = Vec::new();
    let mut rest = code;
    // What stands in front: whether a dot, and which word.
    let (mut dotted, mut word_before) = (false, String::new());
    while let Some(letter) = rest.chars().next() {
        if is_letter(letter) {
            let end = rest.find(|other| !is_letter(other)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            rest = after;
            if letter.is_numeric() {
                (dotted, word_before) = (false, String::new());
                continue;
            }
            let mut name = word.to_owned();
            while let Some((next, behind)) = joined(rest) {
                name = format!("{name}.{next}");
                rest = behind;
            }
            let after = rest.trim_start_matches([' ', '\t']);
            let assigned = after.starts_with('=') && !after.starts_with("==");
            found.push(Use {
                is_member: dotted,
                is_given: assigned || DEFINES.contains(&word_before.as_str()),
                name,
            });
            (dotted, word_before) = (false, word.to_owned());
            continue;
        }
        if letter == '\n' {
            // A number may end in a dot.
            (dotted, word_before) = (false, String::new());
        } else if !letter.is_whitespace() {
            // Two dots are a range.
            dotted = (letter == '.' && !rest.starts_with("..")) || rest.starts_with("->");
            word_before.clear();
        }
        // The signs of an arrow, of two colons or of a range belong together.
        let step = ["->", "::", "..."]
            .iter()
            .chain([&".."])
            .find(|sign| rest.starts_with(**sign));
        rest = &rest[step.map_or(letter.len_utf8(), |sign| sign.len())..];
    }
    found
}

/// The word that a dot joins to what stands before, and what stands behind it.
fn joined(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim_start();
    let rest = [".", "::", "->"]
        .iter()
        .find_map(|sign| rest.strip_prefix(sign))?
        .trim_start();
    let end = rest.find(|other| !is_letter(other)).unwrap_or(rest.len());
    rest.starts_with(is_first).then(|| rest.split_at(end))
}

/// What Python's imports name: the names they give, with what these stand for, and all that is imported. A star stands for
/// everything of a module.
fn imports(code: &str) -> (HashMap<String, String>, Vec<String>) {
    let (mut aliases, mut all) = (HashMap::new(), Vec::new());
    let mut add = |given: Option<&str>, whole: String| {
        if let Some(given) = given {
            aliases.insert(given.to_owned(), whole.clone());
        }
        all.push(whole);
    };
    for statement in statements(code) {
        let from = statement.strip_prefix("from ");
        let (module, list) = match from.and_then(|rest| rest.split_once(" import ")) {
            Some((module, list)) => (Some(module.trim()), list),
            None => match statement.strip_prefix("import ") {
                Some(list) => (None, list),
                None => continue,
            },
        };
        for name in list.trim().trim_matches(['(', ')']).split(',') {
            let words: Vec<&str> = name.split_whitespace().collect();
            let given = words
                .get(2)
                .filter(|_| words.get(1) == Some(&"as"))
                .copied();
            match (words.first(), module) {
                (Some(first), Some(module)) => {
                    add(given.or(Some(first)), format!("{module}.{first}"));
                }
                // Without another name it is used by its whole one.
                (Some(first), None) => add(given, (*first).to_owned()),
                (None, _) => {}
            }
        }
    }
    (aliases, all)
}

/// Statements, each on one line: brackets and backslashes join lines.
fn statements(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (mut open, mut depth) = (String::new(), 0_i64);
    for line in code.lines() {
        depth += line.matches('(').count() as i64 - line.matches(')').count() as i64;
        let (text, goes_on) = match line.trim_end().strip_suffix('\\') {
            Some(text) => (text, true),
            None => (line, depth > 0),
        };
        open.push_str(text);
        open.push(' ');
        if !goes_on {
            all.extend(open.split(';').map(|part| {
                let words: Vec<&str> = part.split_whitespace().collect();
                words.join(" ")
            }));
            open.clear();
            depth = 0;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, forbidden: &[&str]) -> Vec<String> {
        let program = Program::bare(source, Language::Python);
        let forbidden: Vec<String> = forbidden.iter().map(|&name| name.to_owned()).collect();
        used(&program, &forbidden)
    }

    #[test]
    fn a_use_is_found_under_whatever_name_it_was_imported() {
        for source in [
            "eval(input())",
            "x = eval (s)",
            "e = eval\ne(s)",
            "list(map(eval, s))",
            "import builtins\nbuiltins.eval(s)",
            "from builtins import eval as e\ne(s)",
            "f'{x}' + str(\n  eval(s))",
            "if eval== x: pass",
            "print(f'{eval(s)}')",
            "print(f\"a {x} {b + eval(s)}\")",
            "x = 3.\neval(s)",
            "import builtins as b\nb.eval(s)",
        ] {
            assert_eq!(found(source, &["eval"]), ["eval"], "{source}");
        }
        for source in [
            "import os\nos.system(s)",
            "import os as o\no . system(s)",
            "from os import system\nsystem(s)",
            "from os import (path,\n  system as run)\nrun(s)",
            "from os import *\nsystem(s)",
            "import sys; import os.path as p, os as q; q.system(s)",
            "import os.path\nos.system(s)",
        ] {
            assert_eq!(found(source, &["os.system"]), ["os.system"], "{source}");
        }
        for source in [
            "import os",
            "from os import path",
            "import os.path as p",
            "import sys, os as o",
        ] {
            assert_eq!(found(source, &["os"]), ["os"], "{source}");
        }
    }

    #[test]
    fn near_misses_are_none() {
        for source in [
            "evaluate(s)",
            "my_eval(s)",
            "eval2 = 1",
            "print('eval(1)')",
            "print('{eval(1)}')",
            "print(f'eval {x}')",
            "# eval(1)\nprint(1)",
            "'''\neval(1)\n'''",
            "frame.eval(s)",
            "f().eval(s)",
            "a[0].eval(s)",
            "f(eval=1)",
            "class Tree:\n    def eval(self): return 1\n    def go(self): return self.eval()",
            "import evaluation",
        ] {
            assert!(found(source, &["eval"]).is_empty(), "{source}");
        }
        for source in [
            "import oslo",
            "import os\nos.path.join(a)",
            "from sys import system",
            "import os\nmy.os.system(1)",
        ] {
            assert!(found(source, &["os.system"]).is_empty(), "{source}");
        }
    }

    #[test]
    fn other_languages_have_their_own_signs_for_a_dot() {
        let cpp = |source: &str, name: &str| {
            used(&Program::bare(source, Language::Cpp), &[name.to_owned()])
        };
        assert_eq!(
            cpp("int main() { std::system(\"ls\"); }", "system"),
            ["system"]
        );
        assert_eq!(
            cpp("auto x = std :: chrono::now();", "chrono.now"),
            ["chrono.now"]
        );
        assert!(cpp("box->system(1); // system()\n", "system").is_empty());
        assert!(cpp("puts(\"system()\");", "system").is_empty());
    }

    #[test]
    fn what_is_no_name_is_none() {
        for (text, is) in [
            ("os.system", true),
            ("_x1", true),
            ("eval()", false),
            ("", false),
            ("os.", false),
            ("1x", false),
        ] {
            assert_eq!(is_name(text), is, "{text}");
        }
    }
}
