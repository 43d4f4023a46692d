//! What the documents tell a reader to type is understood by the programs, and what is made from the code is as the code is.

mod exits;
mod http;
mod reasons;
mod reference;
mod tutorial;

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use rlef::cli::Cli;

use super::cli::{rlef, write};
pub(crate) use reference::hold;

/// Pages for users: the README, everything in `docs`, and the READMEs of parts.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<PathBuf> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    let parts = ["sandbox", "benchmarks", "python"].map(|part| root.join(part).join("README.md"));
    found.extend([root.join("README.md"), root.join("CONTRIBUTING.md")]);
    found.extend(parts.into_iter().filter(|path| path.exists()));
    found.sort();
    found
}

/// Lines of code on a page that begin with `rlef`: in fences, set in by four spaces, or after a prompt; continued lines are one.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (mut is_fenced, mut goes_on) = (false, false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            (is_fenced, goes_on) = (!is_fenced, false);
            continue;
        }
        let words = line.trim();
        let words = words.strip_prefix("$ ").unwrap_or(words);
        // A picture of the flow of data is drawn with arrows.
        let is_command = (is_fenced || line.starts_with("    "))
            && words.starts_with("rlef ")
            && !words.contains("─");
        let (text, more) = match words.strip_suffix('\\') {
            Some(text) => (text.trim_end(), true),
            None => (words, false),
        };
        if goes_on {
            let last = found.last_mut().unwrap();
            *last = format!("{last} {text}");
            goes_on = more;
        } else if is_command {
            found.push(text.to_owned());
            goes_on = more;
        }
    }
    found
}

/// A command → its words, up to a comment or what the shell does with its output.
pub(crate) fn words(command: &str) -> Vec<String> {
    let command = command.split(" #").next().unwrap();
    let mut found = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (' ', None) => found.push(String::new()),
            (letter, _) => found.last_mut().unwrap().push(letter),
        }
    }
    found.retain(|word| !word.is_empty());
    let end = |word: &String| matches!(word.as_str(), "|" | ">" | "2>" | "&&" | "&");
    let ended = found.iter().position(end).unwrap_or(found.len());
    found.truncate(ended);
    found
}

#[test]
fn every_command_on_a_page_is_one() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            count += 1;
            if let Err(error) = Cli::try_parse_from(words(&command))
                && error.use_stderr()
            {
                panic!("{}: {command}\n{error}", page.display());
            }
        }
    }
    assert!(count >= 20, "{count} commands found");
}

/// `rlef VERB --flag` within a sentence: the verb is there, and so is each flag.
#[test]
fn every_verb_and_flag_in_a_sentence_is_there() {
    let program = Cli::command();
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let spans = text.split('`').skip(1).step_by(2);
        for span in spans.filter(|span| span.starts_with("rlef ")) {
            let mut words = span.split_whitespace().skip(1);
            let Some(name) = words.next().filter(|name| !name.starts_with('-')) else {
                continue;
            };
            let verb = program.find_subcommand(name);
            let verb = verb.unwrap_or_else(|| panic!("{}: `{span}`", page.display()));
            for word in words {
                let Some(flag) = word.strip_prefix("--") else {
                    continue;
                };
                let flag = flag.split(['=', ',', '…']).next().unwrap();
                let is_known = flag == "help"
                    || verb
                        .get_arguments()
                        .any(|known| known.get_long() == Some(flag));
                assert!(is_known, "{}: `{span}`", page.display());
            }
            count += 1;
        }
    }
    assert!(count >= 10, "{count} found");
}

