//! The pages of `rlef label` over HTTP, as a process that is killed in between: no label is lost, none is asked twice, and what is
//! exported is read by the verbs that learn from it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::cli::{refused, rlef, write};
use super::viewing::{Answered, HOSTILE, ask, get};

/// `rlef label`, until it is killed.
pub(crate) struct Labelling {
    child: Child,
    address: SocketAddr,
}

impl Drop for Labelling {
    fn drop(&mut self) {
        // SIGKILL: nothing is written on the way out.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
pub(crate) fn labelling(at: &Path, more: &[&str]) -> Labelling {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rlef"))
        .current_dir(at)
        .args([
            "label",
            "--journal",
            "samples.jsonl",
            "--problems",
            "problems.jsonl",
            "--out",
            "labels.jsonl",
            "--bind",
            "127.0.0.1:0",
        ])
        .args(more)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.map(Result::unwrap).find_map(|line| {
        said += &line;
        let rest = line.split("http://").nth(1)?;
        rest.split(' ').next().unwrap().parse().ok()
    });
    // Made first, so that the program ends where it has said no address.
    let mut labelling = Labelling {
        child,
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
    };
    labelling.address = address.expect(&said);
    labelling
}

/// Problems, and four answers to each.
fn samples(at: &Path, problems: usize) {
    let (mut set, mut journal) = (String::new(), String::new());
    for problem in 0..problems {
        let id = format!("p/{problem}");
        set += &(json!({"id": id, "statement": format!("Print {problem}. {HOSTILE}"), "public_tests": [{"kind": "stdin", "input": "", "expected": "1\n"}]}).to_string() + "\n");
        for sample in 0..4 {
            let text = format!("```python\nx = {sample}\nprint(x + {problem})\n```");
            let turn = json!({"text": text, "grade": "wrong_answer", "passed": 0, "total": 1, "failures": [{"test": 0, "grade": "wrong_answer", "got": HOSTILE}], "feedback": ""});
            journal += &(json!({"step": 0, "problem_id": id, "sample": sample, "turns": [turn], "stop": "max_turns", "outcome": "wrong_answer", "passed": 0, "total": 1}).to_string() + "\n");
        }
    }
    write(at, "problems.jsonl", &set);
    write(at, "samples.jsonl", &journal);
}

fn field<'a>(page: &'a str, name: &str) -> &'a str {
    page.split(&format!("data-{name}=\""))
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
}

fn post(server: &Labelling, path: &str, body: &Value) -> Answered {
    ask(
        server.address,
        "POST",
        path,
        &["content-type: application/json"],
        &body.to_string(),
    )
}

/// Labels what is shown; nothing once all is labelled.
pub(crate) fn say(server: &Labelling, labeler: &str, said: &Value) -> Option<u16> {
    let page = get(server.address, &format!("/label?as={labeler}"));
    assert_eq!(page.status, 200, "{}", page.body);
    if page.body.contains("All is labelled") {
        return None;
    }
    let body = json!({"labeler": labeler, "item": field(&page.body, "item"), "count": field(&page.body, "count").parse::<usize>().unwrap(),
        "said": said, "confidence": 6, "reason": HOSTILE, "seconds": 1.5});
    Some(post(server, "/label", &body).status)
}

