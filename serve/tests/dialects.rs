//! The interfaces of others, by requests as their clients send them, on a machine of straw.

use std::sync::atomic::Ordering;

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{Client, Socket, get, post};
use crate::straw::{Straw, eventually, server};

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// The fields that verl 0.9.1 sends and reads.
#[test]
fn sandbox_fusion_runs_code_field_for_field() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let body = json!({
        "compile_timeout": 5, "run_timeout": 5, "code": "echo", "stdin": "4\n", "memory_limit_MB": 1024,
        "language": "python", "files": {}, "fetch_files": [],
    });
    for path in ["/run_code", "/sandboxfusion/run_code"] {
        let answer = post(server.address(), path, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json();
        let expected = [
            "compile_result",
            "executor_pod_name",
            "files",
            "message",
            "run_result",
            "status",
        ];
        assert_eq!(keys(&said), expected);
        assert_eq!(
            (&said["status"], &said["message"], &said["compile_result"]),
            (&json!("Success"), &json!(""), &Value::Null)
        );
        let expected = [
            "execution_time",
            "return_code",
            "status",
            "stderr",
            "stdout",
        ];
        assert_eq!(keys(&said["run_result"]), expected);
        assert_eq!(
            (&said["run_result"]["status"], &said["run_result"]["stdout"]),
            (&json!("Finished"), &json!("4\n"))
        );
        assert_eq!(
            (&said["run_result"]["return_code"], &said["files"]),
            (&json!(0), &json!({}))
        );
    }
    // Defaults, null and a compiled language.
    let least = post(
        server.address(),
        "/run_code",
        &json!({"code": "echo", "language": "cpp", "stdin": null}),
    )
    .json();
    assert_eq!(
        (
            &least["compile_result"]["return_code"],
            &least["run_result"]["stdout"]
        ),
        (&json!(0), &json!(""))
    );
    let files = json!({
        "code": "print 1", "language": "python", "files": {"a/b.txt": "aGk=", "none": null, "IGNORE_THIS_FILE": "!"},
        "fetch_files": ["a/b.txt", "nowhere"],
    });
    let said = post(server.address(), "/run_code", &files).json();
    assert_eq!(
        (&said["status"], &said["files"]),
        (&json!("Success"), &json!({"a/b.txt": "aGk="}))
    );
    for (change, status, words) in [
        (
            json!({"language": "php"}),
            200,
            "php programs can't be run here",
        ),
        (json!({"language": "go"}), 200, "can't be run here"),
        (json!({"language": "cobol"}), 422, "language"),
        (json!({"code": null}), 422, "code"),
        (json!({"run_timeout": -1}), 422, "run_timeout"),
        (json!({"run_timeout": 1e9}), 422, "run_timeout"),
        (json!({"files": {"a": "%"}}), 422, "files.a"),
        (
            json!({"memory_limit_MB": 1_000_000_000}),
            422,
            "memory_limit_MB",
        ),
    ] {
        let mut body = body.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = post(server.address(), "/run_code", &body);
        assert_eq!(answer.status, status, "{change}: {answer:?}");
        assert!(answer.text.contains(words), "{change}: {answer:?}");
        let said = answer.json();
        assert!(
            said["status"] == "SandboxError" || said["detail"].is_string(),
            "{said}"
        );
    }
    assert_eq!(get(server.address(), "/v1/ping").json(), "pong");
    let cells = json!({"cells": ["1"], "cell_timeout": 0, "total_timeout": 45, "kernel": "python3", "files": {}, "fetch_files": []});
    let answer = post(server.address(), "/run_jupyter", &cells);
    assert_eq!(
        (answer.status, answer.json()["status"].clone()),
        (501, json!("SandboxError"))
    );
}

