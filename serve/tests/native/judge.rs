//! Verdicts, and what is said where there is none.

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{Client, get, post};
use crate::straw::{Straw, server};

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
