//! rlef's own interface, on a machine of straw.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use rlef_serve::{Bounds, Config, Machine, Server, Token};
use serde_json::{Value, json};

use crate::client::{Client, get, post};
use crate::straw::{Straw, config, eventually, server, sets};

#[test]
fn a_program_is_judged_and_what_only_grades_is_never_shown() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let judged = |body: &Value| {
        let answer = post(server.address(), "/v1/judge", body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    let said = judged(&json!({"problem_id": "toy/1", "program": "print 1"}));
    assert_eq!(
        (&said["verdict"], &said["accepted"], &said["reward"]),
        (&json!("accepted"), &json!(true), &json!(1.0))
    );
    assert_eq!((&said["passed"], &said["total"]), (&json!(2), &json!(2)));
    assert_eq!(said["first_failure"], Value::Null);
    assert_eq!(said["usage"]["cpu_ms"], 1.0);
    // The private test alone fails: that it does is said, and nothing of what it asks.
    let said = judged(&json!({"problem_id": "toy/2", "program": "print 2"}));
    assert_eq!(
        (&said["verdict"], &said["reward"]),
        (&json!("wrong_answer"), &json!(-1.0))
    );
    let private = json!({"test": 1, "public": false, "verdict": "wrong_answer"});
    assert_eq!(said["first_failure"], private);
    assert!(!said.to_string().contains("secret"), "{said}");
    let said = judged(&json!({"problem_id": "toy/2", "program": "print 3"}));
    assert_eq!(said["first_failure"]["expected"], "2");
    assert!(
        said["feedback"]
            .as_str()
            .unwrap()
            .contains("Expected output '2' but got '3'")
    );
    assert!(!said.to_string().contains("secret"), "{said}");
    // An answer is searched for its program, and may hold none.
    let said = judged(&json!({"problem_id": 7, "completion": "```python\nprint 7\n```"}));
    assert_eq!(
        (&said["problem_id"], &said["verdict"]),
        (&json!("7"), &json!("accepted"))
    );
    let said =
        judged(&json!({"problem_id": "7", "completion": "I don't know.", "feedback": "compact"}));
    assert_eq!(
        (&said["verdict"], &said["feedback"]),
        (&json!("no_program"), &json!("error: no code\n"))
    );
    assert_eq!(straw.begun.lock().unwrap().len(), 4);
}

#[test]
fn a_problem_that_is_sent_is_read_as_files_are() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let own = json!({
        "id": "mine", "statement": "s",
        "private_tests": [{"kind": "stdin", "input": "", "expected": "31.245270191439438"}],
    });
    let body = json!({"problem": own, "program": "print 31.245270191439438"});
    let said = post(server.address(), "/v1/judge", &body).json();
    assert_eq!(
        (&said["verdict"], &said["feedback"]),
        (&json!("accepted"), &Value::Null)
    );
    // Whoever sent it knows it.
    let body = json!({"problem": own, "program": "print x"});
    let said = post(server.address(), "/v1/judge", &body).json();
    assert_eq!(said["first_failure"]["got"], "x");
    let row = json!({"question": "q", "input_output": {"inputs": ["1"], "outputs": ["5"]}});
    let body = json!({"problem": row, "program": "print 5"});
    assert_eq!(
        post(server.address(), "/v1/judge", &body).json()["verdict"],
        "accepted"
    );
    for (problem, words) in [
        (json!({"id": "x", "statement": "s"}), "no tests"),
        (
            json!({"id": "x", "statement": "s", "nonsense": 1}),
            "nonsense",
        ),
        (json!({"odd": 1}), "schema"),
        (json!(3), "schema"),
    ] {
        let body = json!({"problem": problem, "program": "print 1"});
        let answer = post(server.address(), "/v1/judge", &body);
        assert_eq!(answer.status, 422, "{answer:?}");
        let message = answer.json()["error"]["message"].to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_named() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    for (body, status, words) in [
        (json!({}), 400, "problem_id"),
        (json!([]), 400, "expected an object, found a list"),
        (
            json!({"problem_id": "none", "program": "x"}),
            404,
            "no problem `none`",
        ),
        (json!({"problem_id": "toy/1"}), 400, "program"),
        (
            json!({"problem_id": "toy/1", "program": 1}),
            400,
            "field `program`: expected a string, found a number",
        ),
        (
            json!({"problem_id": "toy/1", "program": "x", "completion": "x"}),
            400,
            "either",
        ),
        (
            json!({"problem_id": "toy/1", "program": "x", "extra": 1}),
            400,
            "field `extra` is not known",
        ),
        (
            json!({"problem_id": "toy/1", "program": "x", "scope": "some"}),
            400,
            "field `scope`",
        ),
        (
            json!({"problem_id": "toy/1", "program": "x", "language": "cobol"}),
            400,
            "one of python",
        ),
        (
            json!({"problem_id": "toy/1", "program": "x", "language": "go"}),
            422,
            "can't be run here",
        ),
    ] {
        let answer = post(server.address(), "/v1/judge", &body);
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        let error = &answer.json()["error"];
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{body}: {error}"
        );
        assert_eq!(error["infrastructure"], false);
        assert!(!answer.text.contains("/opt/straw"), "{answer:?}");
    }
    let twice = r#"{"problem_id": "toy/1", "problem_id": "toy/2", "program": "print 1"}"#;
    assert_eq!(
        Client::new(server.address())
            .ask("POST", "/v1/judge", Some(twice))
            .status,
        400
    );
    assert_eq!(get(server.address(), "/nowhere").status, 404);
    assert_eq!(get(server.address(), "/v1/judge").status, 405);
    assert!(straw.begun.lock().unwrap().is_empty());
}

