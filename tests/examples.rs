//! What lies in `examples/` does what it says: configurations train, and scripts that log read a run's record.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{rlef, starter, write};
use crate::preferences::done;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn all(end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(examples()).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|other| other == end));
    found.sort();
    found
}

/// A round of each, against a reward model that was made of four pairs.
#[test]
fn the_configurations_train() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let pair = |number: usize| {
        format!(
            "{{\"kind\":\"pair\",\"prompt\":\"Print {number}.\",\"chosen\":\"print({number})\",\"rejected\":\"print(0)\"}}\n"
        )
    };
    write(at, "pairs.jsonl", &(1..5).map(pair).collect::<String>());
    done(
        at,
        &[
            "reward",
            "--policy",
            "starter",
            "--data",
            "pairs.jsonl",
            "--out",
            "reward",
        ],
    );
    let configurations = all("toml");
    assert!(configurations.len() >= 2);
    for path in configurations {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let small = ["rounds=1", "problems_per_round=2", "evaluation.problems="];
        let mut arguments = vec!["train", "--config", path.to_str().unwrap(), "--run", name];
        for set in small {
            arguments.extend(["--set", set]);
        }
        done(at, &arguments);
        let metrics = std::fs::read_to_string(at.join(name).join("metrics.jsonl")).unwrap();
        assert_eq!(metrics.lines().count(), 1, "{name}");
    }
}

/// Each tells its tool of every round, with the numbers of the record. The tools themselves are stood in for by a module that
/// writes down what it is told.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the examples, which are no candidates"
)]
fn the_scripts_log_every_round() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let policy = starter();
    let run = format!(
        "policy = {policy:?}\nrounds = 2\nproblems_per_round = 4\n[evaluation]\nproblems = \"\"\n"
    );
    write(at, "run.toml", &run);
    let output = rlef(at, &["train", "--config", "run.toml", "--run", "run"]);
    assert_eq!(output.status.code(), Some(0));
    let stub = "import json\n\nclass Run:\n    def log(self, numbers, step): print(json.dumps([step, numbers]))\n\n\
        def init(project): return Run()\n\ndef log(numbers, step): Run().log(numbers, step)\n";
    write(at, "wandb.py", stub);
    write(at, "trackio.py", stub);
    let metrics = std::fs::read_to_string(at.join("run/metrics.jsonl")).unwrap();
    let scripts = all("py");
    assert!(scripts.len() >= 2);
    for script in scripts {
        let told = Command::new("python3")
            .arg(&script)
            .env("PYTHONPATH", at)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(std::fs::File::open(at.join("run/metrics.jsonl")).unwrap())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{}: {words}", script.display());
        let told = String::from_utf8(told.stdout).unwrap();
        assert_eq!(told.lines().count(), 2, "{told}");
        for (line, round) in told.lines().zip(metrics.lines()) {
            let (step, numbers): (u64, serde_json::Value) = serde_json::from_str(line).unwrap();
            let round: serde_json::Value = serde_json::from_str(round).unwrap();
            assert_eq!(step, round["round"].as_u64().unwrap() + 1);
            assert_eq!(numbers["reward"], round["reward"]);
            assert!(numbers.get("schema").is_none(), "{numbers}");
        }
    }
}

/// Every example is named on a page, or in what runs it.
#[test]
fn every_example_is_told_of() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for entry in std::fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            text += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
        }
    }
    let mut folders = vec![examples()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(text.contains(name), "no page names {name}");
        }
    }
}
