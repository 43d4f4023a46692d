//! A reward model as judge: in evaluations as the best of n, in training alone or beside the tests, and where pairs are made; and
//! what is said where it does not fit.

use std::path::Path;

use burn::tensor::Device;
use rlef::checkpoint::Precision;
use rlef::checkpoint::tokenizer::Tokenizer;
use rlef::model::decoder::{Decoder, ModelConfig};
use rlef::preference::Item;
use rlef::reward_model::RewardModel;
use serde_json::Value;

use super::cli::{refused, starter, write};
use super::preferences::{done, items, journal};

/// Problems, a journal of answers to them, and a reward model of the pairs among these.
fn reward_model(at: &Path) {
    journal(at);
    let pairs = [
        "pairs",
        "--journal",
        "journal.jsonl",
        "--problems",
        "problems.jsonl",
        "--rule",
        "passed",
        "--most",
        "9",
        "--out",
        "pairs.jsonl",
    ];
    done(at, &pairs);
    let starter = starter();
    let policy = starter.to_str().unwrap();
    let reward = [
        "reward",
        "--policy",
        policy,
        "--data",
        "pairs.jsonl",
        "--out",
        "reward",
        "--epochs",
        "20",
        "--batch",
        "1",
        "--learning-rate",
        "1e-3",
    ];
    done(at, &reward);
    write(
        at,
        "judges.toml",
        "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"reward_model\"\nfolder = \"reward\"\nweight = 0.5\n",
    );
}

const EVAL: [&str; 9] = [
    "eval",
    "--policy",
    "replay:replayed.jsonl",
    "--problems",
    "problems.jsonl",
    "--turns",
    "1",
    "--rollouts",
    "5",
];

#[test]
fn the_best_of_n_by_a_reward_model_is_in_table_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    reward_model(at);
    let judged = [&EVAL[..], &["--judges", "judges.toml"]].concat();
    let said = done(at, &judged);
    assert!(
        said.contains("best of 4") && said.contains("KL 0.64 nats"),
        "{said}"
    );
    let said = done(at, &[&judged[..], &["--json"]].concat());
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    let report: Value = serde_json::from_str(line).unwrap();
    let best = report["best_of"].as_array().unwrap();
    let of: Vec<u64> = best.iter().map(|one| one["n"].as_u64().unwrap()).collect();
    assert_eq!(of, [1, 2, 4]);
    // One of five answers is right, and the model has learnt which: of four it is drawn in four of five.
    let solved = |place: usize| best[place]["solved"]["mean"].as_f64().unwrap();
    assert!(
        (solved(0) - 0.2).abs() < 1e-9 && (solved(2) - 0.8).abs() < 1e-9,
        "{best:?}"
    );
    let score = |place: usize| best[place]["score"]["mean"].as_f64().unwrap();
    assert!(score(0) < score(1) && score(1) < score(2), "{best:?}");
    // Without the judge there is none.
    let said = done(at, &EVAL);
    assert!(!said.contains("best of"), "{said}");
    // Kept in a journal, nothing is asked again, and it says the same.
    let kept = [&judged[..], &["--journal", "kept.jsonl", "--json"]].concat();
    let report = |said: String| -> Value {
        let line = said.lines().find(|line| line.starts_with('{')).unwrap();
        serde_json::from_str(line).unwrap()
    };
    let first = report(done(at, &kept));
    assert_eq!(first["best_of"], report(done(at, &kept))["best_of"]);
}

