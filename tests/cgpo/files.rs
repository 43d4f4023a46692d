//! CGPO by the command line: a judge that compares, one that is down, and tasks of a file.

use std::path::Path;

use rlef::journal::{self, EpisodeRecord};
use serde_json::{Value, json};

use crate::cli::{refused, rlef, starter, write};
use crate::preferences::done;
use crate::remote::{Deed, serve};

fn problem_file(at: &Path) {
    let test = |number: i64| json!({"kind": "stdin", "input": format!("{number}\n"), "expected": format!("{}\n", number.abs())});
    let lines: Vec<String> = ["one", "two"]
        .map(|id| {
            json!({"id": id, "statement": format!("Print the absolute value, {id}."),
                "public_tests": [test(1), test(-2)], "private_tests": [test(3)]})
            .to_string()
        })
        .into();
    write(at, "one.jsonl", &lines[0]);
    write(at, "two.jsonl", &lines[1]);
}

fn run_file(at: &Path, url: &str, more: &str) {
    let starter = starter();
    let starter = starter.display();
    let text = format!(
        "rounds = 2\nproblems_per_round = 1\nupdates_per_round = 1\npolicy = \"{starter}\"\nproblems = \"one.jsonl\"\n{more}\n\
        [rollout]\nturns = 1\ngroup = 3\n[rollout.sampling]\nmax_tokens = 30\n[reward]\nsolved = 0.0\nfailed = 0.0\nno_program = 0.0\n\
        [objective]\nalgorithm = \"crpg\"\n[evaluation]\nproblems = \"\"\n[resources]\ncheckpoint_every = 1\nmax_unusable_rate = 1.0\n\
        [[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"rules\"\nmax_lines = 9\nat_least = 1.0\n\
        [[judges]]\nkind = \"ai_pairwise\"\nurl = \"{url}\"\nmodel = \"m\"\ntries = 1\ntimeout_s = 20.0\nlogprobs = 0\ncache = false\n\
        max_flips = 1.0\nmax_no_opinion = 1.0\n"
    );
    write(at, "run.toml", &text);
}

const TRAIN: [&str; 5] = ["train", "--config", "run.toml", "--run", "run"];

/// A model that only compares judges a run: each answer beside the stored one, whose text it is shown.
#[test]
fn a_judge_that_compares_says_how_an_answer_stands_beside_the_stored_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let stored = "print(\"stored\")";
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "one", "completions": [stored]}).to_string(),
    );
    // It likes whatever is not the stored answer.
    let (url, requests) = serve(move |prompt, _, _| {
        let first = prompt.find(stored).unwrap_or(usize::MAX) < prompt.len() / 2;
        Deed::Say(if first { "2" } else { "1" }, false)
    });
    run_file(at, &url, "baselines = \"stored.jsonl\"");
    let said = done(at, &TRAIN);
    assert!(
        said.contains("ai_pairwise: ") && !requests.lock().unwrap().is_empty(),
        "{said}"
    );
    let records: Vec<EpisodeRecord> = journal::read(&at.join("run/journal.jsonl.zst")).unwrap();
    assert_eq!(records.len(), 6);
    for record in &records {
        let score = |name: &str| {
            let scores = &record.turns[0].scores;
            scores.iter().find(|score| score.judge == name).unwrap()
        };
        assert!(score("ai_pairwise").value.is_some(), "{record:?}");
        assert!(!score("ai_pairwise").reason.is_empty());
        assert_eq!(record.stored, Some(0.5));
        assert_eq!(
            record.constraints["rules"],
            score("rules").value == Some(1.0)
        );
    }
    let kept = std::fs::read_to_string(at.join("run/checkpoints/000002/baselines.json")).unwrap();
    let stored: Value = serde_json::from_str(&kept).unwrap();
    for answer in stored.as_object().unwrap().values() {
        crate::formats::fits("baseline", answer);
    }
    assert!(
        kept.contains("it is the stored answer") && kept.contains("stored\\\""),
        "{kept}"
    );
    let metrics = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    for name in ["calibrated_reward", "met/rules", "over_kl_max"] {
        assert!(metrics.contains(name), "{metrics}");
    }
    // Another file is another run.
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "one", "completions": ["print(1)"]}).to_string(),
    );
    let resume = ["train", "--resume", "--run", "run", "--rounds", "3"];
    refused(at, &resume, 2, &["examples have changed: stored.jsonl"]);
    write(
        at,
        "stored.jsonl",
        &json!({"problem_id": "two", "completions": ["print(1)"]}).to_string(),
    );
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "other"],
        2,
        &["it has no answer to one"],
    );
}

#[test]
fn a_server_that_is_down_ends_a_run_that_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    run_file(at, &url, "");
    let output = rlef(at, &TRAIN);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("no weight was moved") || said.contains("No weight was moved"),
        "{said}"
    );
    assert!(!at.join("run/checkpoints/000001").exists());
    let lines = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    assert!(lines.is_empty(), "{lines}");
}

#[test]
fn tasks_of_a_file_are_played_each_with_its_own_judges() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problem_file(at);
    let starter = starter();
    let starter = starter.display();
    let text = |second: &str| {
        format!(
            "rounds = 1\nproblems_per_round = 1\nupdates_per_round = 1\npolicy = \"{starter}\"\n[rollout]\nturns = 1\ngroup = 2\n\
            [rollout.sampling]\nmax_tokens = 30\n[evaluation]\nproblems = \"\"\n[resources]\nmax_unusable_rate = 1.0\n\
            [[tasks]]\nname = \"code\"\nproblems = \"one.jsonl\"\n[tasks.objective]\nalgorithm = \"crpg\"\n\
            [[tasks.judges]]\nkind = \"tests\"\nat_least = 1.0\n\
            [[tasks]]\nname = \"style\"\nproblems = \"{second}\"\n[tasks.objective]\nalgorithm = \"codpo\"\n\
            [[tasks.judges]]\nkind = \"tests\"\n[[tasks.judges]]\nkind = \"rules\"\nmax_lines = 1\nat_least = 1.0\n"
        )
    };
    write(at, "run.toml", &text("two.jsonl"));
    let said = done(at, &TRAIN);
    assert!(said.contains("2 tasks (code: 2 episodes a round"), "{said}");
    let records: Vec<EpisodeRecord> = journal::read(&at.join("run/journal.jsonl.zst")).unwrap();
    let of: Vec<(&str, &str, Vec<&String>)> = (records.iter())
        .map(|record| {
            (
                record.task.as_deref().unwrap(),
                &*record.problem_id,
                record.constraints.keys().collect(),
            )
        })
        .collect();
    let (tests, rules) = ("tests".to_owned(), "rules".to_owned());
    assert_eq!(of[0], ("code", "one", vec![&tests]));
    assert_eq!(of[3], ("style", "two", vec![&rules]));
    write(at, "run.toml", &text("one.jsonl"));
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "other"],
        2,
        &["\"code\" and \"style\"", "a problem one"],
    );
}
