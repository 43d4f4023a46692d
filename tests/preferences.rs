//! From answers to pairs, from pairs to a reward model, and from others' data to ours, by the command line.

use std::path::Path;

use burn::tensor::Device;
use rlef::checkpoint::{config_json, reward_file};
use rlef::preference::{self, Item, Said};
use rlef::reward_model::{RewardModel, Scale};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::checkpoints::folder;
use crate::cli::{refused, rlef, write};
use crate::golden::close;

pub(crate) fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = rlef(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    said + &String::from_utf8_lossy(&output.stdout)
}

pub(crate) fn items(path: &Path) -> Vec<Item> {
    let loaded = preference::load(path, None).unwrap();
    loaded.items.into_iter().map(|placed| placed.item).collect()
}

/// Answers of a journal: one good, one that fails some tests, one that fails all, one that is no program, and one again.
pub(crate) fn journal(at: &Path) {
    let tests = |numbers: &[i64]| -> Vec<Value> {
        let tests = numbers.iter();
        tests
            .map(|number| json!({"kind": "stdin", "input": format!("{number}\n"), "expected": format!("{}\n", number.abs())}))
            .collect()
    };
    let problem = json!({"id": "abs", "statement": "Print the absolute value.",
        "public_tests": tests(&[1, -2]), "private_tests": tests(&[3, -4, 0])});
    write(at, "problems.jsonl", &problem.to_string());
    let program = |body: &str| format!("```python\n{body}\n```");
    let answers = [
        program("print(abs(int(input())))"),
        program("print(int(input()))"),
        program("print('x')"),
        "I don't know.".to_owned(),
        program("print(int(input()))"),
    ];
    let lines =
        answers.map(|answer| json!({"problem_id": "abs", "completions": [answer]}).to_string());
    write(at, "replayed.jsonl", &lines.join("\n"));
    let arguments = [
        "eval",
        "--policy",
        "replay:replayed.jsonl",
        "--problems",
        "problems.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "5",
        "--journal",
        "journal.jsonl",
    ];
    done(at, &arguments);
}

#[test]
fn answers_of_a_journal_become_pairs_and_pairs_a_reward_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    journal(at);
    let pairs = [
        "pairs",
        "--journal",
        "journal.jsonl",
        "--problems",
        "problems.jsonl",
    ];
    let said = done(
        at,
        &[
            &pairs[..],
            &["--rule", "passed", "--most", "9", "--out", "pairs.jsonl"],
        ]
        .concat(),
    );
    assert!(said.contains("1 are there twice"), "{said}");
    let found = items(&at.join("pairs.jsonl"));
    // 5, 3, 0 and 0 of five tests: five pairs and a tie.
    assert_eq!(found.len(), 5, "{said}");
    for item in &found {
        let Item::Pair(pair) = item else {
            panic!("{item:?}")
        };
        assert_eq!(pair.prompt, Said::plain("Print the absolute value."));
        let passed = |side: &str| -> usize {
            let (passed, total) = pair.labels[&format!("{side}_passed")]
                .split_once('/')
                .unwrap();
            assert_eq!(total, "5");
            passed.parse().unwrap()
        };
        assert!(passed("chosen") > passed("rejected"), "{pair:?}");
        for name in ["judge", "seed", "problem", "chosen_policy_version"] {
            assert!(!pair.labels[name].is_empty(), "{name}");
        }
    }
    let solved = [
        &pairs[..],
        &["--most", "9", "--ties", "--out", "solved.parquet"],
    ]
    .concat();
    done(at, &solved);
    let found = items(&at.join("solved.parquet"));
    let ties = found
        .iter()
        .filter(|item| matches!(item, Item::Pair(pair) if pair.is_tie()));
    assert_eq!((found.len(), ties.count()), (6, 3));

    let reward = [
        "reward",
        "--data",
        "pairs.jsonl",
        "--out",
        "reward",
        "--epochs",
        "30",
        "--batch",
        "1",
    ];
    let said = done(
        at,
        &[
            &reward[..],
            &[
                "--held-out",
                "pairs.jsonl",
                "--learning-rate",
                "1e-3",
                "--json",
            ],
        ]
        .concat(),
    );
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(report["pairs"], 5);
    super::formats::fits("reward-report", &report);
    let scale = std::fs::read(at.join("reward/reward.json")).unwrap();
    super::formats::fits("scale", &serde_json::from_slice(&scale).unwrap());
    assert!(
        report["accuracy"]["mean"].as_f64().unwrap() > 0.7,
        "{report}"
    );
    let model = RewardModel::load(&at.join("reward"), &Device::flex()).unwrap();
    assert_eq!(model.scale.answers, 4);
    // Nothing is left to be continued.
    refused(
        at,
        &[&reward[..], &["--resume"]].concat(),
        2,
        &["no training that was interrupted"],
    );
    refused(
        at,
        &[&reward[..], &["--learning-rate", "0"]].concat(),
        2,
        &["optimizer.learning_rate is 0"],
    );
    refused(
        at,
        &["reward", "--data", "replayed.jsonl", "--out", "other"],
        2,
        &["recognise the schema of line 1"],
    );
    refused(
        at,
        &[&pairs[..], &["--rule", "score", "--out", "none.jsonl"]].concat(),
        2,
        &["failed to find a pair"],
    );
}