#[test]
fn pairs_are_made_of_fresh_answers_and_by_a_judge_that_compares() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    reward_model(at);
    let judged = [
        "--judges",
        "judges.toml",
        "--rule",
        "compared",
        "--most",
        "9",
    ];
    let of = |more: &[&str], out: &str| {
        let pairs = ["pairs", "--problems", "problems.jsonl", "--out", out];
        done(at, &[&pairs[..], more].concat())
    };
    of(
        &[&["--journal", "journal.jsonl"], &judged[..]].concat(),
        "compared.jsonl",
    );
    let model = RewardModel::load(&at.join("reward"), &Device::flex()).unwrap();
    let text = |said: &rlef::preference::Said| match said {
        rlef::preference::Said::Plain(text) => text.clone(),
        rlef::preference::Said::Messages(_) => panic!(),
    };
    let compared = items(&at.join("compared.jsonl"));
    // Four different answers, none of them a tie.
    assert_eq!(compared.len(), 6);
    for item in &compared {
        let Item::Pair(pair) = item else {
            panic!("{item:?}")
        };
        let reward = |answer| {
            let ids = model.ids(&text(&pair.prompt), &text(answer)).unwrap();
            model.rewards(&[ids], 1)[0]
        };
        assert!(reward(&pair.chosen) > reward(&pair.rejected), "{pair:?}");
        assert!(pair.labels["judge"].contains("reward_model"), "{pair:?}");
    }
    let starter = starter();
    let fresh = [
        "--policy",
        starter.to_str().unwrap(),
        "--rollouts",
        "4",
        "--max-tokens",
        "40",
    ];
    of(&[&fresh, &judged[..]].concat(), "fresh.jsonl");
    of(&[&fresh, &judged[..]].concat(), "again.jsonl");
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    assert_eq!(read("fresh.jsonl"), read("again.jsonl"));
    for item in items(&at.join("fresh.jsonl")) {
        let Item::Pair(pair) = item else { panic!() };
        assert!(pair.labels["policy"].contains("starter"), "{pair:?}");
    }
    let no = ["pairs", "--problems", "problems.jsonl", "--out", "no.jsonl"];
    refused(
        at,
        &[
            &no[..],
            &["--journal", "journal.jsonl", "--rule", "compared"],
        ]
        .concat(),
        2,
        &["none of the judges", "compares answers"],
    );
    refused(at, &no, 2, &["--journal"]);
}

/// The answers that a run rewards are those that the model likes, beside the tests or alone; a run is not continued with another
/// model.
#[test]
fn a_run_learns_against_a_reward_model_and_is_continued_with_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    reward_model(at);
    let starter = starter();
    let config = format!(
        "rounds = 2\nproblems_per_round = 1\nupdates_per_round = 1\npolicy = {starter:?}\nproblems = \"problems.jsonl\"\n\
        [rollout]\nturns = 1\ngroup = 4\n[rollout.sampling]\nmax_tokens = 40\n\
        [reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n\
        [objective]\nalgorithm = \"rlhf_ppo\"\nvalue_from = \"reward\"\n[objective.settings]\nkl_target = 0.5\n\
        [objective.second]\ndata = \"texts.jsonl\"\nweight = 27.8\n\
        [evaluation]\nproblems = \"\"\n[resources]\ncheckpoint_every = 1\nmax_unusable_rate = 1.0\n\
        [[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"reward_model\"\nfolder = \"reward\"\n"
    );
    write(at, "run.toml", &config);
    write(
        at,
        "texts.jsonl",
        "{\"prompt\": \"Print the absolute value.\", \"completion\": \"print(abs(int(input())))\"}\n",
    );
    done(at, &["train", "--config", "run.toml", "--run", "whole"]);
    done(
        at,
        &[
            "train", "--config", "run.toml", "--run", "parts", "--rounds", "1",
        ],
    );
    done(
        at,
        &["train", "--resume", "--run", "parts", "--rounds", "2"],
    );
    let read = |run: &str, name: &str| std::fs::read(at.join(run).join(name)).unwrap();
    for name in [
        "journal.jsonl.zst",
        "metrics.jsonl",
        "checkpoints/000002/model.safetensors",
        "checkpoints/000002/value.safetensors",
        "checkpoints/000002/objective.json",
    ] {
        assert!(read("whole", name) == read("parts", name), "{name} differs");
    }
    let moving = read("whole", "checkpoints/000002/objective.json");
    super::formats::fits("objective", &serde_json::from_slice(&moving).unwrap());
    // The reward of an episode is what the model says of its answer.
    let episodes: Vec<Value> = rlef::journal::read(&at.join("whole")).unwrap();
    let scores: Vec<f64> = episodes
        .iter()
        .take(4)
        .map(|episode| {
            let score = &episode["turns"][0]["scores"][0];
            assert_eq!(score["judge"], "reward_model");
            score["value"].as_f64().unwrap()
        })
        .collect();
    let metrics = String::from_utf8(read("whole", "metrics.jsonl")).unwrap();
    let first: Value = serde_json::from_str(metrics.lines().next().unwrap()).unwrap();
    let mean = scores.iter().sum::<f64>() / 4.0;
    assert!(
        (first["reward"].as_f64().unwrap() - mean).abs() < 1e-9,
        "{first}"
    );
    assert!(
        first["own"]["second_loss"].as_f64().unwrap() > 0.0,
        "{first}"
    );
    // Another model in the same folder.
    let scale = at.join("reward/reward.json");
    let text = std::fs::read_to_string(&scale).unwrap();
    let mut fields: Value = serde_json::from_str(&text).unwrap();
    fields["mean"] = 1.25.into();
    std::fs::write(&scale, fields.to_string()).unwrap();
    refused(
        at,
        &["train", "--resume", "--run", "parts", "--rounds", "3"],
        2,
        &[
            "values started from has changed",
            "a judge besides the tests has changed",
        ],
    );
}