#[test]
fn sandbox_fusion_submits_and_lists_its_data_sets() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let config = json!({
        "dataset_type": "CommonOJDataset", "language": "python", "locale": null, "is_fewshot": null,
        "compile_timeout": null, "run_timeout": 3, "custom_extract_logic": null,
        "provided_data": {"id": 1, "content": "", "test": [
            {"input": {"stdin": "a"}, "output": {"stdout": "1"}}, {"input": {"stdin": "b"}, "output": {"stdout": "2"}},
        ]},
        "extra": {"run_all_cases": true, "return_full_case": false},
    });
    let completion = "```python\nprint 1\n```";
    let body = json!({"dataset": "any", "id": 1, "completion": completion, "config": config});
    let said = post(server.address(), "/submit", &body).json();
    let expected = [
        "accepted",
        "extra",
        "extracted_code",
        "extracted_type",
        "full_code",
        "id",
        "test_code",
        "tests",
    ];
    assert_eq!(keys(&said), expected);
    assert_eq!(
        (&said["id"], &said["accepted"], &said["extracted_code"]),
        (&json!(1), &json!(false), &json!("print 1"))
    );
    let tests = said["tests"].as_array().unwrap();
    assert_eq!(
        (&tests[0]["passed"], &tests[1]["passed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(keys(&tests[0]), ["exec_info", "passed", "test_info"]);
    assert_eq!(
        tests[0]["test_info"],
        json!({"input": {"stdin": "a"}, "output": {"stdout": "1"}})
    );
    assert_eq!(tests[1]["exec_info"]["run_result"]["stdout"], "1");
    assert_eq!(tests[0]["exec_info"]["status"], "Success");
    // Of what is served, what only grades shows nothing.
    let config = json!({"language": "python"});
    let body = json!({"dataset": "toy", "id": 2, "completion": "```python\nprint 2\n```", "config": config});
    let answer = post(server.address(), "/submit", &body);
    let said = answer.json();
    assert_eq!(
        (&said["accepted"], &said["tests"][1]["test_info"]),
        (&json!(false), &Value::Null),
        "{said}"
    );
    assert!(!answer.text.contains("secret"), "{answer:?}");
    let body = json!({"dataset": "toy", "id": "toy/1", "completion": "nothing", "config": config});
    let said = post(server.address(), "/submit", &body).json();
    assert_eq!(
        (&said["accepted"], &said["extracted_code"], &said["tests"]),
        (&json!(false), &json!(""), &json!([]))
    );
    // A failing judge is no verdict.
    let body = json!({"dataset": "toy", "id": "7", "completion": "```python\nbreak\n```", "config": config});
    assert_eq!(post(server.address(), "/submit", &body).status, 500);
    let mut no_language = body.clone();
    no_language["config"] =
        json!({"dataset_type": "CommonOJDataset", "provided_data": {"test": []}});
    assert_eq!(post(server.address(), "/submit", &no_language).status, 400);
    let mut logic = body.clone();
    logic["config"]["custom_extract_logic"] = json!("import os");
    assert_eq!(post(server.address(), "/submit", &logic).status, 422);
    assert_eq!(
        get(server.address(), "/list_datasets").json(),
        json!(["toy"])
    );
    let some = json!({"dataset": "toy", "config": {}, "offset": 1, "limit": 2});
    assert_eq!(
        post(server.address(), "/list_ids", &some).json(),
        json!(["toy/2", 7])
    );
    let prompts = post(server.address(), "/get_prompts", &some).json();
    assert_eq!(keys(&prompts[0]), ["id", "labels", "prompt"]);
    assert!(prompts[0]["prompt"].as_str().unwrap().contains("Say it."));
    let one = json!({"dataset": "toy", "config": {}, "id": 7});
    assert_eq!(
        post(server.address(), "/get_prompt_by_id", &one).json()["id"],
        7
    );
    let none = json!({"dataset": "nothing", "config": {}});
    assert_eq!(post(server.address(), "/list_ids", &none).status, 400);
    assert_eq!(
        post(
            server.address(),
            "/get_metrics",
            &json!({"dataset": "toy", "config": {}, "results": []})
        )
        .json(),
        json!({})
    );
}

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

#[test]
fn openrlhf_and_slime_get_numbers_and_a_failure_is_none() {
    let straw = Straw::new(2);
    let server = server(&straw, Bounds::default());
    let fenced = |source: &str| format!("```python\n{source}\n```");
    // The prompt has code of its own, which is none of the answer's.
    let prompt = format!("Like {}", fenced("print 9"));
    let own = json!({"inputs": ["x"], "outputs": ["5"]});
    let body = json!({
        "query": [format!("{prompt}{}", fenced("print 7")), format!("{prompt} no"), fenced("print 5"), fenced("print 5")],
        "prompts": [prompt, prompt, "", ""],
        "labels": ["7", 7, own, own.to_string()],
    });
    for path in ["/openrlhf", "/openrlhf/get_reward"] {
        let said = post(server.address(), path, &body).json();
        assert_eq!(
            (&said["rewards"], &said["scores"]),
            (&json!([1.0, 0.0, 1.0, 1.0]), &json!([1.0, 0.0, 1.0, 1.0]))
        );
        assert_eq!(
            said["extra_logs"]["passed_tests"],
            json!([1.0, 0.0, 1.0, 1.0])
        );
    }
    let broken = json!({"query": [fenced("break"), fenced("print 7")], "prompts": ["", ""], "labels": ["7", "7"]});
    let answer = post(server.address(), "/openrlhf", &broken);
    assert_eq!(answer.status, 500);
    assert_eq!(keys(&answer.json()), ["error"]);
    let uneven = json!({"query": ["x"], "prompts": [], "labels": []});
    assert_eq!(post(server.address(), "/openrlhf", &uneven).status, 400);
    let slime = |response: &str, label: Value| {
        let body = json!({"prompt": "p", "response": response, "label": label});
        post(server.address(), "/slime", &body)
    };
    assert_eq!(slime(&fenced("print 7"), json!("7")).json(), json!(1.0));
    assert_eq!(
        slime(&fenced("print 8"), json!({"problem_id": "7"})).json(),
        json!(0.0)
    );
    assert_eq!(slime(&fenced("break"), json!("7")).status, 500);
    assert_eq!(slime("x", json!("none")).status, 404);
    assert_eq!(slime("x", json!([1])).status, 400);
}

#[test]
fn nemo_gym_gets_its_request_back_with_a_reward_or_a_mask() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let verify = |text: &str, tests: Value| {
        let body = json!({
            "responses_create_params": {"input": [{"role": "user", "content": "q"}]},
            "response": {"id": "r", "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]},
            ]},
            "verifier_metadata": {"unit_tests": tests, "difficulty": "easy"},
            "agent_ref": {"name": "a"},
        });
        let answer = post(server.address(), "/nemo-gym/verify", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let said = answer.json();
        for field in [
            "responses_create_params",
            "response",
            "verifier_metadata",
            "agent_ref",
        ] {
            assert_eq!(said[field], body[field]);
        }
        assert_eq!(said["difficulty"], "easy");
        said
    };
    let tests = json!({"inputs": ["a", "b"], "outputs": ["1", "1"], "fn_name": null});
    let said = verify("```python\nprint 1\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"], &said["result"]),
        (&json!(1.0), &json!(false), &json!([true, true]))
    );
    assert_eq!(
        (&said["extracted_model_code"], &said["failure_kind"]),
        (&json!("print 1"), &Value::Null)
    );
    let said = verify("```python\nprint 2\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["metadata"]["error_code"]),
        (&json!(0.0), &json!(-2))
    );
    let said = verify(" ", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"]),
        (&json!(0.0), &json!(false))
    );
    let said = verify("```python\nbreak\n```", tests.clone());
    assert_eq!(
        (&said["reward"], &said["mask_sample"], &said["failure_kind"]),
        (&json!(0.0), &json!(true), &json!("rlef:infrastructure"))
    );
    assert!(said["failure_reason"].is_string());
    // Packed, as zlib and base64.
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, tests.to_string().as_bytes()).unwrap();
    let packed = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        packer.finish().unwrap(),
    );
    let said = verify(
        "```python\nprint 1\n```",
        json!({"packed": packed, "fn_name": null}),
    );
    assert_eq!(said["reward"], 1.0);
    assert_eq!(
        post(server.address(), "/seed_session", &json!({"anything": 1})).json(),
        json!({})
    );
    let seed =
        json!({"resources_session_id": "s", "episode_id": "e", "task_id": "t", "task_data": {}});
    assert_eq!(
        post(server.address(), "/seed_session", &seed).json(),
        json!({"resources_session_id": "s"})
    );
    assert_eq!(
        post(server.address(), "/close_session", &seed).json()["resources_session_id"],
        "s"
    );
    assert_eq!(get(server.address(), "/reverify_mode").json(), "stateless");
    let all = json!({"verify_responses": [{"reward": 1.0}, {"reward": 0.0}, {"reward": 0.0, "mask_sample": true}]});
    let said = post(server.address(), "/aggregate_metrics", &all).json();
    assert_eq!(
        (
            &said["agent_metrics"]["mean/reward"],
            &said["agent_metrics"]["masked_samples"]
        ),
        (&json!(0.5), &json!(1))
    );
}

