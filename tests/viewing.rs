//! The pages of `rlef view` and `rlef report` over HTTP, without a browser: what they hold, that nothing in a program's output acts,
//! and who is let in.

mod reports;
mod served;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use rlef::journal::Lines;
use rlef::view::{Places, View, routes};
use rlef_serve::{Config, pages::Pages};

use super::cli::refused;
pub(crate) use served::{Answered, HOSTILE, ask, get};
use served::{LOADERS, acts, episode, run_folder, turn, viewing};

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
        assert!(page.contains(part), "{part}: {page}");
    }
    // Filters and orders are addresses; what a list says is what the journal says.
    let list = |query: &str| get(at, &format!("/episodes?of={of}&{query}")).body;
    let count = |page: &str| page.matches("class=\"open\" href=\"/episode?").count();
    assert_eq!(count(&list("")), 3);
    for (query, found) in [
        ("solved=2", 1),
        ("verdict=no_program", 1),
        ("from=1", 2),
        ("problem=ADD", 2),
        ("verdict=lost", 0),
        ("most=-0.9", 3),
    ] {
        // What lines say is read while pages are shown.
        let read = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            count(&list(query)) == found
        });
        assert!(read, "{query}: {}", list(query));
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
