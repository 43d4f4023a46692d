//! What the programs write fits the committed schemas, and the page names every file of a run's folder.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{docs, fits, lines_fit};
use crate::cli::{rlef, starter, write};

/// What a verb prints on standard output, whose exit code is one of these.
fn said(at: &Path, arguments: &[&str], codes: &[i32]) -> String {
    let output = rlef(at, arguments);
    let words = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap();
    assert!(codes.contains(&code), "{arguments:?}: {code}, {words}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(at: &Path, name: &str) -> String {
    std::fs::read_to_string(at.join(name)).unwrap()
}

fn json(at: &Path, name: &str) -> Value {
    serde_json::from_str(&text(at, name)).unwrap()
}

/// Some of the built-in problems, and answers to the first.
fn problems(at: &Path) {
    said(
        at,
        &["contest", "--split", "train", "--out", "all.jsonl"],
        &[0],
    );
    let all = text(at, "all.jsonl");
    assert!(lines_fit("problem", &all) > 100);
    let lines: Vec<&str> = all.lines().collect();
    write(at, "problems.jsonl", &(lines[..6].join("\n") + "\n"));
    write(at, "valid.jsonl", &(lines[100..104].join("\n") + "\n"));
    let first: Value = serde_json::from_str(lines[0]).unwrap();
    let id = &first["id"];
    let programs = format!(
        "{{\"problem_id\":{id},\"program\":\"print(1)\"}}\n{{\"problem_id\":{id},\"completion\":\"```python\\nraise ValueError\\n```\"}}\n\
         {{\"problem_id\":{id},\"completion\":\"no program\"}}\n"
    );
    assert_eq!(lines_fit("program", &programs), 3);
    write(at, "programs.jsonl", &programs);
}

#[test]
fn what_judge_doctor_eval_and_gate_write_fits() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let judge = [
        "judge",
        "--problems",
        "problems.jsonl",
        "--programs",
        "programs.jsonl",
        "--json",
    ];
    assert_eq!(lines_fit("verdict", &said(at, &judge, &[0])), 3);
    let shown = [&judge[..], &["--show-private"]].concat();
    assert_eq!(lines_fit("verdict", &said(at, &shown, &[0])), 3);
    let machine = said(at, &["doctor", "--json"], &[0]);
    fits("machine", &serde_json::from_str(&machine).unwrap());
    // The second is there twice, and an audit leaves it out.
    let mut set = text(at, "problems.jsonl");
    let second = set
        .lines()
        .nth(1)
        .unwrap()
        .replace("\"id\":\"", "\"id\":\"again/");
    set += &(second + "\n");
    write(at, "twice.jsonl", &set);
    let audit = [
        "doctor",
        "--problems",
        "twice.jsonl",
        "--quarantine",
        "skip.json",
        "--json",
    ];
    assert_eq!(lines_fit("finding", &said(at, &audit, &[1])), 7);
    let list = json(at, "skip.json");
    fits("quarantine", &list);
    assert!(!list["entries"].as_array().unwrap().is_empty());
    let policy = starter();
    let policy = policy.to_str().unwrap();
    let eval = |name: &str, seed: &str| {
        let (out, journal) = (format!("{name}.json"), format!("{name}.jsonl"));
        let more = [
            "--policy",
            policy,
            "--turns",
            "2",
            "--rollouts",
            "4",
            "--seed",
            seed,
        ];
        let given = [
            "eval",
            "--problems",
            "problems.jsonl",
            "--out",
            &out,
            "--journal",
            &journal,
            "--json",
        ];
        let report = said(at, &[&given[..], &more[..]].concat(), &[0]);
        fits("report", &serde_json::from_str(&report).unwrap());
        fits("evaluation", &json(at, &out));
        assert!(lines_fit("evaluation-journal", &text(at, &journal)) > 24);
    };
    eval("old", "1");
    eval("new", "2");
    let gate = [
        "gate",
        "--baseline",
        "old.json",
        "--candidate",
        "new.json",
        "--json",
    ];
    fits(
        "gate",
        &serde_json::from_str(&said(at, &gate, &[0, 1, 3])).unwrap(),
    );
    let changes = said(
        at,
        &[
            "replay",
            "--journal",
            "old.jsonl",
            "--against",
            "new.jsonl",
            "--json",
        ],
        &[1],
    );
    assert!(lines_fit("change", &changes) > 0);
    let of = ["--journal", "old.jsonl", "--problems", "problems.jsonl"];
    said(
        at,
        &[
            &["pairs", "--rule", "passed", "--out", "pairs.jsonl"][..],
            &of[..],
        ]
        .concat(),
        &[0],
    );
    said(
        at,
        &[
            &[
                "pairs",
                "--rule",
                "passed",
                "--ranking",
                "4",
                "--out",
                "rankings.jsonl",
            ][..],
            &of[..],
        ]
        .concat(),
        &[0],
    );
    said(
        at,
        &[
            &["steps", "--labels", "exact", "--out", "steps.jsonl"][..],
            &of[..],
        ]
        .concat(),
        &[0],
    );
    for name in ["pairs.jsonl", "rankings.jsonl", "steps.jsonl"] {
        assert!(lines_fit("preference", &text(at, name)) > 0, "{name}");
    }
    for (name, learn) in [("last.jsonl", "last"), ("every.jsonl", "all")] {
        said(
            at,
            &[&["rft", "--learn", learn, "--out", name][..], &of[..]].concat(),
            &[0],
        );
        assert!(lines_fit("demonstration", &text(at, name)) > 0, "{name}");
    }
}

