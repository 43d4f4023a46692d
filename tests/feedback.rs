//! Process reward models where a policy answers and learns, which answers are labelled next, and preferences of a hierarchy of
//! policies, by the command line.

mod local;

use std::path::Path;

use rlef::journal::{self, EpisodeRecord};
use rlef::preference::Item;
use serde_json::Value;

use crate::cli::{refused, starter, write};
use crate::preferences::{done, items};

/// Six built-in problems, the starter's answers with exact labels, and a process reward model of those.
fn process_model(at: &Path) {
    let contest = [
        "contest",
        "--split",
        "train",
        "--out",
        "problems.jsonl",
        "--problems",
        "6",
    ];
    done(at, &contest);
    let steps = [
        "steps",
        "--problems",
        "problems.jsonl",
        "--rollouts",
        "4",
        "--labels",
        "exact",
        "--out",
        "steps.jsonl",
    ];
    done(at, &steps);
    let reward = [
        "reward",
        "--kind",
        "process",
        "--data",
        "steps.jsonl",
        "--out",
        "model",
        "--batch",
        "4",
    ];
    done(at, &reward);
}

fn report(said: &str) -> Value {
    let line = said.lines().find(|line| line.starts_with('{')).unwrap();
    serde_json::from_str(line).unwrap()
}

#[test]
fn lines_are_chosen_by_a_process_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    process_model(at);
    let all = std::fs::read_to_string(at.join("problems.jsonl")).unwrap();
    let two: Vec<&str> = all.lines().take(2).collect();
    write(at, "two.jsonl", &two.join("\n"));
    let eval = [
        "eval",
        "--problems",
        "two.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "1",
        "--max-tokens",
        "60",
        "--json",
    ];
    let beam = [
        "--step-beam",
        "model",
        "--beam-width",
        "2",
        "--beam-each",
        "2",
    ];
    let first = done(
        at,
        &[
            &eval[..],
            &beam,
            &["--journal", "beam.jsonl", "--out", "beam.json"],
        ]
        .concat(),
    );
    let again = done(at, &[&eval[..], &beam].concat());
    assert_eq!(
        report(&first)["solved_by_turn"],
        report(&again)["solved_by_turn"]
    );
    let records: Vec<EpisodeRecord> = journal::read::<Value>(&at.join("beam.jsonl"))
        .unwrap()
        .into_iter()
        .filter(|line| line.get("turns").is_some())
        .map(|line| serde_json::from_value(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    for turn in records.iter().flat_map(|record| &record.turns) {
        // What was drawn is what is said.
        let drawn = turn.tokens.as_ref().unwrap().len();
        assert_eq!(drawn, turn.sampler_logprobs.as_ref().unwrap().len());
        assert!(drawn > 0 && drawn <= 60 && !turn.text.is_empty());
    }
    // Another policy, for whoever continues or compares.
    let evaluation = std::fs::read_to_string(at.join("beam.json")).unwrap();
    assert!(
        evaluation.contains("step beam 2 x 2 by product of model"),
        "{evaluation}"
    );
    refused(
        at,
        &[&eval[..], &["--journal", "beam.jsonl"]].concat(),
        2,
        &["beam.jsonl"],
    );
    let replay = [
        "eval",
        "--policy",
        "replay:x.jsonl",
        "--problems",
        "problems.jsonl",
    ];
    refused(at, &[&replay[..], &beam].concat(), 2, &["x.jsonl"]);
    refused(
        at,
        &[&eval[..], &["--step-beam", "steps.jsonl"]].concat(),
        2,
        &["steps.jsonl"],
    );
}

#[test]
fn steps_are_rewarded_where_they_end_and_values_start_from_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    process_model(at);
    let starter = starter();
    let text = |judge: &str| {
        format!(
            "rounds = 2\nproblems_per_round = 3\nupdates_per_round = 1\npolicy = {starter:?}\nproblems = \"problems.jsonl\"\n\
            [rollout]\nturns = 1\ngroup = 2\n[reward]\nkl_beta = 0.0\n\
            [objective]\nalgorithm = \"rlhf_ppo\"\nvalue_from = \"model\"\n[objective.settings]\nstep_weight = 0.5\n\
            [evaluation]\nproblems = \"\"\n[resources]\ncheckpoint_every = 1\nmax_unusable_rate = 1.0\n\
            [[judges]]\nkind = \"tests\"\n{judge}"
        )
    };
    write(
        at,
        "run.toml",
        &text("[[judges]]\nkind = \"process_model\"\nfolder = \"model\"\nweight = 0.0\n"),
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
        "metrics.jsonl",
        "checkpoints/000002/model.safetensors",
        "checkpoints/000002/value.safetensors",
    ] {
        assert!(read("whole", name) == read("parts", name), "{name}");
    }
    // Without what the steps are worth the same answers move the policy elsewhere.
    let plain = text("[[judges]]\nkind = \"process_model\"\nfolder = \"model\"\nweight = 0.0\n")
        .replace("step_weight = 0.5", "step_weight = 0.0");
    write(at, "run.toml", &plain);
    done(
        at,
        &[
            "train", "--config", "run.toml", "--run", "plain", "--rounds", "1",
        ],
    );
    let weights = "checkpoints/000001/model.safetensors";
    assert!(read("plain", weights) != read("parts", weights));
    write(at, "run.toml", &text(""));
    refused(
        at,
        &["train", "--config", "run.toml", "--run", "none"],
        2,
        &["step_weight", "process_model"],
    );
}

