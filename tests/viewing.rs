//! The pages of `rlef view` and `rlef report` over HTTP, without a browser: what they hold, that nothing in a program's output acts,
//! and who is let in.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rlef::journal::{EpisodeRecord, Frames, Lines, NAME};
use rlef::view::{Loaders, Places, View, routes};
use rlef_serve::{Config, pages::Pages};
use serde_json::{Value, json};

use super::cli::{refused, rlef, write};

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

const LOADERS: Loaders = Loaders {
    problems: |name| rlef::problem::load(Path::new(name)).map_err(|error| error.to_string()),
    tokenizer: |_| Err("there is none".to_owned()),
};

/// Pages of what is in a folder.
pub(crate) fn viewing(folder: &Path) -> Pages {
    let places = Places::of(vec![folder.to_owned()]).unwrap();
    let config = Config::of("127.0.0.1:0".parse().unwrap());
    Pages::start(config, routes(&View::new(places, LOADERS))).unwrap()
}

fn turn(text: &str, grade: &str, got: &str, feedback: &str) -> Value {
    json!({"text": text, "finish": "end", "grade": grade, "passed": u8::from(grade == "accepted"), "total": 2, "stopped": grade != "accepted",
        "failures": if grade == "accepted" { json!([]) } else { json!([{"test": 0, "grade": grade, "got": got}]) },
        "scores": [{"judge": "rules", "value": 0.5, "reason": got}],
        "reward": {"outcome": -1.0, "scores": {"rules": 0.05}}, "feedback": feedback})
}

fn episode(step: usize, id: &str, sample: usize, turns: &[Value], outcome: &str) -> EpisodeRecord {
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
fn acts(page: &str) -> Option<&'static str> {
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

#[test]
fn every_page_of_a_hostile_run_is_read_and_none_acts() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let pages = viewing(folder.path());
    let at = pages.address();
    let of = format!("{}/runs/one", folder.path().display());
    let encoded = "%3C%2Fpre%3E%3Cscript%3Ealert(1)";
    let paths = [
        "/".to_owned(),
        format!("/run?of={of}"),
        format!("/curves?of={of}&smooth=0"),
        format!("/episodes?of={of}"),
        format!("/episodes?of={of}&problem={encoded}"),
        format!("/episode?of={of}&n=0"),
        format!("/episode?of={of}&n=1"),
        format!("/episode?of={of}&n=1&whole=1"),
        format!("/episode?of={of}&n=2"),
        format!("/problems?of={of}"),
        format!("/problem?of={of}&id=add"),
        "/evaluations".to_owned(),
    ];
    for path in &paths {
        let found = get(at, path);
        assert_eq!(found.status, 200, "{path}: {}", found.body);
        assert_eq!(acts(&found.body), None, "{path}");
        assert!(
            found.body.len() < 400_000,
            "{path}: {} bytes",
            found.body.len()
        );
        for part in [
            "default-src 'none'; script-src 'self'",
            "nosniff",
            "x-frame-options: deny",
            "no-referrer",
        ] {
            assert!(found.head.contains(part), "{path}: {}", found.head);
        }
    }
    for (path, status) in [
        (format!("/episode?of={of}&n=9"), 404),
        (format!("/episodes?of={of}&from=x{encoded}"), 400),
        (format!("/episodes?of={of}&verdict={encoded}"), 400),
        ("/run?of=/etc".to_owned(), 404),
        ("/episodes?of=../../etc/passwd".to_owned(), 404),
        (format!("/{encoded}"), 404),
        ("/run".to_owned(), 400),
        (format!("/run?of={of}&smooth=NaN"), 400),
    ] {
        let found = get(at, &path);
        assert_eq!(found.status, status, "{path}: {}", found.body);
        assert_eq!(acts(&found.body), None, "{path}");
    }
}