#[test]
fn what_train_writes_fits_and_the_page_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    problems(at);
    let policy = starter();
    write(
        at,
        "run.toml",
        &format!(
            "policy = {policy:?}\nproblems = \"problems.jsonl\"\nrounds = 2\nproblems_per_round = 6\n[resources]\ncheckpoint_every = 1\n\
            [evaluation]\nproblems = \"valid.jsonl\"\nrollouts = 1\n[validation]\nproblems = \"valid.jsonl\"\nevery = 1\nrollouts = 1\n\
            [data]\ncurriculum = \"solve_rate\"\n"
        ),
    );
    said(at, &["train", "--config", "run.toml", "--run", "run"], &[0]);
    let run = at.join("run");
    let text = |name: &str| text(&run, name);
    assert_eq!(lines_fit("metrics", &text("metrics.jsonl")), 2);
    assert_eq!(lines_fit("timings", &text("timings.jsonl")), 2);
    let credit = std::fs::File::open(run.join("credit.jsonl.zst")).unwrap();
    let credit = zstd::decode_all(credit).unwrap();
    assert!(lines_fit("credit", &String::from_utf8(credit).unwrap()) > 4);
    let index = text("journal.jsonl.zst.index");
    let (form, heads) = index.split_once('\n').unwrap();
    assert_eq!(form, r#"{"schema":"rlef-journal-index/1"}"#);
    assert!(lines_fit("journal-head", heads) > 0);
    let journal = std::fs::File::open(run.join("journal.jsonl.zst")).unwrap();
    let journal = zstd::stream::decode_all(journal).unwrap();
    assert!(lines_fit("journal", &String::from_utf8(journal).unwrap()) > 12);
    for (schema, name) in [
        ("inputs", "inputs.json"),
        ("protection", "protection.json"),
        ("evaluation", "before.json"),
        ("evaluation", "after.json"),
        ("evaluation", "validation-000002.json"),
        ("progress", "checkpoints/000002/progress.json"),
        ("rates", "checkpoints/000002/rates.json"),
        ("best", "checkpoints/best/validation.json"),
    ] {
        fits(schema, &json(&run, name));
    }
    let page = std::fs::read_to_string(docs().join("files.md")).unwrap();
    let mut folders = vec![run.clone()];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let is_counted = name.bytes().all(|byte| byte.is_ascii_digit());
            if path.is_dir() {
                folders.push(path);
            }
            names.insert(match name.split_once("validation-0") {
                _ if is_counted => "NNNNNN".to_owned(),
                Some(_) => "validation-NNNNNN.json".to_owned(),
                None if name.starts_with("events.") => "events.".to_owned(),
                None => name,
            });
        }
    }
    for name in names {
        assert!(page.contains(&name), "docs/files.md does not name {name}");
    }
}

/// A literal of all fields, so that a new one is seen here.
#[test]
fn what_is_said_of_a_process_model_fits() {
    let some = rlef::statistics::Estimate {
        mean: 0.5,
        low: 0.25,
        high: 0.75,
    };
    let report = rlef::process_model::Report {
        answers: 2,
        steps: 5,
        right: 0.6,
        accuracy: some,
        accuracy_of_right: some,
        accuracy_of_wrong: some,
        with_wrong: 1,
        first_found: some,
    };
    fits("process-report", &serde_json::to_value(report).unwrap());
}
