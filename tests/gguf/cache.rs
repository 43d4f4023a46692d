//! `rlef import`, and a GGUF file wherever a policy is named.

use std::path::Path;

use super::super::cli::{refused, rlef, write};
use super::{Field, made, speaking};

fn model(at: &Path) {
    let made = made();
    let file = speaking(&made.vocabularies["smollm"]);
    let file = file.with("llama.context_length", Field::U32(512));
    file.write(&at.join("model.gguf"));
}

#[test]
fn a_file_is_imported_into_a_folder_that_is_whole_or_not_there() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    model(at);
    let output = rlef(at, &["import", "model.gguf", "--out", "a/model"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("Llama") && said.contains("F32"), "{said}");
    let mut names: Vec<_> = std::fs::read_dir(at.join("a/model"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    refused(
        at,
        &["import", "model.gguf", "--out", "a/model"],
        2,
        &["exists already"],
    );
    refused(
        at,
        &["import", "a/model", "--out", "b"],
        2,
        &["is a folder"],
    );
    refused(
        at,
        &["import", "none.gguf", "--out", "b"],
        2,
        &["none.gguf"],
    );
    let bytes = std::fs::read(at.join("model.gguf")).unwrap();
    std::fs::write(at.join("cut.gguf"), &bytes[..bytes.len() / 2]).unwrap();
    refused(
        at,
        &["import", "cut.gguf", "--out", "b/c"],
        2,
        &["cut.gguf", "cut short"],
    );
    let left = std::fs::read_dir(at.join("b")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn a_file_is_a_policy_and_is_imported_once_for_its_content() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    model(at);
    write(
        at,
        "p.jsonl",
        r#"{"id":"p","statement":"Add one.","public_tests":[{"kind":"stdin","input":"1\n","expected":"2"}]}"#,
    );
    let arguments = |policy: &'static str, out: &'static str| {
        [
            "eval",
            "--policy",
            policy,
            "--problems",
            "p.jsonl",
            "--turns",
            "1",
            "--rollouts",
            "1",
            "--max-tokens",
            "4",
            "--out",
            out,
        ]
    };
    let run = |arguments: &[&str]| {
        let output = rlef(at, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    };
    assert!(run(&arguments("model.gguf", "a.json")).contains("importing model.gguf"));
    std::fs::copy(at.join("model.gguf"), at.join("other-name")).unwrap();
    assert!(!run(&arguments("other-name", "b.json")).contains("importing"));
    assert_eq!(std::fs::read_dir(at.join("cache/gguf")).unwrap().count(), 1);
    // The same policy by its hash, and the same as the folder that it is imported into.
    run(&["import", "model.gguf", "--out", "folder"]);
    run(&arguments("folder", "c.json"));
    let record = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(at.join(name)).unwrap()).unwrap()
    };
    let (a, b, c) = (record("a.json"), record("b.json"), record("c.json"));
    let hash = |record: &serde_json::Value| record["provenance"]["policy"]["hash"].clone();
    assert_eq!((hash(&a), hash(&a)), (hash(&b), hash(&c)));
    assert!(hash(&a).is_string());
    assert_eq!(a["problems"], c["problems"]);
    assert_ne!(a["problems"], serde_json::Value::Null);
    // What isn't GGUF after all is refused as that.
    write(at, "text.gguf", "no model");
    refused(
        at,
        &arguments("text.gguf", "d.json"),
        2,
        &["text.gguf", "GGUF"],
    );
}

/// What is trained beside a file's weights names the file, and is a policy with it.
#[test]
fn an_adapter_of_a_file_finds_it_again() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    model(at);
    let rows = r#"{"prompt": "Add one.", "completion": "x = 1"}"#;
    write(at, "texts.jsonl", &format!("{rows}\n{rows}\n"));
    let run = |arguments: &[&str]| {
        let output = rlef(at, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    };
    run(&[
        "train",
        "--policy",
        "model.gguf",
        "--objective",
        "sft",
        "--data",
        "texts.jsonl",
        "--rounds",
        "1",
        "--run",
        "run",
        "--set",
        "lora.rank=2",
        "--set",
        "problems_per_round=2",
        "--set",
        "updates_per_round=1",
        "--set",
        "evaluation.problems=",
        "--set",
        "validation.problems=",
    ]);
    let settings = at.join("run/checkpoints/000001/adapter_config.json");
    let settings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(settings).unwrap()).unwrap();
    assert_eq!(settings["base_model_name_or_path"], "model.gguf");
    let trained = "run/checkpoints/000001";
    run(&["export", "--policy", trained, "--out", "merged"]);
    std::fs::rename(at.join("model.gguf"), at.join("elsewhere.gguf")).unwrap();
    let arguments = ["export", "--policy", trained, "--out", "again"];
    refused(at, &arguments, 2, &["model.gguf", "neither a folder"]);
}

/// What a set's own solutions solve, and demonstrations of those that do.
#[test]
fn references_are_a_policy_that_demonstrations_can_be_made_of() {
    let place = tempfile::tempdir().unwrap();
    let at = place.path();
    let problem = |id: &str, source: &str| {
        format!(
            r#"{{"id":"{id}","statement":"Add one.","public_tests":[{{"kind":"stdin","input":"1\n","expected":"2"}}],"references":[{{"language":"python","source":"{source}"}}]}}"#
        )
    };
    let rows = [problem("right", "print(2)"), problem("wrong", "print(3)")];
    write(at, "p.jsonl", &rows.join("\n"));
    let play = |problems| {
        rlef(
            at,
            &[
                "eval",
                "--policy",
                "references",
                "--problems",
                problems,
                "--turns",
                "1",
                "--rollouts",
                "1",
                "--style",
                "full",
                "--journal",
                "j.jsonl",
            ],
        )
    };
    assert_eq!(play("p.jsonl").status.code(), Some(0));
    let arguments = [
        "rft",
        "--journal",
        "j.jsonl",
        "--problems",
        "p.jsonl",
        "--style",
        "full",
        "--out",
        "d.jsonl",
    ];
    assert_eq!(rlef(at, &arguments).status.code(), Some(0));
    let text = std::fs::read_to_string(at.join("d.jsonl")).unwrap();
    assert!(
        text.lines().count() == 1 && text.contains(r"```python\nprint(2)\n```"),
        "{text}"
    );
    // A problem that brings none has no answer.
    std::fs::remove_file(at.join("j.jsonl")).unwrap();
    write(at, "none.jsonl", &rows[0].replace("references", "wrong"));
    let output = play("none.jsonl");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("brings 0 solutions of its own"));
}
