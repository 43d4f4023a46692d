//! OpenEnv: episodes by socket and by requests.

use std::sync::atomic::Ordering;

use rlef_serve::Bounds;
use serde_json::{Value, json};

use super::keys;
use crate::client::{Socket, get, post};
use crate::straw::{Straw, eventually, server};

#[test]
fn openenv_plays_an_episode_by_socket() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    for path in ["/ws", "/openenv/ws"] {
        let mut socket = Socket::connect(server.address(), path);
        let said = socket.ask(&json!({"type": "step", "data": {"completion": "x"}}));
        assert_eq!(
            (&said["type"], &said["data"]["code"]),
            (&json!("error"), &json!("SESSION_ERROR"))
        );
        let said =
            socket.ask(&json!({"type": "reset", "data": {"seed": 1, "problem_id": "toy/2"}}));
        assert_eq!(said["type"], "observation");
        assert_eq!(
            keys(&said["data"]),
            ["done", "metadata", "observation", "reward"]
        );
        assert!(
            said["data"]["observation"]["message"]
                .as_str()
                .unwrap()
                .contains("Say it.")
        );
        assert_eq!(
            (&said["data"]["done"], &said["data"]["reward"]),
            (&json!(false), &Value::Null)
        );
        let said = socket.ask(&json!({"type": "state"}));
        assert_eq!(
            (&said["type"], &said["data"]["step_count"]),
            (&json!("state"), &json!(0))
        );
        let said =
            socket.ask(&json!({"type": "step", "data": {"code": "```python\nprint 3\n```"}}));
        assert_eq!(
            (&said["data"]["reward"], &said["data"]["done"]),
            (&json!(0.0), &json!(false))
        );
        assert!(
            said["data"]["observation"]["message"]
                .as_str()
                .unwrap()
                .contains("but got '3'")
        );
        let said =
            socket.ask(&json!({"type": "step", "data": {"completion": "```python\nbreak\n```"}}));
        assert_eq!(said["data"]["code"], "EXECUTION_ERROR");
        let said = socket.ask(&json!({"type": "step", "data": {"completion": "```python\nprint 2\n```", "metadata": {}}}));
        assert_eq!(
            (&said["data"]["reward"], &said["data"]["done"]),
            (&json!(-1.0), &json!(true))
        );
        assert_eq!(said["data"]["observation"]["rewards"], json!([0.0, -1.0]));
        assert!(!said.to_string().contains("secret"));
        for (message, code) in [
            (json!({"type": "mcp"}), "UNKNOWN_TYPE"),
            (
                json!({"type": "step", "data": {"completion": 1}}),
                "VALIDATION_ERROR",
            ),
            (
                json!({"type": "reset", "data": {"problem_id": "none"}}),
                "VALIDATION_ERROR",
            ),
            (
                json!({"type": "reset", "data": {"odd": 1}}),
                "VALIDATION_ERROR",
            ),
            (json!(7), "INVALID_JSON"),
        ] {
            assert_eq!(socket.ask(&message)["data"]["code"], code, "{message}");
        }
        socket.send(&json!({"type": "close"}).to_string());
        assert!(socket.receive().is_none());
    }
    // The same seed draws the same problem.
    let drawn = |seed: u64| {
        let said = post(server.address(), "/reset", &json!({"seed": seed})).json();
        said["metadata"]["problem_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(drawn(5), drawn(5));
    assert!(
        (0..40)
            .map(drawn)
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            == 3
    );
}

#[test]
fn openenv_plays_an_episode_by_requests() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let reset = json!({"episode_id": "mine", "problem_id": "7"});
    let said = post(server.address(), "/reset", &reset).json();
    assert_eq!(said["metadata"]["episode_id"], "mine");
    assert_eq!(post(server.address(), "/reset", &reset).status, 409);
    let step = json!({"action": {"completion": "```python\nprint 7\n```"}, "episode_id": "mine", "timeout_s": 5});
    let said = post(server.address(), "/openenv/step", &step).json();
    assert_eq!(
        (&said["reward"], &said["done"]),
        (&json!(1.0), &json!(true))
    );
    assert_eq!(
        get(server.address(), "/state?episode_id=mine").json()["step_count"],
        1
    );
    let nameless = json!({"action": {"completion": "x"}});
    assert_eq!(post(server.address(), "/step", &nameless).status, 422);
    let schema = get(server.address(), "/schema").json();
    assert_eq!(
        keys(&schema),
        ["action", "observation", "reset_observation", "state"]
    );
    assert_eq!(
        get(server.address(), "/openenv/health").json()["status"],
        "healthy"
    );
    assert_eq!(get(server.address(), "/metadata").json()["name"], "rlef");
    assert_eq!(get(server.address(), "/ws").status, 426);
}

#[test]
fn who_leaves_a_socket_ends_his_step() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let mut socket = Socket::connect(server.address(), "/ws");
    socket.ask(&json!({"type": "reset", "data": {"problem_id": "7"}}));
    socket
        .send(&json!({"type": "step", "data": {"completion": "```python\nwait\n```"}}).to_string());
    eventually("the step", || straw.running.load(Ordering::SeqCst) == 1);
    drop(socket);
    eventually("its end", || straw.cancelled.load(Ordering::SeqCst) == 1);
    eventually("nothing of it is left", || {
        get(server.address(), "/metrics")
            .text
            .contains("rlef_episodes 0")
    });
}
