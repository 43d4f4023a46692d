//! The tutorial, walked: its files are those that the page shows, and its short commands print what it says. The long ones are run by
//! `.ci/outside walk`.

use std::path::Path;

use super::super::cli::{rlef, write};
use super::{commands, words};

/// The fenced blocks of a page in a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let open = format!("\n```{language}\n");
    let parts = page.split(&open).skip(1);
    parts
        .map(|part| part.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// A line without the numbers that differ from run to run.
fn plain(line: &str) -> Vec<&str> {
    let words = line.split_whitespace();
    words.filter(|word| word.parse::<f64>().is_err()).collect()
}

#[test]
fn the_tutorial_judges_what_it_shows() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md");
    let page = std::fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = blocks(&page, "json");
    let [problems, answers] = &files[..] else {
        panic!("expected the problems and the answers, found {files:?}");
    };
    write(folder.path(), "sums.jsonl", problems);
    write(folder.path(), "answers.jsonl", answers);
    let command = commands(&page)
        .into_iter()
        .find(|command| command.starts_with("rlef judge"))
        .unwrap();
    let arguments = words(&command);
    let arguments: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
    let output = rlef(folder.path(), &arguments);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    let shown = blocks(&page, "text");
    let shown = shown
        .iter()
        .find(|block| block.starts_with("sum "))
        .unwrap();
    let pairs: Vec<_> = printed.lines().map(plain).collect();
    let expected: Vec<_> = shown.lines().map(plain).collect();
    assert_eq!(pairs, expected);
}
