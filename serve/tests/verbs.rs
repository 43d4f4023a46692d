//! The verbs of the program without models: each does here what it does in the one with them.

use std::path::Path;
use std::process::{Command, Output, Stdio};

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn ran(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rlef-judge"))
        .args(arguments)
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What it printed, where it ends with this code.
fn said(folder: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = ran(folder, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, words) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {words}");
    (out, words)
}

const PROBLEM: &str = r#"{"id":"double","statement":"Double it.","public_tests":[{"kind":"stdin","input":"2\n","expected":"4\n"}],"private_tests":[{"kind":"stdin","input":"5\n","expected":"10\n"}]}"#;

#[test]
fn every_verb_shows_examples_of_itself_by_this_programs_name() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["doctor", "judge", "gate", "serve", "convert"] {
        let (help, _) = said(folder.path(), &[verb, "--help"], 0);
        let examples = help.split("Example").nth(1).unwrap_or_default();
        let example = format!("  rlef-judge {verb}");
        assert!(examples.contains(&example), "{help}");
        assert!(!help.contains(&format!("  rlef {verb}")), "{help}");
    }
}

#[test]
fn programs_are_judged_and_problems_converted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("problems.jsonl"), PROBLEM).unwrap();
    let programs = r#"{"problem_id":"double","program":"print(int(input()) * 2)"}
{"problem_id":"double","completion":"```python\nprint(4)\n```"}"#;
    std::fs::write(at.join("programs.jsonl"), programs).unwrap();
    let judge = [
        "judge",
        "--problems",
        "problems.jsonl",
        "--programs",
        "programs.jsonl",
    ];
    let (out, words) = said(at, &[&judge[..], &["--json", "--workers", "1"]].concat(), 0);
    let verdicts: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let grades: Vec<&str> = verdicts
        .iter()
        .map(|verdict| verdict["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(grades, ["accepted", "wrong_answer"], "{out} {words}");
    said(at, &[&judge[..], &["--expect-accepted"]].concat(), 1);
    said(
        at,
        &[
            "judge",
            "--problems",
            "none.jsonl",
            "--programs",
            "programs.jsonl",
        ],
        2,
    );
    let convert = ["convert", "--problems", "problems.jsonl", "--out"];
    said(at, &[&convert[..], &["again.jsonl"]].concat(), 0);
    let again = std::fs::read_to_string(at.join("again.jsonl")).unwrap();
    assert!(again.contains("Double it."), "{again}");
    let (_, words) = said(at, &[&convert[..], &["again.txt"]].concat(), 2);
    assert!(words.contains(".jsonl.gz or .parquet"), "{words}");
    // Those need what this program doesn't carry.
    said(
        at,
        &["convert", "--preferences", "p.jsonl", "--out", "x.jsonl"],
        2,
    );
    said(at, &["judge", "--judges", "judges.toml"], 2);
}

#[test]
fn doctor_says_what_there_is_and_knows_no_devices() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = said(folder.path(), &["doctor"], 0);
    assert!(
        out.contains("programs can be judged on this machine"),
        "{out}"
    );
    assert!(!out.contains("device"), "{out}");
    let (out, _) = said(folder.path(), &["doctor", "--json"], 0);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["error"], serde_json::Value::Null);
    assert_eq!(found.get("devices"), None);
    std::fs::write(folder.path().join("problems.jsonl"), PROBLEM).unwrap();
    // Nothing was tried of it: it has neither references nor known-wrong programs.
    let audit = ["doctor", "--problems", "problems.jsonl", "--json"];
    let output = ran(folder.path(), &audit);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("\"problem_id\":\"double\""), "{out}");
}
