//! The page of the exit codes: it has every verb, no code that there is not, and what it says is what the code returns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use rlef::cli::{Cli, exit};

use super::super::cli::{rlef, write};

/// What an interrupt ends with, as shells have it: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/exit-codes.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the tables: first cell without marks, and the others.
fn rows(text: &str) -> BTreeMap<String, Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let mut cells = line
            .trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned());
        let name = cells.next().unwrap().trim_matches('`').to_owned();
        (name, cells.collect())
    })
    .collect()
}

/// The files that are a verb's own.
fn sources(verb: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["src/cli", "serve/src/cli"] {
        paths.extend([
            root.join(folder).join(format!("{verb}.rs")),
            root.join(folder).join(verb),
        ]);
    }
    let mut text = String::new();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.is_file() {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

#[test]
fn the_page_of_the_exit_codes_is_as_the_program() {
    let page = page();
    let all = rows(&page);
    let codes = [
        0,
        exit::NO,
        exit::USAGE,
        exit::PROTECTION,
        exit::INFRASTRUCTURE,
        INTERRUPTED,
    ];
    for code in codes {
        assert!(all.contains_key(&code.to_string()), "the page lacks {code}");
    }
    let verbs: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for name in all.keys() {
        let is_code = name.parse::<u8>().is_ok_and(|code| codes.contains(&code));
        assert!(is_code || verbs.contains(name), "the page has {name}");
    }
    for verb in verbs {
        let row = all
            .get(&verb)
            .unwrap_or_else(|| panic!("the page lacks {verb}"));
        let code = sources(&verb);
        // Columns: 0, 1, 3, 4, 130.
        for (column, words) in [(1, "exit::NO"), (4, "interrupted()")] {
            assert_eq!(row[column] != "-", code.contains(words), "{verb}: {row:?}");
        }
    }
}

/// No verb makes up a code of its own.
#[test]
fn every_code_is_one_of_these() {
    let verbs = Cli::command();
    for verb in verbs.get_subcommands() {
        for line in sources(verb.get_name()).lines() {
            let Some((_, rest)) = line.split_once("ExitCode::from(") else {
                continue;
            };
            assert!(rest.starts_with("exit::"), "{}: {line}", verb.get_name());
        }
    }
}

#[test]
fn verbs_exit_as_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "sums.jsonl",
        "{\"id\":\"sum\",\"statement\":\"Add.\",\"public_tests\":[{\"kind\":\"stdin\",\"input\":\"1 2\\n\",\"expected\":\"3\\n\"}]}\n",
    );
    write(
        at,
        "wrong.jsonl",
        "{\"problem_id\":\"sum\",\"program\":\"print(4)\"}\n",
    );
    let judge = [
        "judge",
        "--problems",
        "sums.jsonl",
        "--programs",
        "wrong.jsonl",
    ];
    let code = |arguments: &[&str]| rlef(at, arguments).status.code().unwrap();
    assert_eq!(code(&judge), 0);
    assert_eq!(
        code(&[&judge[..], &["--expect-accepted"]].concat()),
        i32::from(exit::NO)
    );
    assert_eq!(
        code(&[&judge[..], &["--python", "/nonexistent/python3"]].concat()),
        i32::from(exit::PROTECTION)
    );
    for verb in Cli::command().get_subcommands() {
        let name = verb.get_name();
        assert_eq!(code(&[name, "--help"]), 0, "{name}");
        assert_eq!(
            code(&[name, "--no-such-flag"]),
            i32::from(exit::USAGE),
            "{name}"
        );
    }
}
