//! Trainings on preferences that are killed go on to the same bytes as one that was let be.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cli::{starter, write};
use super::preferences::done;

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .env_remove("MALLOC_ARENA_MAX")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills what the arguments start once `begun`; fails where it ends before that.
fn killed(folder: &Path, arguments: &[&str], begun: impl Fn() -> bool) {
    let mut child = start(folder, arguments);
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "{arguments:?} ended by itself");
}

fn pairs(folder: &Path) {
    let line = |number: usize| {
        format!(
            r#"{{"prompt": "Read a number and print it plus {number}.", "chosen": "```python\nprint(int(input()) + {number})\n```", "rejected": "```python\nprint(int(input()))\n```"}}"#
        )
    };
    let lines: Vec<String> = (0..6).map(line).collect();
    write(folder, "pairs.jsonl", &lines.join("\n"));
}

#[track_caller]
fn same(folder: &Path, one: &str, other: &str, names: &[&str]) {
    let read = |run: &str, name: &str| std::fs::read(folder.join(run).join(name)).unwrap();
    for name in names {
        assert!(read(one, name) == read(other, name), "{name} differs");
    }
}

#[test]
fn a_reward_model_whose_training_was_killed_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pairs(at);
    let starter = starter();
    let policy = starter.to_str().unwrap();
    for (name, more) in [("all", &[][..]), ("adapter", &["--lora-rank", "4"])] {
        let reward = [
            &["reward", "--policy", policy, "--data", "pairs.jsonl"][..],
            &["--batch", "2", "--epochs", "8", "--keep-every", "1"],
            more,
        ]
        .concat();
        let [whole, broken] = ["whole", "broken"].map(|part| format!("{name}-{part}"));
        let into = |out: &str, more: &[&str]| -> Vec<String> {
            let all = [&reward[..], &["--out", out], more].concat();
            all.into_iter().map(str::to_owned).collect()
        };
        let run = |arguments: Vec<String>| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            done(at, &arguments)
        };
        run(into(&whole, &[]));
        let first = into(&broken, &[]);
        let arguments: Vec<&str> = first.iter().map(String::as_str).collect();
        let kept = at.join(&broken).join("training.json");
        killed(at, &arguments, || kept.exists());
        assert!(!at.join(&broken).join("config.json").exists());
        run(into(&broken, &["--resume"]));
        same(
            at,
            &whole,
            &broken,
            &["model.safetensors", "config.json", "reward.json"],
        );
        // Nothing of the training is left.
        assert!(!kept.exists());
    }
}

#[test]
fn a_policy_whose_training_on_pairs_was_killed_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    pairs(at);
    let starter = starter();
    write(
        at,
        "run.toml",
        "rounds = 12\nproblems_per_round = 4\nupdates_per_round = 2\n[evaluation]\nproblems = \"\"\n[resources]\ncheckpoint_every = 1\n",
    );
    let train = |run| {
        [
            "train",
            "--config",
            "run.toml",
            "--policy",
            starter.to_str().unwrap(),
            "--objective",
            "dpo",
            "--data",
            "pairs.jsonl",
            "--run",
            run,
        ]
    };
    done(at, &train("whole"));
    let kept = at.join("broken/checkpoints/000002");
    killed(at, &train("broken"), || kept.exists());
    assert!(!at.join("broken/checkpoints/000012").exists());
    done(at, &["train", "--resume", "--run", "broken"]);
    let last = "checkpoints/000012/model.safetensors";
    let moments = "checkpoints/000012/policy_optimizer.safetensors";
    same(at, "whole", "broken", &["metrics.jsonl", last, moments]);
}