#[test]
fn a_judge_that_fails_is_said_to_and_is_never_a_verdict() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    for program in ["break", "panic"] {
        let body = json!({"problem_id": "toy/1", "program": program});
        let answer = post(server.address(), "/v1/judge", &body);
        assert_eq!(answer.status, 500);
        let said = answer.json();
        assert_eq!(
            (&said["error"]["infrastructure"], &said["verdict"]),
            (&json!(true), &Value::Null)
        );
        assert!(!answer.text.contains("/secret/place"), "{answer:?}");
    }
    let item = |program: &str| json!({"problem_id": "toy/1", "program": program});
    let body = json!({"items": [item("print 1"), item("break"), item("print 2"), item("print 1")]});
    let answer = post(server.address(), "/v1/judge/batch", &body);
    assert_eq!(answer.status, 200);
    let said = answer.json();
    assert_eq!(said["infrastructure_failures"], 1);
    let verdicts: Vec<&Value> = said["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["verdict"])
        .collect();
    assert_eq!(
        verdicts,
        [
            &json!("accepted"),
            &Value::Null,
            &json!("wrong_answer"),
            &json!("accepted")
        ]
    );
    assert_eq!(said["results"][1]["error"]["kind"], "infrastructure");
    // A bad item is named, and nothing is judged.
    let before = straw.begun.lock().unwrap().len();
    let body = json!({"items": [item("print 1"), {"problem_id": "toy/1"}]});
    let answer = post(server.address(), "/v1/judge/batch", &body);
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("items[1]"));
    assert_eq!(straw.begun.lock().unwrap().len(), before);
    let metrics = get(server.address(), "/metrics").text;
    assert!(
        metrics.contains("rlef_failures_total{kind=\"infrastructure\"} 3"),
        "{metrics}"
    );
    assert!(
        metrics.contains("rlef_verdicts_total{verdict=\"accepted\"}"),
        "{metrics}"
    );
}

