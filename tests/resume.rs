//! An evaluation that is killed or stopped in its middle goes on where it was: the same report, no answered request sent
//! again, no verdict found twice.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::remote::{Deed, serve};

const PROBLEMS: usize = 12;

/// `p3` asks for its number times the input; even ones are got right at once, odd ones at the second turn.
fn problems(folder: &Path) {
    let line = |number: usize| {
        json!({"id": format!("p{number}"), "statement": format!("Times {number}."),
            "public_tests": [{"kind": "stdin", "input": "2\n", "expected": format!("{}\n", 2 * number)}],
            "private_tests": [{"kind": "stdin", "input": "5\n", "expected": format!("{}\n", 5 * number)}]})
        .to_string()
    };
    let text: Vec<String> = (0..PROBLEMS).map(line).collect();
    std::fs::write(folder.join("problems.jsonl"), text.join("\n")).unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .env_remove("OPENAI_API_KEY")
        .env_remove("MALLOC_ARENA_MAX")
        .args(["eval", "--problems", "problems.jsonl", "--rollouts", "1"])
        .args(["--turns", "2", "--workers", "1", "--no-cache"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Exit code and what was said on standard error.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

fn events(folder: &Path, kind: &str) -> usize {
    let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
    let start = format!("{{\"event\":\"{kind}\"");
    text.lines().filter(|line| line.starts_with(&start)).count()
}

/// Waits until something is so; the test's own time limit ends what never is.
fn wait_until(so: impl Fn() -> bool) {
    while !so() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A server that answers some requests, then holds all others back until it is told not to; it tells which it answered.
struct Slow {
    url: String,
    /// Statement and number of messages of each request that was answered; they name it.
    answered: Arc<Mutex<Vec<(String, usize)>>>,
    held: Arc<AtomicUsize>,
    open: Arc<AtomicBool>,
    /// Requests answered before the others are held back.
    first: Arc<AtomicUsize>,
}

impl Slow {
    fn start() -> Self {
        let answered: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
        let (held, open) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(true)),
        );
        let first = Arc::new(AtomicUsize::new(0));
        let (list, waiting, gate) = (Arc::clone(&answered), Arc::clone(&held), Arc::clone(&open));
        let most = Arc::clone(&first);
        let (url, _) = serve(move |statement, _, messages| {
            if !gate.load(Ordering::SeqCst)
                && list.lock().unwrap().len() >= most.load(Ordering::SeqCst)
            {
                waiting.fetch_add(1, Ordering::SeqCst);
                wait_until(|| gate.load(Ordering::SeqCst));
            }
            list.lock().unwrap().push((statement.to_owned(), messages));
            let number: usize = statement["Times ".len()..]
                .trim_end_matches('.')
                .parse()
                .unwrap();
            let right = messages > 1 || number.is_multiple_of(2);
            let factor = if right { number } else { number + 1 };
            let text = format!("```python\nprint({factor} * int(input()))\n```");
            Deed::Say(String::leak(text), false)
        });
        Self {
            url,
            answered,
            held,
            open,
            first,
        }
    }

    /// From now on `first` more requests are answered, the others held.
    fn hold_after(&self, first: usize) {
        self.answered.lock().unwrap().clear();
        self.first.store(first, Ordering::SeqCst);
        self.open.store(false, Ordering::SeqCst);
    }
}

const SERVER: [&str; 6] = ["--model", "m", "--concurrency", "2", "--style", "compact"];

/// Evaluates once without a break, once broken off by `how` while two requests are under way, and gives the exit code of
/// the broken one, the requests answered to it and its continuation, and the report's text of both.
fn broken_off(how: Signal) -> (Option<i32>, Vec<(String, usize)>, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let server = Slow::start();
    let policy = format!("--policy=openai:{}", server.url);
    let run = |more: &[&str]| start(at, &[&SERVER[..], &[&policy], more].concat());
    let (code, said) = end(run(&["--out", "whole.json"]));
    assert_eq!(code, Some(0), "{said}");
    let all = server.answered.lock().unwrap().len();
    assert_eq!(all, PROBLEMS + PROBLEMS / 2);
    server.hold_after(7);
    let child = run(&["--out", "parts.json", "--journal", "journal.jsonl"]);
    wait_until(|| events(at, "answer") == 7 && server.held.load(Ordering::SeqCst) == 2);
    signal(&child, how);
    if how == Signal::SIGINT {
        // Both requests under way are waited for, so that they're not paid for in vain.
        std::thread::sleep(Duration::from_millis(200));
        server.open.store(true, Ordering::SeqCst);
    }
    let (code, said) = end(child);
    assert!(!at.join("parts.json").exists(), "{said}");
    server.open.store(true, Ordering::SeqCst);
    if how == Signal::SIGKILL {
        // As if the machine had died while it wrote a line; and what was held has no one to be answered to.
        let mut journal = read(at, "journal.jsonl");
        journal.push_str("{\"event\":\"answer\",\"problem_id\":\"p1");
        std::fs::write(at.join("journal.jsonl"), journal).unwrap();
        wait_until(|| server.answered.lock().unwrap().len() == 9);
        server.answered.lock().unwrap().truncate(7);
    }
    let (resumed, said) = end(run(&["--out", "parts.json", "--resume", "journal.jsonl"]));
    assert_eq!(resumed, Some(0), "{said}");
    assert!(said.contains("were in the journal"), "{said}");
    let answered = server.answered.lock().unwrap().clone();
    // Once more: everything is there.
    let (code_again, said) = end(run(&["--out", "again.json", "--journal", "journal.jsonl"]));
    assert_eq!(code_again, Some(0), "{said}");
    assert_eq!(server.answered.lock().unwrap().len(), answered.len());
    assert_eq!(read(at, "again.json"), read(at, "parts.json"));
    (
        code,
        answered,
        ["whole.json", "parts.json"].map(|name| read(at, name)),
    )
}

#[track_caller]
fn assert_each_once(mut answered: Vec<(String, usize)>) {
    let all = answered.len();
    answered.sort();
    answered.dedup();
    assert_eq!((all, answered.len()), (PROBLEMS + PROBLEMS / 2, all));
}

#[test]
fn a_killed_evaluation_of_a_server_goes_on_without_repeating_an_answered_request() {
    let (code, answered, [whole, parts]) = broken_off(Signal::SIGKILL);
    assert_eq!(code, None);
    assert_each_once(answered);
    assert_eq!(whole, parts);
    let report: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(report["report"]["usage"]["answers"], 18, "{report}");
    assert_eq!(report["report"]["solved_by_turn"][0]["mean"], 0.5);
}

#[test]
fn an_interrupt_waits_for_what_is_under_way_and_loses_nothing() {
    let (code, answered, [whole, parts]) = broken_off(Signal::SIGINT);
    assert_eq!(code, Some(130));
    assert_each_once(answered);
    assert_eq!(whole, parts);
}

/// Twelve recorded answers, each of which computes for a while.
fn samples(folder: &Path) {
    let line = |number: usize| {
        let program = format!("sum(range(3_000_000))\nprint({number} * int(input()))");
        json!({"problem_id": format!("p{number}"), "completions": [format!("```python\n{program}\n```")]})
            .to_string()
    };
    let text: Vec<String> = (0..PROBLEMS).map(line).collect();
    std::fs::write(folder.join("samples.jsonl"), text.join("\n")).unwrap();
}

#[test]
fn a_killed_evaluation_finds_no_verdict_twice() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    samples(at);
    let run = |more: &[&str]| start(at, &[&["--policy", "replay:samples.jsonl"], more].concat());
    let (code, said) = end(run(&["--out", "whole.json"]));
    assert_eq!(code, Some(0), "{said}");
    let child = run(&["--out", "parts.json", "--journal", "journal.jsonl"]);
    wait_until(|| events(at, "verdict") >= 4);
    signal(&child, Signal::SIGKILL);
    end(child);
    let kept = events(at, "verdict");
    assert!(kept < 2 * PROBLEMS, "it was killed too late");
    let (code, said) = end(run(&["--out", "parts.json", "--resume", "journal.jsonl"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("12 answers and {kept} verdicts were in")),
        "{said}"
    );
    assert_eq!(events(at, "verdict"), 2 * PROBLEMS);
    assert_eq!(read(at, "whole.json"), read(at, "parts.json"));
    // What `replay` reads is each episode once.
    let episodes: Vec<rlef::journal::EpisodeRecord> =
        rlef::journal::read(&at.join("journal.jsonl")).unwrap();
    assert_eq!(episodes.len(), PROBLEMS);
}

#[test]
fn a_killed_evaluation_of_a_checkpoint_draws_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (code, _) = {
        let output = super::cli::rlef(at, &["contest", "--split", "test", "--out", "all.jsonl"]);
        (output.status.code(), output)
    };
    assert_eq!(code, Some(0));
    let some: Vec<String> = read(at, "all.jsonl")
        .lines()
        .take(6)
        .map(str::to_owned)
        .collect();
    std::fs::write(at.join("problems.jsonl"), some.join("\n")).unwrap();
    let starter = concat!(env!("CARGO_MANIFEST_DIR"), "/starter");
    let run = |more: &[&str]| start(at, &[&["--policy", starter], more].concat());
    let (code, said) = end(run(&["--out", "whole.json"]));
    assert_eq!(code, Some(0), "{said}");
    let child = run(&["--out", "parts.json", "--journal", "journal.jsonl"]);
    wait_until(|| events(at, "verdict") >= 1);
    if cfg!(target_env = "gnu") {
        let environment = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
        let mut variables = environment.split(|&byte| byte == 0);
        assert!(
            variables.any(|variable| variable == b"MALLOC_ARENA_MAX=1"),
            "the process that was started computes in one arena"
        );
    }
    signal(&child, Signal::SIGKILL);
    end(child);
    let (code, said) = end(run(&["--out", "parts.json", "--resume", "journal.jsonl"]));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(read(at, "whole.json"), read(at, "parts.json"));
}

#[test]
fn a_journal_of_another_evaluation_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    samples(at);
    let run = |more: &[&str]| {
        end(start(
            at,
            &[&["--policy", "replay:samples.jsonl"], more].concat(),
        ))
    };
    assert_eq!(run(&["--journal", "journal.jsonl"]).0, Some(0));
    let before = read(at, "journal.jsonl");
    for (more, word) in [
        (&["--seed", "2"][..], "seed was 1, is 2"),
        (
            &["--temperature", "0.5"],
            "play.sampling.temperature was 1.0, is 0.5",
        ),
        (
            &["--style", "full"],
            "play.style was \"compact\", is \"full\"",
        ),
        (&["--no-reruns"], "reruns was true, is false"),
    ] {
        let (code, said) = run(&[&["--resume", "journal.jsonl"], more].concat());
        assert!(code == Some(2) && said.contains(word), "{said}");
    }
    let text = read(at, "problems.jsonl").replacen("\"10\\n\"", "\"11\\n\"", 1);
    let old = read(at, "problems.jsonl");
    std::fs::write(at.join("problems.jsonl"), text).unwrap();
    let (code, said) = run(&["--resume", "journal.jsonl"]);
    assert!(code == Some(2) && said.contains("problems was"), "{said}");
    std::fs::write(at.join("problems.jsonl"), old).unwrap();
    let (code, said) = run(&["--resume", "absent.jsonl"]);
    assert!(code == Some(2) && said.contains("no such file"), "{said}");
    let (code, said) = run(&["--journal", "samples.jsonl"]);
    assert!(
        code == Some(2) && said.contains("does not say which evaluation"),
        "{said}"
    );
    assert_eq!(read(at, "journal.jsonl"), before);
    let lock = std::fs::File::options()
        .append(true)
        .open(at.join("journal.jsonl"))
        .unwrap();
    lock.lock().unwrap();
    let (code, said) = run(&["--resume", "journal.jsonl"]);
    assert!(
        code == Some(2) && said.contains("another process"),
        "{said}"
    );
}

