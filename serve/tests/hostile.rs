//! Callers who mean no good: slow, huge, deep, crooked, or in floods. Nothing panics, nothing is kept, the next is served.

mod memory;

use std::io::{Read as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use rlef_serve::{Bounds, Server};
use serde_json::json;

use crate::client::{Client, Socket, get, post};
use crate::straw::{Straw, eventually, server};

/// A server that is impatient and small.
fn small() -> Server {
    let bounds = Bounds {
        body_bytes: 64 << 10,
        all_bytes: 1 << 20,
        head: Duration::from_millis(300),
        pause: Duration::from_millis(300),
        body: Duration::from_millis(600),
        connections: 64,
        ..Bounds::default()
    };
    server(&Straw::new(1), bounds)
}

fn serves(server: &Server) {
    let body = json!({"problem_id": "7", "program": "print 7"});
    let answer = post(server.address(), "/v1/judge", &body);
    assert_eq!(
        (answer.status, answer.json()["verdict"].clone()),
        (200, json!("accepted"))
    );
}

fn held(server: &Server) -> String {
    let text = get(server.address(), "/metrics").text;
    let line = text
        .lines()
        .find(|line| line.starts_with("rlef_connections "));
    line.unwrap().to_owned()
}

#[test]
fn who_is_slow_is_cut_off() {
    let server = small();
    // A head that never ends, a body that never comes, one that comes byte by byte, and nothing at all.
    let head = "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut slow: Vec<Client> = [
        "GET / HTTP/1.1\r\nX: ",
        &format!("{head}Content-Length: 100\r\n\r\n"),
        "",
    ]
    .iter()
    .map(|text| {
        let mut client = Client::new(server.address());
        client.stream.write_all(text.as_bytes()).unwrap();
        client
    })
    .collect();
    let mut dripping = Client::new(server.address());
    dripping
        .stream
        .write_all(format!("{head}Content-Length: 10000\r\n\r\n").as_bytes())
        .unwrap();
    let mut alive = true;
    eventually("the slow one is cut off", || {
        alive = alive && dripping.stream.write_all(b"1").is_ok();
        std::thread::sleep(Duration::from_millis(20));
        let mut byte = [0; 512];
        dripping
            .stream
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        match dripping.stream.read(&mut byte) {
            Ok(0) => true,
            Ok(length) => String::from_utf8_lossy(&byte[..length]).contains(" 408 "),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    });
    for client in &mut slow {
        // An answer or none, and the end.
        while client.receive().is_some() {}
    }
    serves(&server);
    eventually("they are let go", || held(&server) == "rlef_connections 1");
}

#[test]
fn who_takes_no_answer_is_cut_off() {
    let straw = Straw::new(1);
    let bounds = Bounds {
        pause: Duration::from_millis(200),
        ..Bounds::default()
    };
    let server = server(&straw, bounds);
    let mut client = Client::new(server.address());
    let body = json!({"code": format!("fill {}", 12 << 20), "language": "python"}).to_string();
    client.send("POST", "/run_code", Some(&body));
    // So many bytes fit into no buffer between them.
    eventually("he is let go", || held(&server) == "rlef_connections 1");
    serves(&server);
}

#[test]
fn what_is_too_large_or_too_deep_is_refused_and_not_kept() {
    let server = small();
    let mut client = Client::new(server.address());
    let text = "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n";
    client.stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(client.receive().unwrap().status, 413);
    // Without a length, in pieces.
    let mut client = Client::new(server.address());
    let head = "POST /run_code HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.stream.write_all(head.as_bytes()).unwrap();
    let piece = format!("1000\r\n{}\r\n", "1".repeat(0x1000));
    for _ in 0..40 {
        if client.stream.write_all(piece.as_bytes()).is_err() {
            break;
        }
    }
    assert_eq!(client.receive().map(|answer| answer.status), Some(413));
    for depth in [65, 1000, 30_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            if body.len() < 64 << 10 {
                let answer = Client::new(server.address()).ask("POST", "/v1/judge", Some(&body));
                assert_eq!(answer.status, 400, "{answer:?}");
                assert!(answer.text.contains("nests"), "{answer:?}");
            }
        }
    }
    // Few bytes that would become many.
    let many = format!("[{}1]", "1,".repeat(30_000));
    let answer = Client::new(server.address()).ask("POST", "/v1/judge", Some(&many));
    assert_eq!(answer.status, 413, "{answer:?}");
    let mut client = Client::new(server.address());
    let _ = client.stream.write_all(
        format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).as_bytes(),
    );
    assert!(client.receive().is_none_or(|answer| answer.status == 431));
    serves(&server);
}

