//! SandboxFusion: runs and submissions, field for field.

use rlef_serve::Bounds;
use serde_json::{Value, json};

use super::keys;
use crate::client::{get, post};
use crate::straw::{Straw, server};

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
            json!({"language": "sql"}),
            200,
            "sql programs can't be run here",
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
