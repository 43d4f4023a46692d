//! A chat template in a file of its own: it speaks in place of the checkpoint's, is recorded, and is refused by file and line.

use std::path::Path;

use rlef::checkpoint;
use rlef::checkpoint::template_file::TemplateFile;
use rlef::checkpoint::tokenizer::{Place, Tokenizer};
use serde_json::Value;

use crate::cli::{refused, rlef, starter, write};
use crate::hostile_models::{TEMPLATE, model};

/// Says more around what is said than `TEMPLATE`.
const OTHER: &str = "{% for m in messages %}{% if m.role == 'user' %}<|user|>Task: {{ m.content }}\nAnswer:<|assistant|>{% else %}{{ m.content }}<|end|>{% endif %}{% endfor %}\n";

const PROBLEMS: &str = r#"{"id":"p","statement":"Add one.","public_tests":[{"kind":"stdin","input":"1\n","expected":"2"}]}
{"id":"q","statement":"Add two.","public_tests":[{"kind":"stdin","input":"1\n","expected":"3"}]}
"#;

/// A model of others with `TEMPLATE`, one without any, and a template in a file.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["model", "base"] {
        std::fs::create_dir(at.join(name)).unwrap();
        model(&at.join(name), TEMPLATE);
    }
    write(
        &at.join("base"),
        "tokenizer_config.json",
        r#"{"eos_token": "<|end|>"}"#,
    );
    write(at, "other.jinja", OTHER);
    write(at, "problems.jsonl", PROBLEMS);
    folder
}

fn opening(tokenizer: &Tokenizer) -> String {
    let ids = tokenizer.message(Place::Opening, "Add.").unwrap();
    tokenizer.decode(&ids).unwrap()
}