#[test]
fn an_episode_is_opened_stepped_and_graded_by_all_tests() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let fenced = |source: &str| json!({"completion": format!("```python\n{source}\n```")});
    let opened = post(
        server.address(),
        "/v1/episodes",
        &json!({"problem_id": "toy/2"}),
    )
    .json();
    assert!(opened["observation"].as_str().unwrap().contains("Say it."));
    let steps = format!(
        "/v1/episodes/{}/steps",
        opened["episode_id"].as_str().unwrap()
    );
    let step = |body: &Value| post(server.address(), &steps, body);
    let said = step(&json!({"completion": "no idea"})).json();
    assert_eq!(
        (&said["reward"], &said["done"], &said["turn"]),
        (&json!(-0.2), &json!(false), &json!(1))
    );
    let said = step(&fenced("print 3")).json();
    assert_eq!(
        (&said["reward"], &said["judged"]["verdict"]),
        (&json!(0.0), &json!("wrong_answer"))
    );
    assert!(
        said["observation"]
            .as_str()
            .unwrap()
            .contains("Expected output '2' but got '3'")
    );
    // What fails is the judge's fault: the step may be taken again.
    let failed = step(&fenced("break"));
    assert_eq!(
        (
            failed.status,
            failed.json()["error"]["infrastructure"].clone()
        ),
        (500, json!(true))
    );
    let said = step(&fenced("print 2")).json();
    // It passes what is shown, and fails what only grades.
    assert_eq!(
        (&said["done"], &said["stop_reason"]),
        (&json!(true), &json!("solved"))
    );
    assert_eq!(said["rewards"], json!([-0.2, 0.0, -1.0]));
    assert_eq!(
        (&said["outcome"]["verdict"], &said["observation"]),
        (&json!("wrong_answer"), &Value::Null)
    );
    assert!(!said.to_string().contains("secret"), "{said}");
    assert_eq!(step(&fenced("print 2")).status, 409);
    let path = steps.trim_end_matches("/steps");
    assert_eq!(
        get(server.address(), path).json()["rewards"],
        json!([-0.2, 0.0, -1.0])
    );
    assert_eq!(
        Client::new(server.address())
            .ask("DELETE", path, None)
            .status,
        200
    );
    assert_eq!(get(server.address(), path).status, 404);
}

#[test]
fn who_hangs_up_during_a_step_finds_the_episode_as_it_was() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let opened = post(
        server.address(),
        "/v1/episodes",
        &json!({"problem_id": "toy/1"}),
    )
    .json();
    let path = format!("/v1/episodes/{}", opened["episode_id"].as_str().unwrap());
    let mut client = Client::new(server.address());
    let body = json!({"completion": "```python\nwait\n```"}).to_string();
    client.send("POST", &format!("{path}/steps"), Some(&body));
    eventually("the step", || straw.running.load(Ordering::SeqCst) == 1);
    let busy = post(
        server.address(),
        &format!("{path}/steps"),
        &json!({"completion": "x"}),
    );
    assert_eq!(busy.status, 409);
    drop(client);
    eventually("the end of the step", || {
        straw.cancelled.load(Ordering::SeqCst) == 1
    });
    assert_eq!(get(server.address(), &path).json()["turn"], 0);
    let again = json!({"completion": "```python\nprint 1\n```"});
    eventually("the next step", || {
        post(server.address(), &format!("{path}/steps"), &again).status == 200
    });
}

#[test]
fn problems_are_listed_without_what_only_grades_and_hosts_paths_are_not_told() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let of = |path: &str| {
        let answer = get(server.address(), path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        for told in ["secret", "/opt/straw"] {
            assert!(!answer.text.contains(told), "{path}: {answer:?}");
        }
        answer.json()
    };
    let all = of("/v1/problems");
    assert_eq!((&all["total"], &all["sets"]), (&json!(3), &json!(["toy"])));
    assert_eq!(all["problems"][1]["private_tests"], 1);
    let some = of("/v1/problems?offset=2&limit=1&set=toy");
    assert_eq!(some["problems"][0]["id"], "7");
    let one = of("/v1/problems/toy/2");
    assert_eq!(
        (&one["statement"], &one["tests"][0]["expected"]),
        (&json!("Say it."), &json!("2"))
    );
    assert!(of("/v1/languages")["languages"].as_array().unwrap().len() > 5);
    assert_eq!(of("/v1/protections")["isolation"], "straw");
    assert_eq!(of("/v1/version")["api"], 1);
    assert_eq!(of("/health")["status"], "healthy");
}