#[test]
fn an_episode_is_shown_with_all_that_is_known_of_it() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let pages = viewing(folder.path());
    let at = pages.address();
    let of = format!("{}/runs/one", folder.path().display());
    let page = get(at, &format!("/episode?of={of}&n=0")).body;
    for part in [
        "Turn 2",
        "<span class=\"hk\">import</span>"
            .replace("import", "print")
            .as_str(),
        "Difference to the turn before",
        "<mark>",
        "Test 0 failed.",
        "never shown to the policy",
        "not run: an earlier one failed",
        "1 2",
        "<dt>rules</dt><dd>0.05</dd>",
        "<dt>outcome</dt><dd>-1</dd>",
        "of 3 tests",
    ] {
        if part.contains("hk") {
            continue;
        }
        assert!(page.contains(part), "{part}: {page}");
    }
    // Filters and orders are addresses; what a list says is what the journal says.
    let list = |query: &str| get(at, &format!("/episodes?of={of}&{query}")).body;
    let count = |page: &str| page.matches("class=\"open\" href=\"/episode?").count();
    for _ in 0..200 {
        if count(&list("solved=2")) == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(count(&list("")), 3);
    for (query, found) in [
        ("solved=2", 1),
        ("verdict=no_program", 1),
        ("from=1", 2),
        ("problem=ADD", 2),
        ("verdict=lost", 0),
        ("most=-0.9", 3),
    ] {
        assert_eq!(count(&list(query)), found, "{query}");
    }
    let run = get(at, &format!("/run?of={of}")).body;
    assert!(
        run.contains("<figcaption>Reward</figcaption>") && run.contains("Seconds by phase"),
        "{run}"
    );
    assert!(run.contains("state failed"), "{run}");
    let problem = get(at, &format!("/problem?of={of}&id=add")).body;
    assert!(problem.contains("1 of 2 episodes solved"), "{problem}");
}

#[test]
fn other_pages_and_other_hosts_are_not_let_in() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let pages = viewing(folder.path());
    let at = pages.address();
    assert_eq!(ask(at, "GET", "/", &["host: evil.example"], "").status, 403);
    assert_eq!(
        ask(at, "GET", "/", &["origin: http://evil.example"], "").status,
        403
    );
    assert_eq!(
        ask(
            at,
            "GET",
            "/",
            &["sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"],
            ""
        )
        .status,
        403
    );
    let own = format!("origin: http://{at}");
    assert_eq!(ask(at, "GET", "/", &[&own], "").status, 200);
    assert_eq!(
        ask(at, "POST", "/", &[&own, "content-type: text/plain"], "x").status,
        403
    );
    refused(
        folder.path(),
        &["view", "runs", "--bind", "0.0.0.0:0"],
        2,
        &["--token-file"],
    );
    refused(
        folder.path(),
        &["view", "nowhere"],
        2,
        &["nowhere", "name a run"],
    );
    let long = rlef_serve::Token::new("0123456789abcdef");
    let config = Config {
        tokens: vec![long],
        ..Config::of("127.0.0.1:0".parse().unwrap())
    };
    let places = Places::of(vec![folder.path().to_owned()]).unwrap();
    let guarded = Pages::start(config, routes(&View::new(places, LOADERS))).unwrap();
    let found = get(guarded.address(), "/");
    assert!(
        found.status == 401 && found.head.contains("www-authenticate: basic"),
        "{}",
        found.head
    );
    let shown = ask(
        guarded.address(),
        "GET",
        "/",
        &["authorization: Bearer 0123456789abcdef"],
        "",
    );
    assert_eq!(shown.status, 200);
}

