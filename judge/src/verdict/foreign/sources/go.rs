//! Go: imports are gathered in one place, for none may be there twice or unused.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rlef_sandbox::Language;

use super::super::Case;
use super::super::mask::{depth, mask, words};
use super::super::signature::{Signature, split};

const DRIVER: &str = include_str!("../driver.go.txt");
const TESTS: &str = include_str!("../tests.go.txt");
const SERVE: &str = include_str!("../serve.go.txt");

/// What the drivers import, under names that no program has.
const OWN: [(&str, &str); 10] = [
    ("rlefbufio", "bufio"),
    ("rlefbinary", "encoding/binary"),
    ("rlefErrors", "errors"),
    ("rleffmt", "fmt"),
    ("rlefio", "io"),
    ("rlefmath", "math"),
    ("rlefos", "os"),
    ("rlefreflect", "reflect"),
    ("rlefstrings", "strings"),
    ("rlefflag", "flag"),
];

/// Packages whose assertions the tests' driver has.
const ASSERTIONS: [&str; 2] = [
    "github.com/stretchr/testify/assert",
    "github.com/stretchr/testify/require",
];

/// A source without its imports.
struct Parts {
    /// Paths, with the names they are imported by where these are given.
    imports: BTreeMap<String, String>,
    code: String,
}

fn parts(source: &str) -> Parts {
    let mut parts = Parts {
        imports: BTreeMap::new(),
        code: String::new(),
    };
    let masked = mask(source, Language::Go);
    let (mut listed, mut at) = (false, 0);
    for line in source.split_inclusive('\n') {
        let is_outer = depth(&masked[..at]) == 0;
        let is_code = masked[at..at + line.len()]
            .trim()
            .starts_with(|first: char| first.is_alphabetic());
        at += line.len();
        let text = line.trim();
        if listed {
            listed = !text.starts_with(')');
            if listed {
                parts.import(text);
            }
        } else if is_outer && is_code && text.starts_with("package ") {
            // There is one at the top.
        } else if is_outer && is_code && text.starts_with("import") {
            let rest = text["import".len()..].trim();
            match rest.strip_prefix('(') {
                Some(rest) => {
                    listed = !rest.contains(')');
                    for one in rest.split(';') {
                        parts.import(one.trim_end_matches(')').trim());
                    }
                }
                None => parts.import(rest),
            }
        } else {
            parts.code.push_str(line);
        }
    }
    parts
}

impl Parts {
    fn import(&mut self, text: &str) {
        let text = text.split("//").next().unwrap_or_default().trim();
        if let Some((name, rest)) = text.split_once('"')
            && let Some((path, _)) = rest.split_once('"')
        {
            self.imports.insert(path.to_owned(), name.trim().to_owned());
        }
    }
}

/// The imports of a text as text.
pub(super) fn head(text: &str) -> String {
    declared(&parts(text).imports)
}

fn declared(imports: &BTreeMap<String, String>) -> String {
    imports
        .iter()
        .fold(String::new(), |mut text, (path, name)| {
            // Writing to a String can't fail.
            let _ = writeln!(text, "import {name} \"{path}\"");
            text
        })
}

/// Those that the code uses.
fn used(mut imports: BTreeMap<String, String>, code: &str) -> BTreeMap<String, String> {
    let masked = mask(code, Language::Go);
    imports.retain(|path, name| {
        let own = if name.is_empty() {
            path.rsplit('/').next().unwrap_or_default()
        } else {
            name
        };
        matches!(own, "." | "_")
            || words(&masked, own).any(|at| masked[at + own.len()..].starts_with('.'))
    });
    imports
}

fn whole(imports: &BTreeMap<String, String>, code: &str, drivers: &[&str], tests: bool) -> String {
    let mut source = "package main\n".to_owned();
    source.push_str(&declared(imports));
    let drivers = drivers.concat();
    for (name, path) in OWN
        .iter()
        .chain(tests.then_some(&("rleftesting", "testing")))
    {
        if drivers.contains(&format!("{name}.")) {
            let _ = writeln!(source, "import {name} \"{path}\"");
        }
    }
    source + code + "\n" + &drivers
}

