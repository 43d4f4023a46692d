//! Defaults that fit the policy, keys set on the command line, and what a run says where its settings are at fault.

use std::path::Path;

use rlef::config::TrainConfig;
use serde_json::Value;

use crate::cli::{refused, rlef, starter, write};
use crate::hostile_models::{TEMPLATE, model};

/// The starter as a model with a chat template in `model`, and ten problems of which no two share a statement.
fn own(at: &Path) {
    std::fs::create_dir(at.join("model")).unwrap();
    model(&at.join("model"), TEMPLATE);
    let generation = r#"{"temperature": 0.9, "top_k": 40, "repetition_penalty": 1.1}"#;
    write(&at.join("model"), "generation_config.json", generation);
    let all = rlef(at, &["contest", "--split", "train", "--out", "all.jsonl"]);
    assert_eq!(all.status.code(), Some(0));
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let some = all.lines().filter(|line| {
        let problem: Value = serde_json::from_str(line).unwrap();
        seen.insert(problem["statement"].to_string())
    });
    let some: Vec<&str> = some.take(10).collect();
    write(at, "own.jsonl", &some.join("\n"));
}

fn ok(at: &Path, arguments: &[&str]) -> (String, String) {
    let output = rlef(at, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), said)
}

#[test]
fn a_model_with_a_chat_template_trains_on_own_problems_by_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    own(at);
    let command = ["train", "--policy", "model", "--problems", "own.jsonl"];
    let (_, said) = ok(
        at,
        &[&command[..], &["--rounds", "1", "--run", "run"]].concat(),
    );
    for part in [
        "preset llm, for a policy with a chat template, 0.9 million weights, a context of 768",
        "prompts that ask for a fenced program, 192 tokens an answer",
        "evaluation on held-out at temperature 0.9",
        "repetition_penalty 1.1, which is not done",
        "2 of the 10 problems of own.jsonl are held out",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let run = at.join("run");
    let config = TrainConfig::load(&run.join("config.toml")).unwrap();
    assert_eq!(config.evaluation.top_k, 40);
    let report = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(run.join(name)).unwrap()).unwrap()
    };
    for name in ["before.json", "after.json"] {
        assert_eq!(report(name)["report"]["problems"], 2, "{name}");
    }
    // A run's own before and after are what the gate compares.
    let gate = rlef(
        at,
        &[
            "gate",
            "--baseline",
            "run/before.json",
            "--candidate",
            "run/after.json",
            "--json",
        ],
    );
    let said = String::from_utf8_lossy(&gate.stderr);
    assert!(matches!(gate.status.code(), Some(0 | 1 | 3)), "{said}");
    let answer: Value = serde_json::from_slice(&gate.stdout).unwrap();
    assert_ne!(answer["verdict"], "not_comparable", "{answer}");
    let [before, after] =
        ["before.json", "after.json"].map(|name| report(name)["provenance"].take());
    assert_eq!(after["policy"]["name"], "model after 1 rounds");
    assert_ne!(before["policy"]["hash"], after["policy"]["hash"]);
    let played: Vec<rlef::journal::EpisodeRecord> = rlef::journal::read(&run).unwrap();
    let problems: std::collections::BTreeSet<&str> =
        played.iter().map(|one| one.problem_id.as_str()).collect();
    assert_eq!(problems.len(), 8);
    // Continued, the same problems are held out.
    let more = ["train", "--resume", "--run", "run", "--rounds", "2"];
    ok(at, &more);
}

#[test]
fn an_evaluation_takes_what_fits_the_policy_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    own(at);
    let shared = [
        "eval",
        "--policy",
        "model",
        "--problems",
        "own.jsonl",
        "--turns",
        "1",
    ];
    let more = ["--rollouts", "1", "--out", "out.json", "--top-p", "0.8"];
    let (_, said) = ok(at, &[&shared[..], &more].concat());
    let words = "192 tokens an answer, temperature 0.9, top-p 0.8, top-k 40";
    assert!(said.contains(words), "{said}");
    let text = std::fs::read_to_string(at.join("out.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["provenance"]["play"]["style"], "full");
    assert_eq!(found["provenance"]["play"]["sampling"]["max_tokens"], 192);
}

#[test]
fn a_first_round_of_cut_answers_stops_with_advice_before_anything_is_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let policy = starter().display().to_string();
    let shared = ["train", "--policy", &policy, "--rounds", "1"];
    let short = [
        "--set",
        "rollout.sampling.max_tokens=4",
        "--set",
        "problems_per_round=4",
    ];
    let parts = [
        "were cut at the limit of 4 tokens",
        "raise rollout.sampling.max_tokens (now 4)",
        "No weight was moved",
    ];
    let without = ["--set", "evaluation.problems=", "--run", "round"];
    refused(at, &[&shared[..], &short, &without].concat(), 2, &parts);
    assert!(!at.join("round/checkpoints/000001").exists());
    // Found out by the evaluation before it, where there is one.
    let with = ["--run", "evaluation"];
    refused(at, &[&shared[..], &short, &with].concat(), 2, &parts);
    assert!(!at.join("evaluation/before.json").exists());
    let all_the_same = [
        &without[..3],
        &["again", "--set", "resources.max_unusable_rate=1"],
    ];
    let (_, said) = ok(at, &[&shared[..], &short, &all_the_same.concat()].concat());
    assert!(!said.contains("raise"), "{said}");
    let line = std::fs::read_to_string(at.join("again/metrics.jsonl")).unwrap();
    let metrics: Value = serde_json::from_str(line.trim()).unwrap();
    assert!(metrics["cut_rate"].as_f64().unwrap() > 0.9, "{line}");
}