/// The document names every route, and answers have the fields that it says they have.
#[test]
fn the_document_describes_what_is_there() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let document = get(server.address(), "/v1/openapi.json").json();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/native.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let routes: BTreeSet<&str> = source
        .split("\"/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| path.starts_with("v1/") || ["health", "metrics"].contains(path))
        .collect();
    let named: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(|path| path.trim_start_matches('/').replace("{id}", "{*id}"))
        .map(|path| {
            if path.starts_with("v1/episodes") {
                path.replace("{*id}", "{id}")
            } else {
                path
            }
        })
        .collect();
    let routes: BTreeSet<String> = routes.into_iter().map(str::to_owned).collect();
    assert_eq!(named, routes);
    let fields = |name: &str| -> BTreeSet<String> {
        let properties = &document["components"]["schemas"][name]["properties"];
        properties
            .as_object()
            .unwrap_or_else(|| panic!("{name}"))
            .keys()
            .cloned()
            .collect()
    };
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let judged = post(
        server.address(),
        "/v1/judge",
        &json!({"problem_id": "toy/2", "program": "print 3"}),
    )
    .json();
    assert_eq!(keys(&judged), fields("Judged"));
    assert_eq!(keys(&judged["first_failure"]), fields("Failure"));
    assert_eq!(keys(&judged["usage"]), fields("Usage"));
    let opened = post(
        server.address(),
        "/v1/episodes",
        &json!({"problem_id": "toy/2"}),
    )
    .json();
    assert_eq!(keys(&opened), fields("Opened"));
    let steps = format!(
        "/v1/episodes/{}/steps",
        opened["episode_id"].as_str().unwrap()
    );
    let said = post(server.address(), &steps, &json!({"completion": ""})).json();
    assert_eq!(keys(&said), fields("Step"));
    let error = post(server.address(), "/v1/judge", &json!({})).json();
    assert_eq!(keys(&error["error"]), fields("Error"));
    for (path, name) in [
        ("/v1/problems", "Problems"),
        ("/v1/problems/toy/1", "Problem"),
        ("/v1/version", "Version"),
        ("/v1/protections", "Protections"),
        ("/health", "Health"),
    ] {
        assert_eq!(
            keys(&get(server.address(), path).json()),
            fields(name),
            "{path}"
        );
    }
    // All fields of a request are taken.
    for (path, name) in [("/v1/judge", "Judge"), ("/v1/episodes", "Open")] {
        let known = fields(name);
        for field in &known {
            let answer = post(server.address(), path, &json!({field: {"odd": 1}}));
            assert!(
                !answer.text.contains("is not known"),
                "{path} {field}: {answer:?}"
            );
        }
    }
}

#[test]
fn who_has_no_token_gets_nothing_but_health() {
    let straw = Straw::new(1);
    let tokens = vec![
        Token::new("one-long-token-of-ours"),
        Token::new("another-long-token"),
    ];
    let config = Config { tokens, ..config() };
    let server =
        Server::start(config, straw.clone() as std::sync::Arc<dyn Machine>, sets()).unwrap();
    let body = json!({"problem_id": "toy/1", "program": "print 1"});
    let with =
        |header: &str, path: &str| Client::new(server.address()).with(header).post(path, &body);
    for header in [
        "X-Nothing: 1",
        "Authorization: Bearer wrong-token-of-theirs",
        "Authorization: Bearer one-long-token-of-our",
        "Authorization: one-long-token-of-ours",
        "Authorization: Basic b25l",
    ] {
        for path in [
            "/v1/judge",
            "/run_code",
            "/reset",
            "/slime",
            "/verify",
            "/api/v2/execute",
        ] {
            let answer = with(header, path);
            assert_eq!(answer.status, 401, "{header} {path}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    for path in ["/metrics", "/v1/problems", "/v1/version", "/ws", "/v1/ping"] {
        assert_eq!(get(server.address(), path).status, 401, "{path}");
    }
    assert_eq!(get(server.address(), "/health").status, 200);
    assert_eq!(
        with("Authorization: Bearer another-long-token", "/v1/judge").status,
        200
    );
    // As http://any:TOKEN@host has it.
    let basic = "Authorization: Basic YW55OmFub3RoZXItbG9uZy10b2tlbg==";
    assert_eq!(with(basic, "/v1/judge").status, 200);
    assert_eq!(straw.begun.lock().unwrap().len(), 2);
}

#[test]
fn pages_of_the_web_are_kept_out() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let body = json!({"problem_id": "toy/1", "program": "print 1"});
    let page = Client::new(server.address())
        .with("Origin: http://evil.example")
        .post("/v1/judge", &body);
    assert_eq!(page.status, 403);
    // Nor may one of them send what needs no leave.
    let text = body.to_string();
    let mut client = Client::new(server.address());
    let head = format!(
        "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    std::io::Write::write_all(&mut client.stream, head.as_bytes()).unwrap();
    assert_eq!(client.receive().unwrap().status, 415);
    let mut client = Client::new(server.address());
    std::io::Write::write_all(
        &mut client.stream,
        b"GET /v1/problems HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    )
    .unwrap();
    assert_eq!(client.receive().unwrap().status, 403);
    assert!(straw.begun.lock().unwrap().is_empty());
}