/// A server that is gone ends the run after a few answers were missed, not after all; what was answered is kept.
#[test]
fn a_server_that_goes_away_is_not_asked_for_every_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let up = Arc::new(AtomicBool::new(true));
    let (state, answers) = (Arc::clone(&up), Arc::new(AtomicUsize::new(0)));
    let (url, seen) = serve(move |_, _, _| {
        if state.load(Ordering::SeqCst) && answers.fetch_add(1, Ordering::SeqCst) < 3 {
            Deed::Say("```python\nprint(1)\n```", false)
        } else if state.load(Ordering::SeqCst) {
            Deed::Send(503, "")
        } else {
            Deed::Say("```python\nprint(1)\n```", false)
        }
    });
    let policy = format!("--policy=openai:{url}");
    let run = |more: &[&str]| {
        end(start(
            at,
            &[&SERVER[..], &["--tries", "1", &policy], more].concat(),
        ))
    };
    let (code, said) = run(&["--journal", "journal.jsonl"]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("3 answers and")
            && said.contains("in journal.jsonl; the same command continues"),
        "{said}"
    );
    assert!(seen.lock().unwrap().len() <= 3 + 8 + 1);
    up.store(false, Ordering::SeqCst);
    let before = seen.lock().unwrap().len();
    let (code, said) = run(&["--resume", "journal.jsonl"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(seen.lock().unwrap().len() - before, 2 * PROBLEMS - 3);
}