#[test]
fn a_file_name_that_leads_elsewhere_is_told_to_nobody_below() {
    // Straw takes any name: that the real sandbox refuses them is tested with it.
    let server = small();
    for path in [
        "/v1/problems/../../etc/passwd",
        "/v1/problems/%2e%2e%2fetc%2fpasswd",
        "/v1/problems//etc/passwd",
        "//etc/passwd",
        "/../etc/passwd",
    ] {
        let answer = get(server.address(), path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(!answer.text.contains("root:"));
    }
}

#[test]
fn a_flood_of_messages_is_closed_and_held_to_nothing() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let mut socket = Socket::connect(server.address(), "/ws");
    socket.ask(&json!({"type": "reset", "data": {"problem_id": "7"}}));
    let step = json!({"type": "step", "data": {"completion": "```python\nwait\n```"}}).to_string();
    socket.send(&step);
    eventually("its step runs", || {
        straw.running.load(Ordering::SeqCst) == 1
    });
    for _ in 0..200 {
        socket.send(&step);
    }
    assert_eq!(socket.end(), Some(1008), "it is told why");
    eventually("its step is ended", || {
        straw.cancelled.load(Ordering::SeqCst) == 1
    });
    assert_eq!(straw.begun.lock().unwrap().len(), 1);
    // One that floods at once may be closed before its step has begun.
    let mut hasty = Socket::connect(server.address(), "/ws");
    hasty.ask(&json!({"type": "reset", "data": {"problem_id": "7"}}));
    for _ in 0..200 {
        hasty.send(&step);
    }
    assert_eq!(hasty.end(), Some(1008));
    eventually("nothing of both is left", || {
        let text = get(server.address(), "/metrics").text;
        let lines = ["rlef_working 0\n", "rlef_waiting 0\n", "rlef_episodes 0\n"];
        lines.iter().all(|line| text.contains(line))
    });
    assert!(straw.begun.lock().unwrap().len() <= 2);
    assert_eq!(straw.running.load(Ordering::SeqCst), 0);
    // Bytes, broken frames and a message without end.
    for frames in [&[(0x82, 3_usize)][..], &[(0xff, 3)], &[(0x01, 60_000); 700]] {
        let mut socket = Socket::connect(server.address(), "/ws");
        for (head, length) in frames {
            socket.frame(*head, &vec![b'x'; *length]);
        }
        assert!(socket.receive().is_none());
    }
    eventually("all are let go", || held(&server) == "rlef_connections 1");
    serves(&server);
}

/// One server for all that follows.
fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(small)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Whatever comes instead of HTTP, the server answers something or closes, and serves the next.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), http in any::<bool>()) {
        let mut client = Client::new(shared().address());
        if http {
            client.stream.write_all(b"POST /v1/judge HTTP/1.1\r\n").unwrap();
        }
        let _ = client.stream.write_all(&bytes);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        prop_assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 "));
        prop_assert_eq!(get(shared().address(), "/health").status, 200);
    }

    /// Whatever JSON a route is sent, it says what is wrong by a status of the caller's fault, or answers.
    #[test]
    fn any_json_is_answered(
        path in prop::sample::select(vec![
            "/v1/judge", "/v1/judge/batch", "/v1/episodes", "/v1/episodes/x/steps", "/run_code", "/run_jupyter", "/submit",
            "/get_prompts", "/get_prompt_by_id", "/list_ids", "/get_metrics", "/reset", "/step", "/openrlhf", "/slime",
            "/verify", "/seed_session", "/aggregate_metrics", "/test_program", "/test_program_stdio", "/api/v2/execute",
        ]),
        fields in prop::collection::btree_map(
            prop::sample::select(vec![
                "problem_id", "problem", "program", "completion", "items", "code", "language", "files", "fetch_files", "stdin",
                "config", "dataset", "id", "query", "prompts", "labels", "label", "response", "verifier_metadata", "tests",
                "action", "episode_id", "seed", "version", "content", "verify_responses", "run_timeout",
            ]),
            value(),
            0..6,
        ),
    ) {
        let body = json!(fields).to_string();
        let answer = Client::new(shared().address()).ask("POST", path, Some(&body));
        prop_assert!(
            answer.status == 200 || (400..500).contains(&answer.status) || answer.status == 501,
            "{} {}: {:?}", path, body, answer
        );
        let _ = answer.json();
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        prop::sample::select(vec![
            "7",
            "toy/1",
            "print 1",
            "python",
            "../x",
            "\u{0}",
            "é{}",
            "{\"inputs\":[]}",
            "*",
            ""
        ])
        .prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|value| json!(value)),
            prop::collection::btree_map(
                prop::sample::select(vec![
                    "inputs",
                    "outputs",
                    "test",
                    "id",
                    "content",
                    "stdin",
                    "unit_tests",
                    "output",
                    "text",
                    "a"
                ]),
                inner,
                0..3
            )
            .prop_map(|value| json!(value)),
        ]
    })
}
