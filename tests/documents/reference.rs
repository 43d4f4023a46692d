//! The pages that are made from the code: what each verb takes, and each key of a configuration.
//!
//! `RLEF_UPDATE=1 cargo test --profile checked --test main documents` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use rlef::cli::Cli;

use super::super::cli::rlef;

/// Holds a page to what it is made from, or writes it.
pub(crate) fn hold(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    if std::env::var_os("RLEF_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, text).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text
        .lines()
        .zip(found.lines())
        .find(|(new, old)| new != old);
    assert!(
        text == found,
        "docs/{name} is behind the code, first at {differs:?}; write it anew with RLEF_UPDATE=1"
    );
}

#[test]
fn the_page_of_the_verbs_is_as_the_program() {
    let mut text = "# Verbs\n\nWhat `--help` says of each, made from the code. Exit codes of all verbs: 0 all was well, 1 the answer is no (a \
        regression, a changed verdict, an unusable problem), 2 wrong input, 3 a protection is missing or nothing can be said, 4 the \
        machine, a server or the sandbox failed.\n"
        .to_owned();
    let mut program = Cli::command().term_width(100);
    program.build();
    for verb in program.get_subcommands_mut() {
        let name = verb.get_name().to_owned();
        if name == "help" {
            continue;
        }
        let help = verb.clone().term_width(100).render_long_help().to_string();
        let lines = help
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n");
        write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.trim()).unwrap();
    }
    hold("verbs.md", &text);
}

/// The keys of a table by their whole names, with their values as TOML writes them.
fn flatten(before: &str, table: &toml::Table, found: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let name = format!("{before}{name}");
        match value {
            toml::Value::Table(table) => flatten(&format!("{name}."), table, found),
            value => {
                found.insert(name, value.to_string());
            }
        }
    }
}

#[test]
fn the_page_of_the_keys_is_as_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = rlef(folder.path(), arguments);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {words}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut text = "# Keys\n\nWhat a configuration may say, with its defaults; made from the code. `--config FILE` reads a TOML file with any of \
        them, and `--set key=value` sets one.\n"
        .to_owned();
    for (verb, title) in [
        ("train", "of the starter"),
        ("sft", "of a supervised start"),
    ] {
        let keys = said(&[verb, "--print-config"]);
        write!(
            text,
            "\n## `rlef {verb}`: {title}\n\n```toml\n{}\n```\n",
            keys.trim()
        )
        .unwrap();
    }
    let flat = |preset: &str| -> BTreeMap<String, String> {
        let keys = said(&["train", "--preset", preset, "--print-config"]);
        let mut found = BTreeMap::new();
        flatten("", &toml::from_str(&keys).unwrap(), &mut found);
        found
    };
    let (starter, llm, paper) = (flat("starter"), flat("llm"), flat("paper"));
    text += "\n## What the presets set otherwise\n\n| key | `starter` | `llm` | `paper` |\n|---|---|---|---|\n";
    let names: BTreeSet<&String> = [&starter, &llm, &paper]
        .into_iter()
        .flat_map(BTreeMap::keys)
        .collect();
    for name in names {
        let of = |preset: &BTreeMap<String, String>| {
            preset.get(name).map_or("-", String::as_str).to_owned()
        };
        let values = [of(&starter), of(&llm), of(&paper)];
        if name != "preset" && values.iter().any(|value| *value != values[0]) {
            writeln!(text, "| `{name}` | {} |", values.join(" | ")).unwrap();
        }
    }
    hold("keys.md", &text);
}