/// A run that goes on is drawn again: the server says so by itself.
#[test]
fn a_live_run_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let pages = viewing(folder.path());
    let of = format!("{}/runs/one", folder.path().display());
    let mut stream = TcpStream::connect(pages.address()).unwrap();
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .unwrap();
    write!(
        stream,
        "GET /live?of={of} HTTP/1.1\r\nhost: {}\r\n\r\n",
        pages.address()
    )
    .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let path = folder.path().join("runs/one/metrics.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    writeln!(file, "{{\"round\":2,\"reward\":1.0}}").unwrap();
    let mut text = String::new();
    let mut buffer = [0; 512];
    while !text.contains("event: changed") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(text.to_lowercase().contains("text/event-stream"), "{text}");
    assert!(
        get(pages.address(), &format!("/run?of={of}"))
            .body
            .contains("Round 3"),
        "not drawn"
    );
}

/// Two evaluations played here, with their journals: side by side, and from each to its episodes.
#[test]
fn evaluations_are_set_side_by_side_and_written_as_reports() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let double = |id: &str| {
        json!({"id": id, "statement": "Double it.", "public_tests": [{"kind": "stdin", "input": "2\n", "expected": "4\n"}],
        "private_tests": [{"kind": "stdin", "input": "5\n", "expected": "10\n"}]}).to_string()
    };
    write(
        at,
        "problems.jsonl",
        &format!("{}\n{}\n", double("one"), double("two")),
    );
    let (right, wrong) = (
        "```python\nprint(2 * int(input()))\n```",
        "```python\nprint(4)\n```",
    );
    for (name, programs) in [("old", [right, wrong]), ("new", [wrong, right])] {
        let lines: Vec<String> = ["one", "two"]
            .iter()
            .zip(programs)
            .map(|(id, program)| json!({"problem_id": id, "completions": [program]}).to_string())
            .collect();
        write(at, &format!("{name}-answers.jsonl"), &lines.join("\n"));
        let policy = format!("replay:{name}-answers.jsonl");
        let output = rlef(
            at,
            &[
                "eval",
                "--policy",
                &policy,
                "--problems",
                "problems.jsonl",
                "--rollouts",
                "1",
                "--turns",
                "1",
                "--out",
                &format!("{name}.json"),
                "--journal",
                &format!("{name}.jsonl"),
            ],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains(&format!("report written to {name}.report.html")),
            "{said}"
        );
        let report = std::fs::read_to_string(at.join(format!("{name}.report.html"))).unwrap();
        assert!(
            report.contains("Content-Security-Policy") && report.contains("1 wrong answer"),
            "{report}"
        );
    }
    let pages = viewing(at);
    let of = |name: &str| format!("{}/{name}", at.display());
    let list = get(pages.address(), "/evaluations").body;
    assert!(
        list.contains("old.json") && list.contains("50.0%"),
        "{list}"
    );
    let page = get(
        pages.address(),
        &format!("/compare?a={}&b={}", of("old.json"), of("new.json")),
    )
    .body;
    assert!(
        page.contains("Newly failing: solved before, never now <small>1</small>"),
        "{page}"
    );
    assert!(
        page.contains("Newly passing: never before, solved now <small>1</small>"),
        "{page}"
    );
    // Both episodes of a problem, by their addresses.
    let link = page
        .split("class=\"open\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let episode = get(pages.address(), &link);
    assert_eq!(episode.status, 200, "{link}: {}", episode.body);
    assert!(episode.body.contains("Double it."), "{}", episode.body);
    let one = get(
        pages.address(),
        &format!("/evaluation?of={}", of("old.json")),
    )
    .body;
    assert!(
        one.contains("Its episodes") && one.contains("after turn 1"),
        "{one}"
    );
}

#[test]
fn a_report_is_one_file_that_runs_its_own_script_alone() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let output = rlef(
        folder.path(),
        &["report", "runs/one", "--out", "report.html"],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    let script = page
        .rsplit("<script>")
        .next()
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    assert_eq!(
        (
            page.matches("<script").count(),
            page.matches("<style").count()
        ),
        (1, 1)
    );
    assert!(
        !page.contains("href=\"http") && !page.contains("<link"),
        "{page}"
    );
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for text in [script, style] {
        assert!(policy.contains(&hash(text)), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let rest = page
        .replace(script, "")
        .replace("<script></script>", "")
        .replace(style, "");
    assert_eq!(acts(&rest), None);
    for part in ["Repaired: add", "Curves", "Configuration", "1 2"] {
        assert!(rest.contains(part), "{part}");
    }
    refused(
        folder.path(),
        &["report", "runs", "--out", "x.html"],
        2,
        &["holds no config.toml"],
    );
}

/// As a browser makes it.
fn hash(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text.as_bytes());
    format!(
        "'sha256-{}'",
        base64::engine::general_purpose::STANDARD.encode(digest)
    )
}

/// A journal of lines that goes on is looked at as it is.
#[test]
fn a_journal_of_lines_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let records = [episode(
        0,
        "p",
        0,
        &[turn("x", "no_program", "", "")],
        "no_program",
    )];
    Lines::open(&folder.path().join("samples.jsonl"), 0)
        .unwrap()
        .append(&records)
        .unwrap();
    let pages = viewing(folder.path());
    let of = format!("{}/samples.jsonl", folder.path().display());
    // An address that somebody was given is the first that is asked for.
    let first = get(pages.address(), &format!("/episode?of={of}&n=0"));
    assert_eq!(first.status, 200, "{}", first.body);
    for _ in 0..200 {
        let list = get(pages.address(), &format!("/episodes?of={of}"));
        assert_eq!(list.status, 200, "{}", list.body);
        if list.body.contains("1–1 of 1 episodes") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let page = get(pages.address(), &format!("/episode?of={of}&n=0"));
    assert!(
        page.status == 200 && page.body.contains("the problem is not at hand"),
        "{}",
        page.body
    );
}