#[test]
fn a_reward_model_that_does_not_fit_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    journal(at);
    let (policy, tokenizer) = rlef::checkpoint::load(&starter(), &Device::flex()).unwrap();
    let save = |name: &str, decoder: &Decoder, tokenizer: &Tokenizer| {
        let model = RewardModel::new(decoder, tokenizer.clone(), 1);
        model.save(&at.join(name), Precision::F32).unwrap();
    };
    let shape = ModelConfig {
        num_hidden_layers: 1,
        ..policy.config.clone()
    };
    save(
        "shape",
        &Decoder::random(&shape, 1, &Device::flex()),
        &tokenizer,
    );
    let other = Tokenizer::train(&["print(1)".to_owned()], 300).unwrap();
    let shape = ModelConfig {
        vocab_size: other.vocab_size(),
        ..shape
    };
    save(
        "tokenizer",
        &Decoder::random(&shape, 1, &Device::flex()),
        &other,
    );
    let short = ModelConfig {
        max_position_embeddings: 40,
        ..shape
    };
    save(
        "short",
        &Decoder::random(&short, 1, &Device::flex()),
        &other,
    );
    let starter = starter();
    let values = |from: &str| {
        let from = format!("objective.value_from={from}");
        let train = [
            "train",
            "--policy",
            starter.to_str().unwrap(),
            "--problems",
            "problems.jsonl",
            "--objective",
            "rlhf_ppo",
            "--run",
            "no",
            "--set",
            &from,
            "--set",
            "evaluation.problems=",
        ];
        train.map(str::to_owned)
    };
    for (from, words) in [
        ("shape", "it has another shape than the policy"),
        ("tokenizer", "its tokenizer is another than the policy's"),
        ("nowhere", "nowhere"),
    ] {
        let arguments = values(from);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(at, &arguments, 2, &[words]);
        assert!(!at.join("no").exists());
    }
    let judged = |name: &str, more: &str| {
        write(
            at,
            "judges.toml",
            &format!(
                "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"reward_model\"\nfolder = {name:?}\n{more}"
            ),
        );
        [&EVAL[..], &["--judges", "judges.toml"]].concat()
    };
    // As a judge it reads texts: another shape and another tokenizer are its own affair.
    done(at, &judged("tokenizer", ""));
    refused(
        at,
        &judged("nowhere", ""),
        2,
        &["set up the judge `reward_model`", "nowhere"],
    );
    refused(
        at,
        &judged("tokenizer", "hue = 1\n"),
        2,
        &["unknown field `hue`"],
    );
    let starter = starter.to_str().unwrap();
    refused(at, &judged(starter, ""), 2, &["score.weight"]);
    // An answer that it has no room for is its failure, not a score.
    refused(
        at,
        &judged("short", ""),
        4,
        &["the reward model's context holds 40"],
    );
    // A head of another shape.
    let path = at.join("tokenizer/config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("\"hidden_size\": 128", "\"hidden_size\": 64"),
    )
    .unwrap();
    refused(at, &judged("tokenizer", ""), 2, &["expected", "found"]);
}