#[test]
fn convincing_wrong_answers_are_labelled_next() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    process_model(at);
    let steps = [
        "steps",
        "--problems",
        "problems.jsonl",
        "--rollouts",
        "6",
        "--labels",
        "exact",
        "--seed",
        "5",
    ];
    let chosen = [
        "--convincing",
        "model",
        "--most",
        "2",
        "--out",
        "chosen.jsonl",
    ];
    let said = done(at, &[&steps[..], &chosen].concat());
    assert!(said.contains("of 36 answers are chosen"), "{said}");
    let found = items(&at.join("chosen.jsonl"));
    let mut by_problem = std::collections::BTreeMap::new();
    for item in &found {
        let Item::Steps(steps) = item else { panic!() };
        *by_problem
            .entry(steps.labels["problem"].clone())
            .or_insert(0) += 1;
    }
    assert!(
        !found.is_empty() && by_problem.values().all(|count| *count <= 2),
        "{by_problem:?}"
    );
}

#[test]
fn what_a_better_policy_says_is_preferred() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    process_model(at);
    // The same weights at two places: nobody can tell which is better, and the tests say so.
    let starter = starter();
    for name in ["late", "early"] {
        std::fs::create_dir(at.join(name)).unwrap();
        for file in std::fs::read_dir(&starter).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), at.join(name).join(file.file_name())).unwrap();
        }
    }
    write(
        at,
        "judges.toml",
        "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"process_model\"\nfolder = \"model\"\naggregate = \"min\"\n\
        [[judges]]\nkind = \"rules\"\nmax_lines = 3\nat_least = 1.0\n",
    );
    let pairs = [
        "pairs",
        "--problems",
        "problems.jsonl",
        "--rollouts",
        "3",
        "--out",
        "pairs.jsonl",
    ];
    let all = [
        "--hierarchy",
        "late,early",
        "--judges",
        "judges.toml",
        "--seed",
        "2",
    ];
    let said = done(at, &[&pairs[..], &all].concat());
    assert!(
        said.contains("the tests agree with") && said.contains("after"),
        "{said}"
    );
    let found = items(&at.join("pairs.jsonl"));
    for item in &found {
        let Item::Pair(pair) = item else { panic!() };
        assert_eq!(
            (&*pair.labels["chosen_by"], &*pair.labels["rejected_by"]),
            ("late", "early")
        );
        let rlef::preference::Said::Plain(text) = &pair.chosen else {
            panic!()
        };
        let block = text.split("```").nth(1).unwrap_or(text);
        let lines = block.lines().skip(1).count();
        assert!(lines <= 3, "{text}");
    }
    refused(
        at,
        &[&pairs[..], &["--hierarchy", "late"]].concat(),
        2,
        &["two policies"],
    );
    refused(
        at,
        &[
            &pairs[..],
            &["--hierarchy", "late,early", "--longer", "0.5"],
        ]
        .concat(),
        2,
        &["--longer"],
    );
    refused(
        at,
        &[&pairs[..], &["--journal", "x.jsonl"]].concat(),
        2,
        &["--policy"],
    );

    // Demonstrations under a model's guidance.
    let eval = [
        "eval",
        "--problems",
        "problems.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "3",
        "--judges",
        "judges.toml",
        "--journal",
        "played.jsonl",
    ];
    done(at, &eval);
    let rft = [
        "rft",
        "--journal",
        "played.jsonl",
        "--problems",
        "problems.jsonl",
        "--most",
        "1",
        "--out",
        "kept.jsonl",
    ];
    let said = done(at, &[&rft[..], &["--by", "process_model"]].concat());
    assert!(said.contains("6 demonstrations of 6 problems"), "{said}");
    refused(
        at,
        &[&rft[..], &["--by", "reward_model"]].concat(),
        2,
        &["no score of the judge `reward_model`"],
    );
}
