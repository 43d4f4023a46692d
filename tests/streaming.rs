//! Rollouts whose episodes go their own ways: whatever finishes first, and wherever they are killed, the journal is the same.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rlef::journal::{self, EpisodeRecord};
use serde_json::json;

use super::cli::{rlef, starter, write};
use super::remote::{Deed, serve};

const PROBLEMS: usize = 9;

/// `p3` asks for its number times the input.
fn problems(folder: &Path) {
    let line = |number: usize| {
        let test = |input: usize| json!({"kind": "stdin", "input": format!("{input}\n"), "expected": format!("{}\n", input * number)});
        json!({"id": format!("p{number}"), "statement": format!("Times {number}."), "public_tests": [test(2)], "private_tests": [test(5)]})
            .to_string()
    };
    let text: Vec<String> = (0..PROBLEMS).map(line).collect();
    std::fs::write(folder.join("problems.jsonl"), text.join("\n")).unwrap();
}

/// A server that is right at the turn that a problem's number says, if ever, and takes a while that `pace` and the count of
/// requests say: another order every time.
fn server(pace: u64) -> (String, Arc<AtomicUsize>) {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let (url, _) = serve(move |statement, _, messages| {
        let before = count.load(Ordering::SeqCst) as u64;
        std::thread::sleep(Duration::from_millis((before * pace) % 11 * 5));
        count.fetch_add(1, Ordering::SeqCst);
        let digits: String = statement.chars().filter(char::is_ascii_digit).collect();
        let number: usize = digits.parse().unwrap();
        let right = messages / 2 == number % 4;
        let factor = if right { number } else { number + 1 + messages };
        Deed::Say(
            String::leak(format!("```python\nprint({factor} * int(input()))\n```")),
            false,
        )
    });
    (url, answered)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env_remove("OPENAI_API_KEY")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn eval(folder: &Path, url: &str, more: &[&str]) -> Child {
    let policy = format!("--policy=openai:{url}");
    let fixed = [
        "eval",
        "--problems",
        "problems.jsonl",
        "--rollouts",
        "2",
        "--turns",
        "3",
        "--workers",
        "2",
        "--no-cache",
        "--model",
        "m",
        "--concurrency",
        "5",
        "--style",
        "compact",
        &policy,
    ];
    start(folder, &[&fixed[..], more].concat())
}

#[track_caller]
fn ends_well(child: Child) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
}

fn episodes(folder: &Path, name: &str) -> Vec<EpisodeRecord> {
    journal::read(&folder.join(name)).unwrap()
}

/// Two servers answer the same in another order, and one is left in the middle at several places.
#[test]
fn the_order_of_answers_and_a_kill_leave_no_trace_in_the_journal() {
    for feedback in ["real", "random"] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        problems(at);
        let mut wholes = Vec::new();
        for (pace, name) in [(3, "one.jsonl"), (7, "other.jsonl")] {
            let (url, _) = server(pace);
            ends_well(eval(at, &url, &["--journal", name, "--feedback", feedback]));
            wholes.push(episodes(at, name));
        }
        assert_eq!(wholes[0].len(), 2 * PROBLEMS);
        assert_eq!(wholes[0], wholes[1]);
        let turns = wholes[0].iter().map(|episode| episode.turns.len());
        assert_eq!(turns.collect::<std::collections::BTreeSet<_>>().len(), 3);
        let (url, answered) = server(5);
        for kill_after in [1, 9, 20, 30] {
            answered.store(0, Ordering::SeqCst);
            let journal = format!("killed-{kill_after}.jsonl");
            let arguments = ["--journal", &journal, "--feedback", feedback];
            let mut child = eval(at, &url, &arguments);
            while answered.load(Ordering::SeqCst) < kill_after {
                std::thread::sleep(Duration::from_millis(1));
                assert!(
                    child.try_wait().unwrap().is_none(),
                    "it was done before the kill"
                );
            }
            child.kill().unwrap();
            child.wait().unwrap();
            ends_well(eval(at, &url, &arguments));
            assert_eq!(episodes(at, &journal), wholes[0], "after {kill_after}");
        }
    }
}

/// A round of training is killed while it is sampled, judged or learnt from, whatever it is at; the rounds after it are those
/// of a run that was left alone.
#[test]
fn a_round_that_is_killed_anywhere_is_played_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = format!(
        "policy = {:?}\nrounds = 2\nproblems_per_round = 6\n[rollout]\nfeedback = \"random\"\n[resources]\ncheckpoint_every = 1\n[evaluation]\nproblems = \"\"\n",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
    let train = |run: &str| start(at, &["train", "--config", "run.toml", "--run", run]);
    ends_well(train("whole"));
    let read = |run: &str, name: &str| std::fs::read(at.join(run).join(name)).unwrap();
    for wait in [0, 60, 200, 500] {
        let run = format!("killed-{wait}");
        let mut child = train(&run);
        // The first round is there, the second begins.
        while !at.join(&run).join("checkpoints/000001").exists() {
            std::thread::sleep(Duration::from_millis(1));
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended before its first round"
            );
        }
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        let resumed = rlef(at, &["train", "--resume", "--run", &run]);
        let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
        // Where it was done before the kill, there is nothing to go on with.
        let done = said.contains("done") || resumed.status.code() == Some(0);
        assert!(done, "{said}");
        for name in ["journal.jsonl.zst", "metrics.jsonl"] {
            assert!(
                read(&run, name) == read("whole", name),
                "{run}: {name} differs"
            );
        }
    }
}