#[test]
fn the_readme_shows_what_judge_prints() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let block = readme.split("$ rlef judge ").nth(1).unwrap();
    let mut block = block.split("```").next().unwrap().lines();
    let command = format!("judge {}", block.next().unwrap());
    let shown: Vec<&str> = block.collect();
    let folder = tempfile::tempdir().unwrap();
    let tests = |input: &str, sum: &str| {
        format!(r#"[{{"kind":"stdin","input":"{input}\n","expected":"{sum}\n"}}]"#)
    };
    let problem = format!(
        r#"{{"id":"sum","statement":"Add two numbers.","public_tests":{},"private_tests":{}}}"#,
        tests("1 2", "3"),
        tests("-5 2", "-3")
    );
    write(folder.path(), "sums.jsonl", &(problem + "\n"));
    write(
        folder.path(),
        "answers.jsonl",
        "{\"problem_id\":\"sum\",\"program\":\"print(sum(map(int, input().split())))\"}\n\
         {\"problem_id\":\"sum\",\"program\":\"print(abs(sum(map(int, input().split()))))\"}\n",
    );
    let arguments = words(&command);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = rlef(folder.path(), &arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // Times differ from run to run.
    let plain = |line: &str| -> Vec<String> {
        let words = line.split_whitespace();
        words
            .filter(|word| word.parse::<f64>().is_err())
            .map(str::to_owned)
            .collect()
    };
    for line in shown {
        assert!(
            said.lines().any(|other| plain(other) == plain(line)),
            "README shows {line:?}; said: {said}"
        );
    }
}

/// Who opens the page reads it through, and believes no page full of numbers.
#[test]
fn the_readme_is_short_and_in_its_order() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let words = readme.split_whitespace().count();
    assert!(words < 900, "{words} words");
    // Where a link leads is not read.
    let mut parts = readme.split("](");
    let mut read = parts.next().unwrap().to_owned();
    for part in parts {
        read += part.split_once(')').unwrap().1;
    }
    let is_number = |word: &&str| {
        let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        word.starts_with(|letter: char| letter.is_ascii_digit())
    };
    let numbers = read.split_whitespace().filter(is_number).count();
    assert!(numbers < 60, "{numbers} numbers");
    let titles: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    let order = [
        "## Judge",
        "## Evaluate repair",
        "## Train",
        "## Look",
        "## What works",
        "## Learning",
        "## Speed",
        "## Protection",
        "## Limits",
        "## Documentation",
    ];
    assert_eq!(titles, order);
    let first = readme.split("\n## ").next().unwrap();
    assert!(first.contains("![") && readme.contains("tried on |"));
    // Each of the three uses shows its command and what it prints.
    for verb in ["judge", "eval", "train"] {
        let (_, block) = readme.split_once(&format!("$ rlef {verb}")).unwrap();
        let printed = block.split("```").next().unwrap().lines().skip(1);
        assert!(printed.count() >= 1, "{verb}");
        assert!(
            !block.split("```").next().unwrap().contains("..."),
            "{verb}"
        );
    }
}

#[test]
fn completions_and_manual_pages_know_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let verbs: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for shell in ["bash", "zsh", "fish"] {
        let output = rlef(folder.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        for verb in &verbs {
            assert!(text.contains(verb.as_str()), "{shell}: {verb}");
        }
    }
    let output = rlef(folder.path(), &["man", "--out", "pages"]);
    assert_eq!(output.status.code(), Some(0));
    for verb in &verbs {
        let page = folder.path().join(format!("pages/rlef-{verb}.1"));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
    }
    let output = rlef(folder.path(), &["--version"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("rlef ") && text.contains("commit"),
        "{text}"
    );
}

/// Links within the repository lead to files, and those to a heading lead to one.
#[test]
fn links_lead_somewhere() {
    let anchor = |heading: &str| -> String {
        let letters = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = letters
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter })
            .collect()
    };
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let links = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
        for link in links.map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            assert!(target.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let is_there = text
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line) == heading);
                assert!(is_there, "{}: {link}", page.display());
            }
        }
    }
}

#[test]
fn the_book_has_every_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for page in pages().iter().filter(|page| page.parent() == Some(&docs)) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("]({name})")),
            "{name}"
        );
    }
}
