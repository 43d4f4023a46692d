//! What a run trains on and what it is measured on: sets that are mixed, cleaned and set aside, draws that go by solve rates,
//! and the best policy, kept beside the last.

use std::path::Path;

use serde_json::Value;

use crate::cli::{refused, rlef, starter, write};

fn ok(at: &Path, arguments: &[&str]) -> String {
    let output = rlef(at, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    said
}

/// Some of the built-in problems, from the `first` on, with their ids changed by `rename`.
fn problems(at: &Path, name: &str, first: usize, count: usize, rename: impl Fn(&str) -> String) {
    if !at.join("all.jsonl").exists() {
        ok(at, &["contest", "--split", "train", "--out", "all.jsonl"]);
    }
    let all = std::fs::read_to_string(at.join("all.jsonl")).unwrap();
    let some = all.lines().skip(first).take(count).map(|line| {
        let mut problem: Value = serde_json::from_str(line).unwrap();
        problem["id"] = rename(problem["id"].as_str().unwrap()).into();
        problem.to_string() + "\n"
    });
    write(at, name, &some.collect::<String>());
}

/// A run of small rounds with more settings.
fn config(at: &Path, more: &str) {
    let text = format!(
        "policy = {:?}\nproblems = \"train.jsonl\"\nrounds = 2\nproblems_per_round = 6\nupdates_per_round = 2\n\
        [resources]\ncheckpoint_every = 1\n[evaluation]\nproblems = \"\"\n{more}",
        starter().to_string_lossy()
    );
    write(at, "run.toml", &text);
}

fn json(at: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(at.join(name)).unwrap()).unwrap()
}

#[test]
fn the_best_policy_of_the_validation_set_is_kept_beside_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at, "train.jsonl", 0, 12, str::to_owned);
    problems(at, "valid.jsonl", 100, 6, str::to_owned);
    config(
        at,
        "[validation]\nproblems = \"valid.jsonl\"\nevery = 1\nrollouts = 2\n",
    );
    let said = ok(at, &["train", "--config", "run.toml", "--run", "run"]);
    assert!(
        said.contains("round 1: ") && said.contains("it is kept in checkpoints/best"),
        "{said}"
    );
    assert!(said.contains("points beside the best before it"), "{said}");
    let first = json(at, "run/validation-000001.json");
    let second = json(at, "run/validation-000002.json");
    for validated in [&first, &second] {
        assert_eq!(validated["problems"].as_array().unwrap().len(), 6);
        assert_eq!(validated["report"]["problems"], 6);
    }
    let solved = |validated: &Value| {
        let by_turn = &validated["report"]["solved_by_turn"];
        by_turn[2]["mean"].as_f64().unwrap()
    };
    let best = json(at, "run/checkpoints/best/validation.json");
    assert_eq!(best["problems"].as_object().unwrap().len(), 6);
    // A tie keeps the older.
    let expected = if solved(&second) > solved(&first) {
        2
    } else {
        1
    };
    assert_eq!(best["rounds"], expected, "{first} {second}");
    let kept = std::fs::read(at.join("run/checkpoints/best/model.safetensors")).unwrap();
    let of = format!("run/checkpoints/{expected:06}/model.safetensors");
    assert!(kept == std::fs::read(at.join(of)).unwrap());
    // A run that goes on takes it neither for a checkpoint nor as one to forget.
    let more = ["train", "--resume", "--run", "run", "--rounds", "4"];
    ok(at, &more);
    assert!(at.join("run/checkpoints/best/validation.json").exists());
    assert!(at.join("run/validation-000004.json").exists());
    let policy = [
        "eval",
        "--policy",
        "run/checkpoints/best",
        "--problems",
        "valid.jsonl",
    ];
    ok(at, &[&policy[..], &["--rollouts", "1"]].concat());
}

#[test]
fn draws_by_solve_rate_go_on_where_a_run_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at, "train.jsonl", 0, 20, str::to_owned);
    config(
        at,
        "[data]\ncurriculum = \"solve_rate\"\nsolve_rate = [0.05, 0.95]\n",
    );
    let run = |name: &str, rounds: &str| {
        let shared = ["train", "--config", "run.toml", "--run", name];
        ok(at, &[&shared[..], &["--rounds", rounds]].concat())
    };
    run("whole", "4");
    run("parts", "2");
    let rates = json(at, "parts/checkpoints/000002/rates.json");
    assert!(rates.as_object().unwrap().len() >= 6, "{rates}");
    ok(
        at,
        &["train", "--resume", "--run", "parts", "--rounds", "4"],
    );
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join(run).join(name)).unwrap();
        assert!(read("whole") == read("parts"), "{name} differs");
    }
}

#[test]
fn sets_are_mixed_cleaned_and_split_and_all_of_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at, "train.jsonl", 0, 12, str::to_owned);
    problems(at, "more.jsonl", 40, 8, |id| format!("more/{id}"));
    // Two of the training problems under other names.
    problems(at, "test.jsonl", 0, 2, |id| format!("test/{id}"));
    // Those of the second set have private tests alone.
    let text = std::fs::read_to_string(at.join("more.jsonl")).unwrap();
    let bare = text.lines().map(|line| {
        let mut problem: Value = serde_json::from_str(line).unwrap();
        problem["public_tests"] = Value::Array(Vec::new());
        problem.to_string() + "\n"
    });
    write(at, "more.jsonl", &bare.collect::<String>());
    let more = "[data]\ndecontaminate = \"exact\"\ndrop_zero_variance = true\n\
        [[data.sets]]\nproblems = \"more.jsonl\"\nweight = 3.0\n";
    config(at, more);
    let shared = [
        "train",
        "--config",
        "run.toml",
        "--set",
        "evaluation.problems=test.jsonl",
    ];
    let short = ["--set", "evaluation.rollouts=1", "--rounds", "1"];
    let said = ok(at, &[&shared[..], &short, &["--run", "run"]].concat());
    for part in [
        "problems of train.jsonl are left out for they are measured on",
        "8 problems of more.jsonl with weight 3",
        "have no public tests, so one turn is played of each; data.public_from_private = 2",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
    let metrics = json(at, "run/metrics.jsonl");
    assert!(metrics["dropped_groups"].as_u64().unwrap() > 0, "{metrics}");
    let split = ["--run", "split", "--set", "data.public_from_private=2"];
    let said = ok(at, &[&shared[..], &short, &split].concat());
    let words = "8 problems of more.jsonl have 2 of their private tests made public";
    assert!(
        said.contains(words) && !said.contains("one turn is played"),
        "{said}"
    );
    // One problem twice would have two solve rates, and a journal nobody can judge again.
    problems(at, "more.jsonl", 4, 1, str::to_owned);
    let twice = [&shared[..], &["--run", "twice"]].concat();
    refused(
        at,
        &twice,
        2,
        &["is the id of a problem of more.jsonl and of one before it"],
    );
    for (key, words) in [
        ("data.solve_rate=[0.9, 0.1]", "the smaller one first"),
        ("data.sets.0.weight=0", "above 0"),
        ("data.overlap=0", "above 0, at most 1"),
        ("data.curriculum=harder", "unknown variant"),
        ("validation.rollouts=0", "at least 1"),
    ] {
        refused(at, &[&shared[..], &["--set", key]].concat(), 2, &[words]);
    }
}
