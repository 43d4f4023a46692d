//! No module needs one that needs it: the imports of the sources go one way.
//!
//! A module may use what is below it in its own folder, and what is below may use its words: it is the front of its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Module = Vec<String>;

/// The sources of a folder by the path of their module, without tests.
fn modules(root: &Path, folder: &Path, found: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            modules(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap().with_extension("");
            let module: Module = inside
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            let is_root = ["lib", "main"].contains(&&*module[0]) && module.len() == 1;
            if !is_root && !module.contains(&"tests".to_owned()) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(module, without_comments(&text));
            }
        }
    }
}

/// The text without comments, and without what only tests have at its end.
fn without_comments(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths that a tree of imports names: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expanded(tree: &str) -> Vec<String> {
    let Some((front, rest)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let inner = rest.rsplit_once('}').unwrap().0;
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let named = parts.into_iter().filter(|part| !part.trim().is_empty());
    named
        .flat_map(|part| expanded(part.trim()))
        .map(|path| format!("{}{path}", front.trim()))
        .collect()
}

/// Paths from `crate` or `super` that a text names, in imports and elsewhere.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].trim_end();
            // The rest of a longer path, or of a longer word.
            if text[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
                || text[..at].ends_with("::")
            {
                continue;
            }
            let end = if before.ends_with("use") {
                text[at..].find(';').unwrap()
            } else {
                let other = |letter: char| !(letter.is_alphanumeric() || "_:".contains(letter));
                text[at..].find(other).unwrap_or(text.len() - at)
            };
            found.extend(expanded(&text[at..at + end]));
        }
    }
    found
}

/// The module that a path, named in `from`, leads into.
fn target(from: &Module, path: &str, all: &BTreeMap<Module, String>) -> Option<Module> {
    let mut place = from.clone();
    let mut best = None;
    for (index, part) in path.split("::").map(str::trim).enumerate() {
        match part {
            "crate" if index == 0 => place.clear(),
            "super" => drop(place.pop()),
            name => place.push(name.to_owned()),
        }
        if all.contains_key(&place) {
            best = Some(place.clone());
        }
    }
    best.filter(|target| target != from)
}

/// The circle that can be walked from here, if there is one.
fn circle(
    at: &Module,
    uses: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    done: &mut BTreeSet<Module>,
) -> Option<String> {
    if let Some(start) = way.iter().position(|module| module == at) {
        let mut names: Vec<String> = way[start..]
            .iter()
            .map(|module| module.join("::"))
            .collect();
        names.push(at.join("::"));
        return Some(names.join(" -> "));
    }
    if !done.insert(at.clone()) {
        return None;
    }
    way.push(at.clone());
    let found = uses[at]
        .iter()
        .find_map(|next| circle(next, uses, way, done));
    way.pop();
    found
}

/// The first circle among these modules.
fn circle_of(all: &BTreeMap<Module, String>) -> Option<String> {
    let uses: BTreeMap<Module, BTreeSet<Module>> = all
        .iter()
        .map(|(module, text)| {
            let targets = paths(text)
                .into_iter()
                .filter_map(|path| target(module, &path, all));
            // Its own parts.
            (
                module.clone(),
                targets
                    .filter(|target| !target.starts_with(module))
                    .collect(),
            )
        })
        .collect();
    let mut done = BTreeSet::new();
    uses.keys()
        .find_map(|module| circle(module, &uses, &mut Vec::new(), &mut done))
}

fn circle_below(folder: &str, least: usize) -> Option<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(folder.split_once("/src").unwrap().0)
        .join("src");
    let mut all = BTreeMap::new();
    modules(
        &root,
        &PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut all,
    );
    assert!(all.len() >= least, "only {} modules in {folder}", all.len());
    circle_of(&all)
}

#[test]
fn the_modules_of_the_sandbox_go_one_way() {
    assert_eq!(circle_below("sandbox/src", 80), None);
}

#[test]
fn the_modules_that_read_problems_go_one_way() {
    assert_eq!(circle_below("judge/src/problem", 50), None);
}

#[test]
fn the_modules_that_take_programs_out_of_answers_go_one_way() {
    assert_eq!(circle_below("judge/src/program", 12), None);
}

#[test]
fn the_modules_that_make_verdicts_go_one_way() {
    assert_eq!(circle_below("judge/src/verdict", 25), None);
}

#[test]
fn a_circle_is_seen_however_it_is_written() {
    let of = |files: &[(&str, &str)]| {
        let module = |name: &str| name.split('/').map(str::to_owned).collect::<Module>();
        let all = files
            .iter()
            .map(|(name, text)| (module(name), without_comments(text)));
        circle_of(&all.collect())
    };
    let lines = "use crate::{\n    c, // not a\n    b::{self, Thing},\n};";
    assert_eq!(
        of(&[("a", lines), ("b", "use std::io;"), ("c", "use super::b;")]),
        None
    );
    assert_eq!(
        of(&[("a", lines), ("b", ""), ("c", "fn f() { crate::a::g() }")]).unwrap(),
        "a -> c -> a"
    );
    let sideways = [
        ("d/one", "use super::two::T;"),
        ("d/two", "use super::three;"),
        ("d/three", "use super::{one};"),
    ];
    assert!(
        of(&sideways)
            .unwrap()
            .starts_with("d::one -> d::two -> d::three")
    );
    // A front and its parts; a comment; a test.
    assert_eq!(
        of(&[
            ("d", "use self::one::T;\nuse crate::d::one;"),
            ("d/one", "use super::U;")
        ]),
        None
    );
    let test = "#[cfg(test)]\nmod tests {\n    use crate::a;\n}";
    assert_eq!(
        of(&[
            ("a", "use crate::b;"),
            ("b", &format!("// use crate::a;\n{test}"))
        ]),
        None
    );
}
