//! Piston: runs with files.

use rlef_serve::Bounds;
use serde_json::{Value, json};

use super::keys;
use crate::client::{Client, get, post};
use crate::straw::{Straw, server};

#[test]
fn piston_executes_with_files_and_says_how_it_ended() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let body = json!({
        "language": "python", "version": "3.x", "stdin": "in", "args": [],
        "files": [{"name": "main.py", "content": "echo"}, {"name": "data/x.bin", "content": "00ff", "encoding": "hex"}],
        "compile_timeout": 10000, "run_timeout": 3000, "compile_memory_limit": -1, "run_memory_limit": -1,
    });
    for path in ["/api/v2/execute", "/piston/api/v2/execute"] {
        let said = post(server.address(), path, &body).json();
        assert_eq!(keys(&said), ["language", "run", "version"]);
        assert_eq!(
            (&said["language"], &said["version"]),
            (&json!("python"), &json!("3.11.2"))
        );
        let expected = [
            "code",
            "cpu_time",
            "memory",
            "message",
            "output",
            "signal",
            "status",
            "stderr",
            "stdout",
            "wall_time",
        ];
        assert_eq!(keys(&said["run"]), expected);
        assert_eq!(
            (
                &said["run"]["stdout"],
                &said["run"]["code"],
                &said["run"]["signal"]
            ),
            (&json!("in"), &json!(0), &Value::Null)
        );
    }
    for (change, words) in [
        (json!({"version": "2"}), "python-2 runtime is unknown"),
        (json!({"language": "cow"}), "cow-3.x runtime is unknown"),
        (json!({"files": 1}), "files is required as an array"),
        (
            json!({"files": [{"name": "x"}]}),
            "files[0].content is required as a string",
        ),
        (json!({"args": ["x"]}), "args"),
        (json!({"version": null}), "version is required as a string"),
    ] {
        let mut body = body.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = post(server.address(), "/api/v2/execute", &body);
        assert_eq!(answer.status, 400, "{change}: {answer:?}");
        assert!(
            answer.json()["message"].as_str().unwrap().contains(words),
            "{answer:?}"
        );
    }
    let runtimes = get(server.address(), "/api/v2/runtimes").json();
    assert_eq!(
        runtimes[0],
        json!({"language": "python", "version": "3.11.2", "aliases": []})
    );
    let broken = json!({"language": "python", "version": "*", "files": [{"content": "break"}]});
    assert_eq!(
        post(server.address(), "/api/v2/execute", &broken).status,
        500
    );
    assert_eq!(
        Client::new(server.address()).get("/api/v2/execute").status,
        405
    );
}
