//! Run folders: one process each, nothing left behind by a start that fails, continued only on what they began with, found
//! whatever their name, and extended.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{refused, rlef, starter, write};

/// Problems of the built-in set in a file of their own, and a configuration of small rounds on them.
fn config(at: &Path, more: &str) {
    let all = rlef(at, &["contest", "--split", "test", "--out", "all.jsonl"]);
    assert_eq!(all.status.code(), Some(0));
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let some: Vec<&str> = all.lines().take(8).collect();
    write(at, "some.jsonl", &some.join("\n"));
    let text = format!(
        "policy = {:?}\nproblems = \"some.jsonl\"\nrounds = 1\nproblems_per_round = 8\n[evaluation]\nproblems = \"\"\n{more}",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

fn train(at: &Path, more: &[&str]) -> String {
    let output = rlef(at, &[&["train"], more].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    said
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn a_run_is_extended_and_found_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    refused(
        at,
        &["train", "--resume"],
        2,
        &["there is no run under runs/"],
    );
    train(at, &["--config", "run.toml"]);
    train(
        at,
        &[
            "--config",
            "run.toml",
            "--run",
            "runs/mine",
            "--rounds",
            "2",
        ],
    );
    // Two rounds at once, and one after the other, are the same run.
    let said = train(at, &["--config", "run.toml", "--run", "runs/grown"]);
    assert!(said.contains("1 round of 16 episodes"), "{said}");
    let said = train(at, &["--resume", "--rounds", "2"]);
    assert!(said.contains("runs/grown"), "{said}");
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join("runs").join(run).join(name)).unwrap();
        assert!(read("mine") == read("grown"), "{name} differs");
    }
    let kept = std::fs::read_to_string(at.join("runs/grown/config.toml")).unwrap();
    assert!(kept.contains("rounds = 2"), "{kept}");
    let fewer = ["train", "--resume", "--run", "runs/grown", "--rounds", "1"];
    refused(at, &fewer, 2, &["2 rounds are done", "asks for 1"]);
    assert!(at.join("runs/train-001/checkpoints/000001").exists());
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    let broken = at.join("broken");
    std::fs::create_dir(&broken).unwrap();
    for name in ["config.json", "tokenizer.json"] {
        std::fs::copy(starter().join(name), broken.join(name)).unwrap();
    }
    let nobody = "[engine]\nkind = \"vllm\"\nurl = \"http://127.0.0.1:1\"\nweights = \"weights\"\ntries = 1\n";
    let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
    write(at, "engine.toml", &(text + nobody));
    for (code, more) in [
        (2, &["--policy", "nothing"][..]),
        (2, &["--policy", "broken"]),
        (2, &["--problems", "nothing.jsonl"]),
        (2, &["--rounds", "0"]),
        (4, &["--config", "engine.toml"]),
    ] {
        let named: &[&str] = if more[0] == "--config" {
            &[]
        } else {
            &["--config", "run.toml"]
        };
        for run in [&[][..], &["--run", "deep/er/run"], &["--run", "there"]] {
            std::fs::create_dir(at.join("there")).unwrap();
            let arguments = [&["train"], named, more, run].concat();
            let output = rlef(at, &arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
            for name in ["runs", "deep"] {
                assert!(!at.join(name).exists(), "{arguments:?} left {name}: {said}");
            }
            // An empty folder that was there stays, and stays empty.
            std::fs::remove_dir(at.join("there")).unwrap();
        }
    }
}

#[test]
fn a_folder_is_one_process_s_and_free_once_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    let mut child = start(
        at,
        &[
            "train", "--config", "run.toml", "--run", "run", "--rounds", "1000",
        ],
    );
    wait_for(&at.join("run/checkpoints/000005"));
    for arguments in [
        &["train", "--resume", "--run", "run"][..],
        &["train", "--resume", "--run", "run", "--rounds", "2000"],
    ] {
        let number = child.id().to_string();
        refused(at, arguments, 2, &["failed to use run", &number, "does"]);
    }
    let again = ["train", "--config", "run.toml", "--run", "run"];
    refused(at, &again, 2, &["it holds one already"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let done = lines(&at.join("run/metrics.jsonl")) / 5 * 5;
    let text = std::fs::read_to_string(at.join("run/config.toml")).unwrap();
    write(
        &at.join("run"),
        "config.toml",
        &text.replace("rounds = 1000", &format!("rounds = {}", done + 1)),
    );
    train(at, &["--resume", "--run", "run"]);
}

#[test]
fn a_run_is_not_continued_on_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    let policy = at.join("policy");
    std::fs::create_dir(&policy).unwrap();
    for entry in std::fs::read_dir(starter()).unwrap() {
        let from = entry.unwrap().path();
        std::fs::copy(&from, policy.join(from.file_name().unwrap())).unwrap();
    }
    train(
        at,
        &["--config", "run.toml", "--policy", "policy", "--run", "run"],
    );
    let resume = ["train", "--resume", "--run", "run", "--rounds", "2"];
    let some = std::fs::read_to_string(at.join("some.jsonl")).unwrap();
    let first = some.lines().next().unwrap();
    let problem: serde_json::Value = serde_json::from_str(first).unwrap();
    let id = problem["id"].as_str().unwrap();
    write(
        at,
        "some.jsonl",
        &some.lines().skip(1).collect::<Vec<_>>().join("\n"),
    );
    refused(at, &resume, 2, &["training problems gone", id]);
    write(
        at,
        "some.jsonl",
        &some.replacen("\"statement\":\"", "\"statement\":\"Now: ", 1),
    );
    refused(at, &resume, 2, &["training problems changed", id]);
    let reversed: Vec<&str> = some.lines().rev().collect();
    write(at, "some.jsonl", &reversed.join("\n"));
    refused(at, &resume, 2, &["in another order"]);
    write(at, "some.jsonl", &some);
    let settings = policy.join("config.json");
    let before = std::fs::read_to_string(&settings).unwrap();
    write(&policy, "config.json", &format!("{before}\n"));
    refused(
        at,
        &resume,
        2,
        &["the policy that it started from has changed"],
    );
    write(&policy, "config.json", &before);
    // A refused continuation has not been one: nothing of it is left.
    train(at, &resume[1..]);
}

#[test]
fn problems_that_do_not_fit_the_context_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    let some = std::fs::read_to_string(at.join("some.jsonl")).unwrap();
    let long = some
        .lines()
        .next()
        .unwrap()
        .replacen(
            "\"statement\":\"",
            &format!("\"statement\":\"{}", "x 7 , ".repeat(500)),
            1,
        )
        .replacen("\"id\":\"contest", "\"id\":\"long", 1);
    write(at, "some.jsonl", &format!("{some}\n{long}"));
    let said = train(at, &["--config", "run.toml", "--run", "run"]);
    assert!(
        said.contains("1 of the 9 problems of some.jsonl are left out, long/"),
        "{said}"
    );
    assert!(said.contains("some.jsonl (8 problems)"), "{said}");
    write(at, "some.jsonl", &long);
    let all = ["train", "--config", "run.toml", "--run", "other"];
    refused(
        at,
        &all,
        2,
        &["failed to find a problem in some.jsonl", "context of 768"],
    );
    // An evaluation loses the episodes of such a problem, and says so.
    write(at, "some.jsonl", &format!("{some}\n{long}"));
    let policy = starter().display().to_string();
    let eval = [
        "eval",
        "--policy",
        &policy,
        "--problems",
        "some.jsonl",
        "--rollouts",
        "1",
        "--turns",
        "1",
    ];
    let output = rlef(at, &eval);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("exceed the context of 768"), "{said}");
}

#[test]
fn an_interrupt_while_evaluating_ends_the_run_at_once() {
    use nix::sys::signal::{Signal, kill};
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    config(at, "");
    let text = std::fs::read_to_string(at.join("run.toml")).unwrap();
    // Longer than anybody waits.
    let text = text.replace(
        "problems = \"\"",
        "problems = \"contest:test\"\nrollouts = 400",
    );
    write(at, "run.toml", &text);
    let child = start(at, &["train", "--config", "run.toml", "--run", "run"]);
    wait_for(&at.join("run/protection.json"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("stopped while evaluating; continue with: rlef train --resume --run run"),
        "{said}"
    );
    assert_eq!(lines(&at.join("run/metrics.jsonl")), 0);
    assert!(!at.join("run/before.json").exists());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn start(at: &Path, arguments: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env("MALLOC_ARENA_MAX", "1")
        .current_dir(at)
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until something is there; the test's own time limit ends what never is.
fn wait_for(path: &Path) {
    while !path.exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
