//! What is looked at, and who asks for it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rlef::journal::{EpisodeRecord, Frames, NAME};
use rlef::view::{Loaders, Places, View, routes};
use rlef_serve::{Config, pages::Pages};
use serde_json::{Value, json};

use crate::cli::write;

/// What a program could print to take over a page, a terminal or a reader's eyes.
pub(crate) const HOSTILE: &str = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}evil\u{2066}\0\r\n\u{2028}'\"&amp;{{7*7}}";

/// An answer of a page.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks a server with these lines of a head.
pub(crate) fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    head: &[&str],
    body: &str,
) -> Answered {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = format!("host: {address}");
    let has_host = head
        .iter()
        .any(|line| line.to_lowercase().starts_with("host:"));
    let mut lines: Vec<&str> = head.to_vec();
    if !has_host {
        lines.push(&host);
    }
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.1\r\n{}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}", lines.join("\r\n")).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    Answered {
        status,
        head: head.to_lowercase(),
        body,
    }
}

fn unchunked(body: &str) -> String {
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answered {
    ask(address, "GET", path, &[], "")
}

pub(super) const LOADERS: Loaders = Loaders {
    problems: |name| rlef::problem::load(Path::new(name)).map_err(|error| error.to_string()),
    tokenizer: |_| Err("there is none".to_owned()),
};

/// Pages of what is in a folder.
pub(crate) fn viewing(folder: &Path) -> Pages {
    let places = Places::of(vec![folder.to_owned()]).unwrap();
    let config = Config::of("127.0.0.1:0".parse().unwrap());
    Pages::start(config, routes(&View::new(places, LOADERS))).unwrap()
}

pub(super) fn turn(text: &str, grade: &str, got: &str, feedback: &str) -> Value {
    json!({"text": text, "finish": "end", "grade": grade, "passed": u8::from(grade == "accepted"), "total": 2, "stopped": grade != "accepted",
        "failures": if grade == "accepted" { json!([]) } else { json!([{"test": 0, "grade": grade, "got": got}]) },
        "scores": [{"judge": "rules", "value": 0.5, "reason": got}],
        "reward": {"outcome": -1.0, "scores": {"rules": 0.05}}, "feedback": feedback})
}

pub(super) fn episode(
    step: usize,
    id: &str,
    sample: usize,
    turns: &[Value],
    outcome: &str,
) -> EpisodeRecord {
    serde_json::from_value(json!({"step": step, "problem_id": id, "sample": sample, "turns": turns, "stop": "max_turns",
        "outcome": outcome, "passed": 1, "total": 3}))
    .unwrap()
}

/// A run of two rounds, with an episode that is repaired and one whose program prints what is hostile.
pub(crate) fn run_folder(at: &Path) {
    let problems = json!({"id": "add", "statement": format!("Add two. {HOSTILE}"),
        "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}, {"kind": "stdin", "input": "2 2\n", "expected": "4\n"}],
        "private_tests": [{"kind": "stdin", "input": "5 5\n", "expected": "10\n"}]});
    write(at, "problems.jsonl", &problems.to_string());
    let run = at.join("runs/one");
    std::fs::create_dir_all(&run).unwrap();
    let name = at.join("problems.jsonl").display().to_string();
    write(
        &run,
        "config.toml",
        &format!("rounds = 2\nproblems = {name:?}\n[evaluation]\nproblems = \"\"\n"),
    );
    let line = |round: usize| {
        json!({"round": round, "reward": round as f64 - 0.5, "solve_rate": 0.25, "entropy": 0.7})
            .to_string()
            + "\n"
    };
    write(&run, "metrics.jsonl", &(line(0) + &line(1)));
    write(
        &run,
        "timings.jsonl",
        &(json!({"round": 0, "sampling_seconds": 1.5}).to_string() + "\n"),
    );
    let wrong = "```python\na, b = map(int, input().split())\nprint(a - b)\n```";
    let right = "```python\na, b = map(int, input().split())\nprint(a + b)\n```";
    let hostile = format!("```python\n# {HOSTILE}\nprint({HOSTILE:?})\n```{HOSTILE}");
    let repaired = [
        turn(wrong, "wrong_answer", "-1\n", "Test 0 failed."),
        turn(right, "accepted", "", ""),
    ];
    let records = [
        episode(0, "add", 0, &repaired, "accepted"),
        episode(
            1,
            "add",
            0,
            &[turn(&hostile, "wrong_answer", HOSTILE, HOSTILE)],
            "wrong_answer",
        ),
        episode(
            1,
            HOSTILE,
            1,
            &[turn(&"x".repeat(3_000_000), "no_program", "", "")],
            "no_program",
        ),
    ];
    let with_prompt: Vec<(EpisodeRecord, Arc<str>)> = records
        .into_iter()
        .map(|one| (one, Arc::from(HOSTILE)))
        .collect();
    Frames::after(&run.join(NAME), 0)
        .unwrap()
        .append(&with_prompt)
        .unwrap();
}

/// Whether a page holds what a browser would run or a terminal act on.
pub(super) fn acts(page: &str) -> Option<&'static str> {
    let head = page.replace("<script src=\"/view.js\" defer></script>", "");
    let signs = [
        ("<script", head.contains("<script")),
        ("<img", page.contains("<img")),
        ("style=", page.contains(" style=")),
        (
            "a control character",
            page.chars()
                .any(|letter| letter.is_control() && letter != '\n' && letter != '\t'),
        ),
        (
            "a mark of direction",
            page.contains(['\u{202e}', '\u{2066}', '\u{2028}']),
        ),
    ];
    signs.into_iter().find(|sign| sign.1).map(|sign| sign.0)
}
