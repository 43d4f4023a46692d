//! The contract and hostile suites again, in this very binary started anew, with WebAssembly isolation: every test
//! passes but those of `exceptions.txt`, whose property cannot exist there, and those fail.

use std::collections::BTreeSet;
use std::process::Command;

use crate::support::{cache_directory, text};

const EXCEPTIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/main/wasm/exceptions.txt"
);
/// Of the host's protections and control groups, which are not used.
const OF_THE_HOST: [&str; 2] = ["contract::host", "hostile::together"];

/// Names below a line that begins with `#` and says why they are exceptions.
fn exceptions() -> BTreeSet<String> {
    let listed = std::fs::read_to_string(EXCEPTIONS).unwrap();
    let mut reason = "";
    let mut names = BTreeSet::new();
    for line in listed.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(words) = line.strip_prefix("# ") {
            reason = words;
            continue;
        }
        assert!(!reason.is_empty(), "{line}: no reason is given");
        assert!(names.insert(line.to_owned()), "{line} is listed twice");
    }
    names
}

#[test]
fn the_contract_holds_but_for_named_exceptions() {
    holds("contract::", 50);
}

#[test]
#[ignore = "minutes: attacks of its own are tried in every run"]
fn the_hostile_suite_holds_but_for_named_exceptions() {
    holds("hostile::", 60);
}

/// Whether this suite holds, of which so many tests pass at least.
fn holds(suite: &str, least: usize) {
    // The interpreter is there before the clocks of the tests run.
    super::sandbox();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([suite, "--skip", "wasm::", "--test-threads", "2"])
        .env("RLEF_SANDBOX_ISOLATION", "wasm")
        .env("XDG_CACHE_HOME", cache_directory().parent().unwrap());
    for name in OF_THE_HOST {
        command.args(["--skip", name]);
    }
    let output = command.output().unwrap();
    let said = text(&output.stdout);
    let ended = |how: &str| -> BTreeSet<String> {
        said.lines()
            .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(how))
            .map(|name| name.trim_end_matches(" ... ").to_owned())
            .collect()
    };
    let (passed, failed) = (ended("ok"), ended("FAILED"));
    let mut exceptions = exceptions();
    exceptions.retain(|name| name.starts_with(suite));
    let unexpected: Vec<_> = failed.difference(&exceptions).collect();
    assert!(
        unexpected.is_empty(),
        "{unexpected:?} failed\n{said}\n{}",
        text(&output.stderr)
    );
    let stale: Vec<_> = exceptions.difference(&failed).collect();
    assert!(stale.is_empty(), "no exceptions any more: {stale:?}");
    assert!(
        passed.len() >= least,
        "only {} passed\n{said}",
        passed.len()
    );
}
