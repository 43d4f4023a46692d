//! Episodes.

use std::sync::atomic::Ordering;

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{Client, get, post};
use crate::straw::{Straw, eventually, server};

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

/// A caller that lost the answer to a step sends it again.
#[test]
fn a_step_that_names_its_turn_is_taken_once() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let body = json!({"problem_id": "toy/2"});
    let opened = post(server.address(), "/v1/episodes", &body).json();
    let name = opened["episode_id"].as_str().unwrap();
    let steps = format!("/v1/episodes/{name}/steps");
    let step = |source: &str, turn: usize| {
        let body = json!({"completion": format!("```python\n{source}\n```"), "turn": turn});
        post(server.address(), &steps, &body)
    };
    let refused = |reply: crate::client::Answer, words: &str| {
        let said = reply.json()["error"]["message"].to_string();
        assert!(reply.status == 409 && said.contains(words), "{said}");
    };
    refused(step("print 3", 1), "stands at turn 0");
    let first = step("print 3", 0).json();
    assert_eq!(first["turn"], 1);
    assert_eq!(step("print 3", 0).json(), first);
    refused(step("print 4", 0), "with another answer");
    // What failed was not taken.
    assert_eq!(step("break", 1).status, 500);
    let last = step("print 2", 1).json();
    assert_eq!((&last["turn"], &last["done"]), (&json!(2), &json!(true)));
    assert_eq!(step("print 2", 1).json(), last);
    refused(step("print 3", 0), "stands at turn 2");
    refused(step("print 2", 2), "over");
    let state = get(server.address(), steps.trim_end_matches("/steps")).json();
    assert_eq!(state["rewards"], last["rewards"]);
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
