//! What a run shows while it goes on and leaves to look at, and how soon it stops.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cli::{rlef, starter, write};

fn config(at: &Path, rounds: usize, more: &str) {
    let text = format!(
        "policy = {:?}\nrounds = {rounds}\nproblems_per_round = 8\n[resources]\ncheckpoint_every = 100\n{more}",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

const TRAIN: [&str; 5] = ["train", "--config", "run.toml", "--run", "run"];

/// In a pipe or a log a line comes now and then, however fast things go.
#[test]
fn what_is_quick_is_not_told_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "sums.jsonl",
        "{\"id\":\"sum\",\"statement\":\"Add.\",\"public_tests\":[{\"kind\":\"stdin\",\"input\":\"1\",\"expected\":\"1\"}]}\n",
    );
    let line = "{\"problem_id\":\"sum\",\"completion\":\"none\"}\n";
    write(at, "none.jsonl", &line.repeat(60));
    let output = rlef(
        at,
        &[
            "judge",
            "--problems",
            "sums.jsonl",
            "--programs",
            "none.jsonl",
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = said.lines().filter(|line| line.contains("/60 ")).count();
    assert!((1..=4).contains(&told), "{said}");
}

#[test]
fn a_run_leaves_curves_a_table_and_one_line_that_says_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let all = rlef(at, &["contest", "--split", "test", "--out", "all.jsonl"]);
    assert_eq!(all.status.code(), Some(0));
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let some: Vec<&str> = all.lines().take(4).collect();
    write(at, "some.jsonl", &some.join("\n"));
    config(
        at,
        2,
        "[evaluation]\nproblems = \"some.jsonl\"\nrollouts = 1\n",
    );
    let output = rlef(at, &TRAIN);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let last = said.lines().next_back().unwrap();
    assert!(
        last.contains("% -> ") && last.contains("% of some.jsonl solved; "),
        "{last}"
    );
    let place = "the trained policy is in run/checkpoints/000002, curves in tensorboard/";
    assert!(last.contains(place), "{last}");
    let table = std::fs::read_to_string(at.join("run/metrics.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    let header = table.lines().next().unwrap();
    for name in ["round", "cut_rate", "solve_rate", "time/sampling_seconds"] {
        assert!(
            header.split(',').any(|column| column == name),
            "{name}: {header}"
        );
    }
    let files: Vec<_> = std::fs::read_dir(at.join("run/tensorboard"))
        .unwrap()
        .collect();
    let events = rlef::logger::events::read(&files[0].as_ref().unwrap().path()).unwrap();
    assert_eq!((files.len(), events.len()), (1, 2));
    let lines = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    for (line, event) in lines.lines().zip(&events) {
        let line: Value = serde_json::from_str(line).unwrap();
        let (_, reward) = event
            .numbers
            .iter()
            .find(|(tag, _)| tag == "train/reward")
            .unwrap();
        assert!((f64::from(*reward) - line["reward"].as_f64().unwrap()).abs() < 1e-6);
        assert_eq!(event.step, line["round"].as_u64().unwrap() + 1);
    }
    config(at, 1, "[evaluation]\nproblems = \"\"\n");
    let none = [&TRAIN[..4], &["none", "--set", "loggers=[]"]].concat();
    assert_eq!(rlef(at, &none).status.code(), Some(0));
    assert!(!at.join("none/metrics.csv").exists() && !at.join("none/tensorboard").exists());
}

/// Begins a run and waits until `reached` holds.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn begun(at: &Path, reached: impl Fn() -> bool) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .current_dir(at)
        .args(TRAIN)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !reached() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the run ended too early"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

/// An interrupt gives up the round under way and keeps those before it, of which no checkpoint was due; continued, the run is
/// what it would have been.
#[test]
fn an_interrupt_keeps_the_rounds_that_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, 400, "[evaluation]\nproblems = \"\"\n");
    let rounds = || {
        let text = std::fs::read_to_string(at.join("run/metrics.jsonl"));
        text.map_or(0, |text| text.lines().count())
    };
    let child = begun(at, || rounds() >= 2);
    let id = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("stopping: ") && said.contains("continue with: "),
        "{said}"
    );
    let done = rounds();
    assert!(
        at.join(format!("run/checkpoints/{done:06}")).exists(),
        "{said}"
    );
    let more = (done + 1).to_string();
    let resumed = rlef(
        at,
        &["train", "--resume", "--run", "run", "--rounds", &more],
    );
    assert_eq!(resumed.status.code(), Some(0));
    config(at, done + 1, "[evaluation]\nproblems = \"\"\n");
    let whole = [&TRAIN[..4], &["whole"]].concat();
    assert_eq!(rlef(at, &whole).status.code(), Some(0));
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join(run).join(name)).unwrap();
        assert!(read("whole") == read("run"), "{name} differs");
    }
}
