//! Training runs that end too early: killed, or on a full disk. Continued, they are what they would have been.

use std::path::Path;
use std::process::Command;

use crate::cli::{rlef, starter, write};

/// Runs four small rounds in `whole`, from a `run.toml` that the other run of a test starts from too.
fn uninterrupted(at: &Path) {
    write(
        at,
        "run.toml",
        &format!(
            "policy = {:?}\nrounds = 4\nproblems_per_round = 8\n[resources]\ncheckpoint_every = 1\n[evaluation]\nproblems = \"\"\n",
            starter()
        ),
    );
    let whole = rlef(at, &["train", "--config", "run.toml", "--run", "whole"]);
    assert_eq!(
        whole.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&whole.stderr)
    );
}

fn equal(whole: &Path, other: &Path) {
    for name in ["journal.jsonl", "metrics.jsonl"] {
        let read = |run: &Path| std::fs::read(run.join(name)).unwrap();
        assert!(read(whole) == read(other), "{name} differs");
    }
}

/// Kills a real training run with SIGKILL, continues it, and compares it with one that was left alone.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn a_run_killed_with_sigkill_continues_to_the_same_journal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    uninterrupted(at);
    let mut child = Command::new(env!("CARGO_BIN_EXE_rlef"))
        .current_dir(at)
        .args(["train", "--config", "run.toml", "--run", "killed"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let second = at.join("killed/checkpoints/000002");
    for _ in 0..6000 {
        if second.exists() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(
        second.exists(),
        "the run never reached its second checkpoint"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = rlef(at, &["train", "--resume", "--run", "killed"]);
    assert_eq!(
        resumed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
    equal(&at.join("whole"), &at.join("killed"));
    let replayed = rlef(at, &["replay", "--journal", "killed/journal.jsonl"]);
    assert_eq!(
        replayed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&replayed.stdout)
    );
}

/// A file system of 30 MB holds the first checkpoint of a run and not the second; given room, the run goes on.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn a_full_disk_stops_a_run_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    uninterrupted(at);
    std::fs::create_dir(at.join("small")).unwrap();
    let script = r#"
        set -eu
        mount -t tmpfs -o size=30m none small
        code=0; "$RLEF" train --config run.toml --run small/run || code=$?
        ls small/run/checkpoints >&2
        mount -o remount,size=300m small
        "$RLEF" train --resume --run small/run
        cp -r small/run after
        exit $code
    "#;
    // A mount of its own needs a namespace of its own, as the sandbox does.
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .env("RLEF", env!("CARGO_BIN_EXE_rlef"))
        .current_dir(at)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert_eq!(said.matches("No space left on device").count(), 1, "{said}");
    assert!(
        said.contains("\n000001\n"),
        "no checkpoint was left: {said}"
    );
    equal(&at.join("whole"), &at.join("after"));
}
