//! What is served, and the document that describes it.

use std::collections::BTreeSet;

use rlef_serve::Bounds;
use serde_json::{Value, json};

use crate::client::{get, post};
use crate::straw::{Straw, server};

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
