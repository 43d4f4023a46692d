//! Policies of any data set of texts, and the test bed: problems that leave nothing out and a policy without planted habits.

use rlef::problem::Problem;
use serde_json::{Value, json};

use super::cli::{refused, starter, write};
use super::preferences::done;

const SMALL: &str = "vocab_size = 300\nbatch = 2\n[model]\nhidden = 16\nintermediate = 24\nlayers = 1\nheads = 2\nkey_value_heads = 1\ncontext = 96\n";

#[test]
fn any_data_set_of_texts_is_learnt_and_bad_rows_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let rows = [
        json!({"prompt": "Add.", "completion": "print(1)"}),
        json!({"messages": [{"role": "user", "content": "Add."}, {"role": "assistant", "content": "print(2)"}]}),
        json!({"text": "print(3)", "prompt": null}),
    ];
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    write(at, "texts.jsonl", &lines.join("\n"));
    write(at, "small.toml", SMALL);
    let sft = |data: &'static str, out: &'static str| {
        [
            "sft",
            "--config",
            "small.toml",
            "--data",
            data,
            "--out",
            out,
        ]
    };
    let said = done(at, &sft("texts.jsonl", "one"));
    assert!(said.contains("3 episodes of texts.jsonl"), "{said}");
    // The same again, to the byte; and onwards from there.
    done(at, &sft("texts.jsonl", "two"));
    for name in ["model.safetensors", "tokenizer.json", "sft.toml"] {
        let read = |folder: &str| std::fs::read(at.join(folder).join(name)).unwrap();
        assert!(read("one") == read("two"), "{name} differs");
    }
    let starter = starter();
    let on = [
        "sft",
        "--data",
        "texts.jsonl",
        "--from",
        starter.to_str().unwrap(),
        "--set",
        "stages.0.epochs=1",
        "--out",
        "on",
    ];
    done(at, &on);
    // JSON lines and Parquet alike; from a list of messages in columns, too.
    let row = json!({"prompt": "Add.", "completion": "print(1)", "label": true});
    write(at, "labelled.jsonl", &row.to_string());
    let convert = [
        "convert",
        "--preferences",
        "labelled.jsonl",
        "--form",
        "hf",
        "--out",
        "labelled.parquet",
    ];
    done(at, &convert);
    let said = done(at, &sft("labelled.parquet", "columns"));
    assert!(said.contains("1 episodes of labelled.parquet"), "{said}");
    for (row, words) in [
        (json!({"answer": "a"}), "found none of them"),
        (
            json!({"prompt": "a", "completion": 3}),
            "field completion: expected a text or messages, found a number",
        ),
        (
            json!({"prompt": "a", "completion": " "}),
            "field completion: expected an answer, found an empty text",
        ),
        (
            json!({"messages": [{"role": "user", "content": 1}]}),
            "field messages[0]: expected an object with a text in content",
        ),
        (
            json!({"messages": [{"role": "system", "content": "a"}]}),
            "field messages[0]: expected a user or an assistant",
        ),
        (
            json!({"text": ""}),
            "field text: expected a text that is not empty",
        ),
        (json!(7), "a number"),
    ] {
        write(at, "bad.jsonl", &format!("{}\n{row}\n", lines[0]));
        refused(
            at,
            &sft("bad.jsonl", "no"),
            2,
            &["line 2 of bad.jsonl", words],
        );
        assert!(!at.join("no").exists());
    }
    let long = json!({"text": "print(1) ".repeat(200)});
    write(at, "long.jsonl", &long.to_string());
    refused(
        at,
        &sft("long.jsonl", "no"),
        2,
        &["1 are longer than the policy's context"],
    );
    refused(at, &sft("nowhere.jsonl", "no"), 2, &["nowhere.jsonl"]);
}

/// The bed's problems leave nothing out, so that one answer can be right; its policy is the same to the byte from its seed.
#[test]
fn the_test_bed_leaves_nothing_out_and_is_made_again_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let contest = |share: &'static str, out: &'static str| {
        [
            "contest",
            "--split",
            "test",
            "--hidden-share",
            share,
            "--problems",
            "40",
            "--out",
            out,
        ]
    };
    let said = done(at, &contest("0", "plain.jsonl"));
    let text = std::fs::read_to_string(at.join("plain.jsonl")).unwrap();
    let problems: Vec<Problem> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(problems.len(), 40, "{said}");
    let hidden = |problem: &Problem| problem.labels["hidden"].clone();
    assert!(problems.iter().all(|problem| hidden(problem) == "none"));
    done(at, &contest("0", "again.jsonl"));
    done(at, &contest("0.8", "hidden.jsonl"));
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert_eq!(read("plain.jsonl"), read("again.jsonl"));
    assert_ne!(read("plain.jsonl"), read("hidden.jsonl"));
    refused(at, &contest("1.5", "no.jsonl"), 2, &["--hidden-share"]);

    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let bed = std::fs::read_to_string(manifest.join("benchmarks/test_bed.toml")).unwrap();
    write(at, "bed.toml", &bed);
    let sft = |out: &'static str| {
        [
            "sft",
            "--config",
            "bed.toml",
            "--set",
            "stages.0.sets=1",
            "--set",
            "stages.0.problems=24",
            "--set",
            "model.layers=1",
            "--out",
            out,
        ]
    };
    for out in ["one", "two"] {
        let said = done(at, &sft(out));
        assert!(said.contains("24 episodes"), "{said}");
    }
    for name in ["model.safetensors", "tokenizer.json", "sft.toml"] {
        assert!(
            read(&format!("one/{name}")) == read(&format!("two/{name}")),
            "{name} differs"
        );
    }
}