#[track_caller]
fn ok(at: &Path, arguments: &[&str]) {
    let output = rlef(at, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
}

#[test]
fn a_file_speaks_in_place_of_the_checkpoint_and_travels_with_what_is_saved() {
    let folder = folder();
    let at = folder.path();
    let template = TemplateFile::read(&at.join("other.jinja")).unwrap();
    let (_, own) = checkpoint::describe(&at.join("model")).unwrap();
    assert_eq!(opening(&own), "Add.");
    let (_, given) = checkpoint::describe_with(&at.join("model"), Some(&template)).unwrap();
    assert_eq!(opening(&given), "Task: Add.\nAnswer:");
    // Also where the checkpoint has none.
    let message = checkpoint::describe(&at.join("base"))
        .map(drop)
        .unwrap_err();
    assert!(message.to_string().contains("--chat-template"), "{message}");
    checkpoint::describe_with(&at.join("base"), Some(&template)).unwrap();
    ok(
        at,
        &[
            "export",
            "--policy",
            "base",
            "--chat-template",
            "other.jinja",
            "--out",
            "whole",
        ],
    );
    let (_, kept) = checkpoint::describe(&at.join("whole")).unwrap();
    assert_eq!(opening(&kept), "Task: Add.\nAnswer:");
}

#[test]
fn an_evaluation_is_another_by_another_template() {
    let folder = folder();
    let at = folder.path();
    let shared = [
        "eval",
        "--policy",
        "model",
        "--problems",
        "problems.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "1",
        "--max-tokens",
        "4",
    ];
    let eval = |more: &[&'static str]| [&shared[..], more].concat();
    ok(at, &eval(&["--out", "own.json"]));
    let other = ["--chat-template", "other.jinja", "--journal", "j.jsonl"];
    ok(
        at,
        &[&eval(&["--out", "other.json"])[..], &other[..]].concat(),
    );
    let policy = |name: &str| -> Value {
        let text = std::fs::read_to_string(at.join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["provenance"]["policy"].take()
    };
    let (own, given) = (policy("own.json"), policy("other.json"));
    assert!(own["chat_template"].is_null() && given["chat_template"].is_string());
    assert_ne!(own["hash"], given["hash"]);
    ok(at, &eval(&other));
    refused(at, &eval(&["--journal", "j.jsonl"]), 2, &["policy"]);
    write(
        at,
        "other.jinja",
        &OTHER.replace("Task: ", "Task, in Python: "),
    );
    refused(at, &eval(&other), 2, &["policy"]);
}

/// One short round with the template of a file, of a model that has none.
fn train(at: &Path, run: &str, lora: &str) {
    let mut all = vec![
        "train",
        "--policy",
        "base",
        "--problems",
        "problems.jsonl",
        "--chat-template",
        "other.jinja",
        "--rounds",
        "1",
        "--run",
        run,
    ];
    for set in [
        lora,
        "problems_per_round=2",
        "rollout.group=2",
        "updates_per_round=1",
        "rollout.sampling.max_tokens=4",
        "evaluation.problems=",
        "validation.problems=",
        "resources.max_unusable_rate=1.0",
    ] {
        all.extend(["--set", set]);
    }
    ok(at, &all);
}

#[test]
fn a_run_keeps_the_template_that_it_was_told() {
    let folder = folder();
    let at = folder.path();
    // An adapter keeps it, too, for its base has another or none.
    for (run, lora) in [("whole", "lora=false"), ("adapted", "lora.rank=2")] {
        train(at, run, lora);
        let config = std::fs::read_to_string(at.join(run).join("config.toml")).unwrap();
        assert!(
            config.contains("chat_template = \"other.jinja\""),
            "{config}"
        );
        let last = format!("{run}/checkpoints/000001");
        let kept = std::fs::read_to_string(at.join(&last).join("chat_template.jinja")).unwrap();
        assert_eq!(kept, OTHER);
        ok(
            at,
            &[
                "eval",
                "--policy",
                &last,
                "--problems",
                "problems.jsonl",
                "--rollouts",
                "1",
                "--max-tokens",
                "4",
            ],
        );
    }
    // Another template is another policy to start from.
    write(at, "other.jinja", &OTHER.replace("Task: ", "Do: "));
    refused(
        at,
        &["train", "--resume", "--run", "whole", "--rounds", "2"],
        2,
        &["the policy that it started from has changed"],
    );
}

#[test]
fn a_template_that_cannot_be_used_is_refused_by_file_and_line() {
    let folder = folder();
    let at = folder.path();
    write(
        at,
        "broken.jinja",
        "{# a chat #}\n\n{% for m %}{% endfor %}\n",
    );
    write(
        at,
        "raises.jinja",
        "{% for m in messages %}\n{{ m.content }}\n{{ raise_exception('no users') }}{% endfor %}",
    );
    write(at, "deaf.jinja", "Hello");
    write(at, "empty.jinja", "\n");
    let shared = ["eval", "--problems", "problems.jsonl"];
    let by = |policy: &'static str, file: &'static str| {
        [&shared[..], &["--policy", policy, "--chat-template", file]].concat()
    };
    for (file, words) in [
        ("broken.jinja", "line 3"),
        ("raises.jinja", "line 3: invalid operation: no users"),
        ("deaf.jinja", "content exactly once"),
        ("empty.jinja", "empty"),
        ("absent.jinja", "No such file"),
    ] {
        refused(at, &by("model", file), 2, &[file, words]);
    }
    // Where nobody would ask by it, it is not passed over.
    let starter = starter().display().to_string();
    let own = [&shared[..], &["--policy", starter.as_str()]].concat();
    let own = [&own[..], &["--chat-template", "other.jinja"]].concat();
    refused(at, &own, 2, &["other.jinja", "tokens of its own"]);
    write(
        at,
        "samples.jsonl",
        "{\"problem_id\":\"p\",\"completion\":\"x\"}\n",
    );
    refused(
        at,
        &by("replay:samples.jsonl", "other.jinja"),
        2,
        &["--chat-template", "no checkpoint"],
    );
    let sft = ["sft", "--out", "made", "--chat-template", "other.jinja"];
    refused(at, &sft, 2, &["--from"]);
}