pub(super) fn tester(case: &Case<'_>, signature: &Signature) -> String {
    let name = case.entry_point;
    let given: Vec<String> = signature
        .parameters
        .iter()
        .map(|name| format!("&{name}"))
        .collect();
    let (results, named) = results(&signature.result);
    let mut stub = String::new();
    let mut places: Vec<String> = Vec::new();
    for (index, result) in results.iter().enumerate() {
        if named {
            places.push(
                result
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            );
        } else {
            let _ = write!(stub, "var rlefR{index} {result}; ");
            places.push(format!("rlefR{index}"));
        }
    }
    let into = places.iter().flat_map(|place| [", &", place.as_str()]);
    let into: String = into.collect();
    let _ = write!(
        stub,
        "rlefCall(\"{name}\", []interface{{}}{{{}}}{into})",
        given.join(", ")
    );
    if !places.is_empty() {
        let _ = write!(stub, "; return {}", places.join(", "));
    }
    let preamble = parts(case.preamble);
    let tests = parts(case.code);
    let closed = if case.closes() {
        String::new()
    } else {
        "}".repeat(signature.depth)
    };
    let code = format!("{} {stub}\n{closed}\n{}", preamble.code, tests.code);
    let mut imports = preamble.imports;
    imports.extend(tests.imports);
    for path in ASSERTIONS {
        imports.remove(path);
    }
    let imports = used(imports, &code);
    let masked = mask(&tests.code, Language::Go);
    let names = masked.match_indices("func Test").map(|(at, _)| {
        let rest = &masked[at + "func ".len()..];
        &rest[..rest.find('(').unwrap_or(rest.len())]
    });
    let all: Vec<String> = names
        .map(|name| format!("{{\"{0}\", {0}}}", name.trim()))
        .collect();
    let main = format!(
        "\nfunc main() {{ rlefTest([]rleftesting.InternalTest{{{}}}) }}\n",
        all.join(", ")
    );
    whole(&imports, &code, &[DRIVER, TESTS, &main], true)
}

/// What a function returns, and whether these have names.
fn results(written: &str) -> (Vec<&str>, bool) {
    let list = written
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let all = split(list.unwrap_or(written));
    let kinds = [
        "map[",
        "func(",
        "chan ",
        "interface",
        "struct",
        "[",
        "*",
        "<-",
    ];
    let has_name = |part: &&str| {
        let part = part.trim();
        part.contains(' ') && !kinds.iter().any(|kind| part.starts_with(kind))
    };
    let named = list.is_some() && all.iter().any(has_name);
    (all, named)
}

pub(super) fn candidate(case: &Case<'_>, program: &str, source: &str) -> String {
    let name = case.entry_point;
    let of_problem = parts(case.preamble).imports;
    let own = parts(program).imports;
    let all = parts(source);
    let shared = used(of_problem, &all.code);
    let mut imports: BTreeMap<String, String> = all
        .imports
        .into_iter()
        // What the problem imports for its tests may be left unused; what the program imports may not.
        .filter(|(path, _)| {
            shared.contains_key(path)
                || (own.contains_key(path) && !parts(case.preamble).imports.contains_key(path))
        })
        .collect();
    imports.extend(shared);
    for path in ASSERTIONS {
        imports.remove(path);
    }
    let mut serve = format!("\nfunc init() {{ rlefServe(\"{name}\", {name}) }}\n");
    let masked = mask(&all.code, Language::Go);
    if !words(&masked, "main").any(|at| masked[..at].trim_end().ends_with("func")) {
        serve.push_str("\nfunc main() {}\n");
    }
    whole(&imports, &all.code, &[DRIVER, SERVE, &serve], false)
}