#[test]
fn answers_cut_at_the_limit_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let shared = [
        "eval",
        "--policy",
        "starter",
        "--turns",
        "1",
        "--rollouts",
        "1",
    ];
    own(at);
    let short = ["--problems", "own.jsonl", "--max-tokens", "4"];
    let (table, _) = ok(at, &[&shared[..], &short].concat());
    assert!(
        table.contains("cut at the limit  10 of 10 answers, 10 of them without"),
        "{table}"
    );
    let (json, _) = ok(at, &[&shared[..], &short, &["--json"]].concat());
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&report["cut"], &report["by_turn"][0]["cut"]),
        (&10.into(), &10.into())
    );
    assert_eq!(report["cut_without_program"], 10);
}

#[test]
fn a_configuration_prints_whole_and_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    own(at);
    let command = [
        "train",
        "--policy",
        "model",
        "--problems",
        "own.jsonl",
        "--print-config",
    ];
    let (text, _) = ok(
        at,
        &[&command[..], &["--set", "reward.kl_beta=0.01"]].concat(),
    );
    assert!(text.contains("\nkl_beta = 0.01\n") && text.contains("\nproblems = \"held-out\"\n"));
    write(at, "run.toml", &text);
    let config = TrainConfig::load(&at.join("run.toml")).unwrap();
    let (again, _) = ok(at, &["train", "--config", "run.toml", "--print-config"]);
    assert_eq!(again, text);
    assert_eq!(config.reward.kl_beta, 0.01);
    let (sft, _) = ok(at, &["sft", "--print-config", "--set", "stages.0.epochs=9"]);
    assert!(sft.contains("\nepochs = 9\n"), "{sft}");
    for (verb, key, words) in [
        ("train", "rollout.turnz=1", "unknown field `turnz`"),
        ("train", "rollout.turns", "expected KEY=VALUE"),
        ("train", "preset=mine", "unknown variant `mine`"),
        ("train", "rounds=0", "rounds is 0"),
        ("sft", "stages.7.epochs=1", "below 2"),
        ("sft", "vocab_size=many", "invalid type"),
    ] {
        let arguments = [verb, "--print-config", "--set", key];
        refused(at, &arguments, 2, &[words]);
    }
    write(at, "judges.toml", "[[judges]]\nkind = \"tests\"\n");
    let shared = [
        "eval",
        "--policy",
        "starter",
        "--problems",
        "own.jsonl",
        "--judges",
        "judges.toml",
    ];
    let parts = ["judges.0.wait=1.5", "wait"];
    refused(
        at,
        &[&shared[..], &["--set", "judges.0.weight=x"]].concat(),
        2,
        &["weight"],
    );
    refused(
        at,
        &[&shared[..], &["--set", "judges.0.wait=1.5"]].concat(),
        2,
        &parts[1..],
    );
    refused(at, &["eval", "--set", "a=1"], 2, &["--judges"]);
}

/// As the distilled R1 and Qwen3-Thinking have it: what is said before the thought closes is no answer, also where it never does.
#[test]
fn an_answer_begins_inside_the_thought_that_its_prompt_opened() {
    let template = "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}{% else %}<|assistant|>{{ m.content.split('</think>')[-1] }}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}";
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    own(at);
    model(&at.join("model"), template);
    let command = [
        "eval",
        "--policy",
        "model",
        "--problems",
        "own.jsonl",
        "--turns",
        "2",
        "--rollouts",
        "1",
        "--out",
        "out.json",
        "--journal",
        "journal.jsonl",
    ];
    ok(at, &command);
    let journal = std::fs::read_to_string(at.join("journal.jsonl")).unwrap();
    let mut turns = 0;
    for line in journal.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for turn in line["turns"].as_array().into_iter().flatten() {
            assert!(
                turn["text"].as_str().unwrap().starts_with("<think>\n"),
                "{turn}"
            );
            assert_eq!(turn["grade"], "no_program", "{turn}");
            turns += 1;
        }
    }
    assert!(turns >= 10, "{turns}");
}
