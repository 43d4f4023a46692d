//! What every verb owes whoever types it: as many words as he asked for, and a look before a run begins.

use std::path::Path;
use std::process::Output;

use crate::cli::{refused, rlef, starter, write};

/// Two problems, and a right and a wrong answer to the first.
fn problems(at: &Path) {
    let line = |id: &str, more: i32| {
        format!(
            r#"{{"id":"{id}","statement":"Read a number and print it plus {more}.","public_tests":[{{"kind":"stdin","input":"2\n","expected":"{}\n"}}]}}"#,
            2 + more
        )
    };
    let lines: Vec<String> = (1..=6)
        .map(|more| line(&format!("p{more}"), more))
        .collect();
    write(at, "problems.jsonl", &(lines.join("\n") + "\n"));
    write(
        at,
        "programs.jsonl",
        "{\"problem_id\":\"p1\",\"program\":\"print(int(input()) + 1)\"}\n{\"problem_id\":\"p1\",\"program\":\"print(7)\"}\n",
    );
}

const JUDGE: [&str; 5] = [
    "judge",
    "--problems",
    "problems.jsonl",
    "--programs",
    "programs.jsonl",
];

/// What `rlef judge` does with `RLEF_LOG` set.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn logged(at: &Path, level: &str, more: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env("RLEF_CACHE", at.join("cache"))
        .env("RLEF_LOG", level)
        .current_dir(at)
        .args(JUDGE)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn as_much_is_said_as_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let said = |output: &Output| {
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let usual = said(&rlef(at, &JUDGE));
    assert!(usual.contains("1 of 2 accepted"), "{usual}");
    assert!(!usual.contains("the sandbox has started"), "{usual}");
    // The flag stands before the verb or behind it.
    for quiet in [
        rlef(at, &[&JUDGE[..], &["-q"]].concat()),
        rlef(at, &[&["--quiet"], &JUDGE[..]].concat()),
        logged(at, "warn", &[]),
        logged(at, "trace", &["-q"]),
    ] {
        assert_eq!(said(&quiet), "");
    }
    for more in [
        rlef(at, &[&JUDGE[..], &["-v"]].concat()),
        logged(at, "debug", &[]),
    ] {
        let words = said(&more);
        assert!(words.contains("the sandbox has started"), "{words}");
        assert!(words.contains("1 of 2 accepted"), "{words}");
    }
    // A warning is said all the same.
    let row = r#"{"task_id":"H/0","prompt":"def f(x):\n","canonical_solution":"    return x\n","test":"def check(c):\n    assert c(1) == 1\n","entry_point":"f","note":"hello"}"#;
    write(at, "noted.jsonl", row);
    let convert = [
        "convert",
        "-q",
        "--problems",
        "noted.jsonl",
        "--out",
        "read.jsonl",
    ];
    let words = rlef(at, &convert).stderr;
    let words = String::from_utf8_lossy(&words);
    assert!(
        words.starts_with("warning: ") && words.lines().count() == 1,
        "{words}"
    );
    let missing = [
        "judge",
        "-q",
        "--problems",
        "none.jsonl",
        "--programs",
        "programs.jsonl",
    ];
    refused(at, &missing, 2, &["error: failed to", "none.jsonl"]);
    let refused = logged(at, "debgu", &[]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{words}");
    assert!(
        words.contains("RLEF_LOG=debgu (did you mean debug?)"),
        "{words}"
    );
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let policy = starter().display().to_string();
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(at)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "cache")
            .collect();
        names.sort();
        names
    };
    let before = names();
    let dry = [
        "train",
        "--dry-run",
        "--policy",
        &policy,
        "--problems",
        "problems.jsonl",
    ];
    let output = rlef(at, &dry);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    for part in [
        "0.9 million weights",
        "problems.jsonl (5 problems), 30 rounds of 10 episodes",
        "held-out (1 problem), 4 episodes of each, before and after",
        "3 turns at most, of 96 tokens at most, 2 of each problem",
        "MiB at its peak",
        "would be in  runs/train-001",
        "  | <|user|>Read a number and print it plus ",
        "no run was begun",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    assert_eq!(names(), before);
    // What would be refused is refused as ever.
    let wrong = [&dry[..], &["--set", "rollout.turn=2"]].concat();
    refused(
        at,
        &wrong,
        2,
        &["unknown field `turn`", "did you mean turns?"],
    );
    let resumed = ["train", "--dry-run", "--resume"];
    refused(at, &resumed, 2, &["cannot be used with"]);
    assert_eq!(names(), before);
}