/// Of a journal only the good program is left, and a policy is fine-tuned on it; pairs are learnt from by the same verb.
#[test]
fn what_solved_problems_is_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    journal(at);
    let rft = [
        "rft",
        "--journal",
        "journal.jsonl",
        "--problems",
        "problems.jsonl",
        "--out",
        "kept.jsonl",
    ];
    let said = done(at, &rft);
    assert!(said.contains("1 of 5 episodes are solved"), "{said}");
    let text = std::fs::read_to_string(at.join("kept.jsonl")).unwrap();
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["prompt"][0]["content"], "Print the absolute value.");
    assert!(
        line["completion"][0]["content"]
            .as_str()
            .unwrap()
            .contains("abs(int")
    );
    write(
        at,
        "run.toml",
        "rounds = 2\nproblems_per_round = 1\nupdates_per_round = 1\n[evaluation]\nproblems = \"\"\n",
    );
    write(
        at,
        "pairs.jsonl",
        r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#,
    );
    for (objective, data) in [("sft", "kept.jsonl"), ("simpo", "pairs.jsonl")] {
        let train = [
            "train",
            "--config",
            "run.toml",
            "--objective",
            objective,
            "--data",
            data,
            "--run",
            objective,
        ];
        let said = done(at, &train);
        assert!(said.contains("(1 example)"), "{said}");
        let metrics = std::fs::read_to_string(at.join(objective).join("metrics.jsonl")).unwrap();
        assert_eq!(metrics.lines().count(), 2);
        assert_eq!(metrics.contains("rewards/margins"), objective == "simpo");
    }
    refused(
        at,
        &[
            "train",
            "--config",
            "run.toml",
            "--data",
            "kept.jsonl",
            "--run",
            "no",
        ],
        2,
        &["objective.data is set"],
    );
}

#[test]
fn others_preferences_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let ranked = json!({"prompt": "\n\nHuman: Sum?\n\nAssistant: ", "answers": [
        {"answer": "6", "model": "a", "rank": 2.0}, {"answer": "5", "model": "b", "rank": 1.0}]});
    write(at, "nectar.jsonl", &ranked.to_string());
    let convert = ["convert", "--preferences", "nectar.jsonl", "--out"];
    done(at, &[&convert[..], &["ours.parquet"]].concat());
    assert_eq!(
        items(&at.join("ours.parquet")),
        items(&at.join("nectar.jsonl"))
    );
    done(
        at,
        &[
            "convert",
            "--preferences",
            "rlef:ours.parquet",
            "--form",
            "hf",
            "--out",
            "hf.jsonl",
        ],
    );
    let text = std::fs::read_to_string(at.join("hf.jsonl")).unwrap();
    let row: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(row["prompt"], json!([{"role": "user", "content": "Sum?"}]));
    assert_eq!(
        row["chosen"],
        json!([{"role": "assistant", "content": "5"}])
    );
    let empty = ranked.to_string().replace("\"6\"", "\"\"");
    write(at, "empty.jsonl", &format!("{ranked}\n{empty}"));
    let bad = [
        "convert",
        "--preferences",
        "empty.jsonl",
        "--out",
        "no.jsonl",
    ];
    refused(
        at,
        &bad,
        2,
        &["`answers[0]` of line 2 of empty.jsonl", "an empty text"],
    );
    refused(
        at,
        &[
            "convert",
            "--form",
            "hf",
            "--problems",
            "x",
            "--out",
            "no.jsonl",
        ],
        2,
        &["--form"],
    );
    refused(at, &["convert", "--out", "no.jsonl"], 2, &["--problems"]);
}

#[derive(Deserialize)]
struct Golden {
    rows: Vec<Vec<u32>>,
    scores: Vec<f32>,
}

/// A classifier of one label that transformers wrote gives the scores that transformers finds.
#[test]
fn scores_of_a_reward_model_are_transformers() {
    let folder = folder("qwen2-reward");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let golden: Golden = serde_json::from_slice(&read("golden.json")).unwrap();
    let (_, config, _) = config_json::parse(&read("config.json")).unwrap();
    let decoder = reward_file::decoder(&folder, config, &Device::flex()).unwrap();
    let tokenizer = rlef::checkpoint::tokenizer::Tokenizer::train(&["a".to_owned()], 280).unwrap();
    let model = RewardModel {
        decoder,
        tokenizer,
        scale: Scale::default(),
    };
    for tokens in [1000, 1] {
        close(
            "scores",
            &model.scores(&golden.rows, tokens),
            &golden.scores,
            1e-5,
        );
    }
}
