//! Training runs that end too early: killed, or on a full disk. Continued, they are what they would have been.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::cli::{rlef, starter, write};

/// Runs four small rounds in `whole`, from a `run.toml` that the other run of a test starts from too.
fn uninterrupted(at: &Path) {
    write(
        at,
        "run.toml",
        &format!(
            "policy = {:?}\nrounds = 4\nproblems_per_round = 8\n[resources]\ncheckpoint_every = 1\n[evaluation]\nproblems = \"\"\n",
            starter().to_string_lossy()
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
    for name in [
        "journal.jsonl.zst",
        "journal.jsonl.zst.index",
        "credit.jsonl.zst",
        "metrics.jsonl",
    ] {
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
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .current_dir(at)
        .args(["train", "--config", "run.toml", "--run", "killed"])
        .stderr(Stdio::null())
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
    let replayed = rlef(at, &["replay", "--journal", "killed"]);
    assert_eq!(
        replayed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&replayed.stdout)
    );
}

/// A small file system in a mount namespace of its own, for any user; seen from here through `/proc`.
struct SmallDisk {
    holder: Child,
    root: PathBuf,
}

impl SmallDisk {
    /// One of 15 MB, over the folder `at`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts a shell that holds a mount, not a candidate"
    )]
    fn over(at: &Path) -> Self {
        let script = r#"
            set -e
            mount -t tmpfs -o size=15m none "$1"; echo mounted; read -r _
            mount -o remount,size=300m none "$1"; echo grown; read -r _
        "#;
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .args([Path::new("sh"), at])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let root = PathBuf::from(format!("/proc/{}/root{}", holder.id(), at.display()));
        said(&mut holder, "mounted");
        Self { holder, root }
    }

    /// Ten times the room.
    fn grow(&mut self) {
        self.holder
            .stdin
            .as_mut()
            .unwrap()
            .write_all(b"\n")
            .unwrap();
        said(&mut self.holder, "grown");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn said(holder: &mut Child, word: &str) {
    let mut line = vec![0; word.len() + 1];
    let stdout = holder.stdout.as_mut().unwrap();
    stdout.read_exact(&mut line).unwrap();
    assert_eq!(String::from_utf8(line).unwrap().trim_end(), word);
}

/// The disk holds the first checkpoint of a run and not the second; given room, the run goes on.
#[test]
fn a_full_disk_stops_a_run_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    uninterrupted(at);
    let mount = at.join("small");
    std::fs::create_dir(&mount).unwrap();
    let mut disk = SmallDisk::over(&mount);
    let run = disk.root.join("run");
    let name = run.to_str().unwrap();
    let full = rlef(at, &["train", "--config", "run.toml", "--run", name]);
    let said = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(4), "{said}");
    assert_eq!(said.matches("No space left on device").count(), 1, "{said}");
    assert!(run.join("checkpoints/000001").exists(), "{said}");
    assert!(
        !run.join("checkpoints/000002").exists(),
        "the disk was large enough"
    );
    disk.grow();
    let resumed = rlef(at, &["train", "--resume", "--run", name]);
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert_eq!(resumed.status.code(), Some(0), "{said}");
    equal(&at.join("whole"), &run);
}