#[test]
fn labels_outlive_a_kill_and_are_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    samples(at, 6);
    let server = labelling(at, &["--repeats", "0"]);
    let page = get(server.address, "/label?as=ann").body;
    assert!(
        !page.contains("<script>") && !page.contains('\u{202e}') && page.contains("Answer A"),
        "{page}"
    );
    for said in [
        json!({"better": 0}),
        json!("tie"),
        json!("both_bad"),
        json!({"better": 1}),
    ] {
        assert_eq!(say(&server, "ann", &said), Some(200));
    }
    assert_eq!(say(&server, "bob", &json!({"better": 1})), Some(200));
    assert_eq!(say(&server, "bob", &json!({"better": 2})), Some(400));
    assert_eq!(say(&server, "bob", &json!({"marks": ["good"]})), Some(400));
    assert_eq!(
        post(&server, "/undo", &json!({"labeler": "ann"})).status,
        200
    );
    assert_eq!(
        post(&server, "/undo", &json!({"labeler": "carl"})).status,
        409
    );
    let open = get(server.address, "/label?as=ann").body;
    let (item, count) = (
        field(&open, "item").to_owned(),
        field(&open, "count").to_owned(),
    );
    drop(server);
    // Killed between two labels, and once more within a line.
    let path = at.join("labels.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().count();
    text.push_str("{\"event\":\"label\",\"item\":");
    std::fs::write(&path, text).unwrap();
    let server = labelling(at, &["--repeats", "0"]);
    let again = get(server.address, "/label?as=ann").body;
    assert_eq!(
        (field(&again, "item"), field(&again, "count")),
        (item.as_str(), count.as_str())
    );
    // What was sent before it was killed, once more: stale, for it was kept.
    let stale = json!({"labeler": "ann", "item": item, "count": 0, "said": "tie", "seconds": 1.0});
    assert_eq!(post(&server, "/label", &stale).status, 409);
    let mut kept = 0;
    while let Some(status) = say(&server, "ann", &json!({"better": 0})) {
        assert_eq!(status, 200);
        kept += 1;
    }
    // Twelve pairs: three of ann's and one of bob's before.
    assert_eq!(kept, 8);
    let start = get(server.address, "/").body;
    assert!(
        start.contains("12 of 12 are labelled") && start.contains("ann"),
        "{start}"
    );
    refused(
        at,
        &[
            "label",
            "--journal",
            "samples.jsonl",
            "--problems",
            "problems.jsonl",
            "--out",
            "labels.jsonl",
        ],
        2,
        &["another process"],
    );
    drop(server);
    assert!(std::fs::read_to_string(&path).unwrap().lines().count() > lines);
    for (name, form) in [("own.jsonl", "rlef"), ("hf.jsonl", "hf")] {
        let output = rlef(
            at,
            &[
                "label",
                "--out",
                "labels.jsonl",
                "--export",
                name,
                "--form",
                form,
            ],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("left out: 1 that say no order"), "{said}");
    }
    let labels = std::fs::read_to_string(at.join("labels.jsonl")).unwrap();
    assert!(super::formats::lines_fit("label", &labels) > 12);
    let output = rlef(at, &["labels", "own.jsonl", "--json"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows = std::fs::read_to_string(at.join("hf.jsonl")).unwrap();
    assert_eq!(rows.lines().count(), 10, "{rows}");
    refused(
        at,
        &[
            "label",
            "--out",
            "labels.jsonl",
            "--export",
            "x.jsonl",
            "--form",
            "prm800k",
        ],
        2,
        &["labels of pairs"],
    );
    refused(
        at,
        &["label", "--out", "samples.jsonl", "--export", "x.jsonl"],
        2,
        &["line 1"],
    );
}

#[test]
fn steps_and_rankings_are_labelled_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    samples(at, 2);
    let server = labelling(at, &["--kind", "steps", "--repeats", "0"]);
    assert_eq!(
        say(&server, "ann", &json!({"marks": ["good", "bad"]})),
        Some(200)
    );
    assert_eq!(say(&server, "ann", &json!({"marks": ["bad"]})), Some(200));
    assert_eq!(say(&server, "ann", &json!({"marks": ["good"]})), Some(400));
    drop(server);
    let output = rlef(
        at,
        &[
            "label",
            "--out",
            "labels.jsonl",
            "--export",
            "steps.jsonl",
            "--form",
            "prm800k",
        ],
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = rlef(
        at,
        &[
            "convert",
            "--preferences",
            "steps.jsonl",
            "--out",
            "own.jsonl",
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let first: Value = serde_json::from_str(
        std::fs::read_to_string(at.join("own.jsonl"))
            .unwrap()
            .lines()
            .next()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        (&first["kind"], &first["marks"]),
        (&json!("steps"), &json!(["good", "bad"]))
    );
    std::fs::remove_file(at.join("labels.jsonl")).unwrap();
    let server = labelling(at, &["--kind", "rankings"]);
    assert_eq!(
        say(&server, "ann", &json!({"places": [0, 1, 1, 2]})),
        Some(200)
    );
    assert_eq!(say(&server, "ann", &json!({"places": [0, 1]})), Some(400));
    drop(server);
    let output = rlef(
        at,
        &[
            "label",
            "--out",
            "labels.jsonl",
            "--export",
            "pairs.jsonl",
            "--form",
            "hf",
        ],
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Six pairs of four answers, one a tie.
    assert_eq!(
        std::fs::read_to_string(at.join("pairs.jsonl"))
            .unwrap()
            .lines()
            .count(),
        5
    );
}