#[test]
fn open_instruct_gets_a_bit_a_test() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let tests = json!([{"input": "1", "output": "1"}, {"input": "2", "output": "2"}]);
    for tests in [tests.clone(), tests.to_string().into()] {
        let body = json!({"program": "print 1", "tests": tests, "max_execution_time": 2.0});
        let said = post(server.address(), "/test_program_stdio", &body).json();
        assert_eq!(said["results"], json!([1, 0]));
        assert_eq!(
            (
                said["runtimes"][0].as_f64().unwrap() > 0.0,
                &said["runtimes"][1]
            ),
            (true, &json!(-1.0))
        );
    }
    let none = json!({"program": "x", "tests": []});
    assert_eq!(
        post(server.address(), "/test_program", &none).json(),
        json!({"results": [], "runtimes": []})
    );
    let broken = json!({"program": "break", "tests": tests});
    let answer = post(
        server.address(),
        "/open-instruct/test_program_stdio",
        &broken,
    );
    assert_eq!((answer.status, keys(&answer.json())), (500, vec!["detail"]));
    for tests in [
        json!("eJw="),
        json!([{"input": "1"}]),
        json!(["f(1) == 2"]),
        json!(7),
    ] {
        let path = if tests[0].is_object() {
            "/test_program_stdio"
        } else {
            "/test_program"
        };
        let answer = post(
            server.address(),
            path,
            &json!({"program": "x", "tests": tests}),
        );
        assert_eq!(answer.status, 422, "{tests}: {answer:?}");
    }
}

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
