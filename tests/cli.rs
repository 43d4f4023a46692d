//! The commands as a person types them: exit codes, and what is said when the input is bad.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
pub(crate) fn rlef(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .args(arguments)
        .output()
        .unwrap()
}

pub(crate) fn refused(folder: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let output = rlef(folder, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for part in parts {
        assert!(
            said.contains(part),
            "{arguments:?} does not say {part:?}: {said}"
        );
    }
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
}

pub(crate) fn starter() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("starter")
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn every_verb_shows_examples_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    let said = |arguments: &[&str]| {
        let output = rlef(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let help = said(&["--help"]);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() >= 10, "{help}");
    for verb in verbs {
        let help = said(&[verb, "--help"]);
        let example = format!("  rlef {verb}");
        let examples = help.split("Example").nth(1).unwrap_or_default();
        assert!(examples.contains(&example), "{help}");
    }
}

const PROBLEM: &str = r#"{"id":"double","statement":"Double it.","public_tests":[{"kind":"stdin","input":"2\n","expected":"4\n"}],"private_tests":[{"kind":"stdin","input":"5\n","expected":"10\n"}]}"#;

#[test]
fn bad_input_names_file_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "problems.jsonl", PROBLEM);
    write(
        at,
        "broken.jsonl",
        "{\"problem_id\":\"double\",\"program\":\"print(1)\"}\n{\"problem_id\": 7}\n",
    );
    write(
        at,
        "unknown.jsonl",
        "{\"problem_id\":\"triple\",\"program\":\"print(1)\"}\n",
    );
    write(
        at,
        "empty.jsonl",
        r#"{"id":"none","statement":"x","public_tests":[],"private_tests":[]}"#,
    );
    write(at, "run.toml", "seed = 1\n\n[reward]\nkl_betta = 0.1\n");
    refused(
        at,
        &[
            "judge",
            "--problems",
            "absent.jsonl",
            "--programs",
            "broken.jsonl",
        ],
        2,
        &["absent.jsonl"],
    );
    refused(
        at,
        &[
            "judge",
            "--problems",
            "problems.jsonl",
            "--programs",
            "broken.jsonl",
        ],
        2,
        &["broken.jsonl", "2"],
    );
    refused(
        at,
        &[
            "judge",
            "--problems",
            "problems.jsonl",
            "--programs",
            "unknown.jsonl",
        ],
        2,
        &["triple"],
    );
    refused(
        at,
        &[
            "judge",
            "--problems",
            "empty.jsonl",
            "--programs",
            "unknown.jsonl",
        ],
        2,
        &["none", "test"],
    );
    refused(
        at,
        &["train", "--config", "run.toml"],
        2,
        &["run.toml", "line 4", "kl_betta"],
    );
    refused(
        at,
        &["train", "--resume", "--run", "nowhere"],
        2,
        &["nowhere", "config.toml"],
    );
    refused(
        at,
        &["eval", "--policy", "nowhere"],
        2,
        &["nowhere", "config.json"],
    );
    refused(at, &["replay", "--journal", "nowhere"], 2, &["nowhere"]);
    refused(at, &["trian"], 2, &["trian"]);
    assert!(
        !at.join("runs").exists(),
        "a refused run left a folder behind"
    );
}

#[test]
fn a_checkpoint_of_another_shape_names_the_tensor() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(starter().join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config["intermediate_size"] = 99.into();
    std::fs::write(&path, config.to_string()).unwrap();
    refused(
        folder.path(),
        &["eval", "--policy", "."],
        2,
        &["mlp.gate_proj.weight", "99"],
    );
    config["model_type"] = "gpt2".into();
    std::fs::write(&path, config.to_string()).unwrap();
    refused(
        folder.path(),
        &["eval", "--policy", "."],
        2,
        &["config.json", "gpt2"],
    );
}

#[test]
fn a_problem_that_cannot_be_judged_is_no_failure_of_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let interactive = PROBLEM.replace("double", "talk").replace(
        r#""statement""#,
        r#""comparison":{"rule":"interactor","language":"rust","source":"fn main() {}"},"statement""#,
    );
    write(at, "problems.jsonl", &format!("{PROBLEM}\n{interactive}"));
    let programs = [
        r#"{"problem_id":"double","program":"print(2 * int(input()))"}"#,
        r#"{"problem_id":"talk","program":"print(4)"}"#,
    ];
    write(at, "programs.jsonl", &programs.join("\n"));
    let judge = |programs| {
        let set = ["judge", "--problems", "problems.jsonl", "--programs"];
        [set.as_slice(), &[programs]].concat()
    };
    refused(
        at,
        &judge("programs.jsonl"),
        2,
        &["1 of 2 accepted, 1 not judged: their problem is at fault"],
    );
    // Only problems that programs are for have to be such.
    write(at, "one.jsonl", programs[0]);
    let output = rlef(at, &judge("one.jsonl"));
    assert_eq!(output.status.code(), Some(0));
    let line = r#"{"problem_id":"ID","completions":["x"]}"#;
    let lines = ["double", "talk"].map(|id| line.replace("ID", id));
    write(at, "replayed.jsonl", &lines.join("\n"));
    let policy = "replay:replayed.jsonl";
    let eval = ["eval", "--problems", "problems.jsonl", "--policy", policy];
    let one = ["--rollouts", "1", "--out", "out.json"];
    refused(
        at,
        &[eval.as_slice(), &one].concat(),
        2,
        &[
            "`talk`",
            "an interactor",
            "1 of the 2 problems",
            "--quarantine",
        ],
    );
    assert!(!at.join("out.json").exists());
}

#[test]
fn judge_prints_one_line_a_program_in_order() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "problems.jsonl", PROBLEM);
    let programs = [
        r#"{"problem_id":"double","program":"print(2 * int(input()))"}"#,
        r#"{"problem_id":"double","program":"print(4)"}"#,
        r#"{"task_id":"double","completion":"Sure:\n```python\nprint(int(input()) + 2)\n```"}"#,
        r#"{"problem_id":"double","completion":"I don't know."}"#,
    ];
    write(folder.path(), "programs.jsonl", &programs.join("\n"));
    let output = rlef(
        folder.path(),
        &[
            "judge",
            "--problems",
            "problems.jsonl",
            "--programs",
            "programs.jsonl",
            "--json",
        ],
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<serde_json::Value> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let verdicts: Vec<&str> = lines
        .iter()
        .map(|line| line["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(
        verdicts,
        ["accepted", "wrong_answer", "wrong_answer", "no_program"]
    );
    assert_eq!(
        (lines[0]["passed"].as_u64(), lines[0]["total"].as_u64()),
        (Some(2), Some(2))
    );
    assert!(lines[0]["first_failure"].is_null() && !lines[1]["first_failure"].is_null());
}

#[test]
fn the_built_in_set_is_written_and_read_back_and_its_references_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    assert_eq!(
        rlef(at, &["contest", "--split", "test", "--out", "test.jsonl"])
            .status
            .code(),
        Some(0)
    );
    let problems = rlef::problem::load(&at.join("test.jsonl")).unwrap();
    assert_eq!(problems.len(), 300);
    let programs: Vec<String> = problems
        .iter()
        .map(|problem| {
            serde_json::json!({"problem_id": problem.id, "program": problem.references[0].source})
                .to_string()
        })
        .collect();
    write(at, "references.jsonl", &programs.join("\n"));
    let output = rlef(
        at,
        &[
            "judge",
            "--problems",
            "test.jsonl",
            "--programs",
            "references.jsonl",
            "--json",
        ],
    );
    let accepted = String::from_utf8_lossy(&output.stdout)
        .matches("\"verdict\":\"accepted\"")
        .count();
    assert_eq!(accepted, problems.len());
}

/// Answers to copies of [`PROBLEM`], one line a sample: right, or wrong at the first turn, or always wrong.
fn samples(count: usize, wrong: usize, at_first: usize) -> String {
    let right = "```python\nprint(2 * int(input()))\n```";
    let bad = "```python\nprint(3 * int(input()))\n```";
    (0..count)
        .map(|index| {
            let said = if index < wrong {
                vec![bad, bad]
            } else if index < wrong + at_first {
                vec![bad, right]
            } else {
                vec![right]
            };
            serde_json::json!({"problem_id": format!("p{index}"), "completions": said}).to_string()
                + "\n"
        })
        .collect()
}

#[test]
fn an_evaluation_is_recorded_and_gated() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let problems: String = (0..40)
        .map(|index| {
            // Problems of one statement would be one cluster, and one cluster tells nothing.
            PROBLEM
                .replace("\"double\"", &format!("\"p{index}\""))
                .replace("Double it.", &format!("Double it, please, time {index}."))
                + "\n"
        })
        .collect();
    write(at, "problems.jsonl", &problems);
    write(at, "old.jsonl", &samples(40, 0, 10));
    write(at, "new.jsonl", &samples(40, 12, 10));
    let evaluate = |policy: &str, out: &str, more: &[&str]| {
        let policy = format!("replay:{policy}");
        let mut arguments = vec![
            "eval",
            "--problems",
            "problems.jsonl",
            "--policy",
            &policy,
            "--turns",
            "2",
            "--rollouts",
            "1",
            "--style",
            "full",
            "--out",
            out,
        ];
        arguments.extend(more);
        let output = rlef(at, &arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let table = evaluate("old.jsonl", "old.json", &[]);
    assert!(
        table
            .contains("75.0% solved at the first turn, 25.0% more by later turns, 0.0% not solved"),
        "{table}"
    );
    evaluate("old.jsonl", "again.json", &[]);
    evaluate("new.jsonl", "new.json", &[]);
    evaluate("old.jsonl", "silent.json", &["--feedback", "silent"]);
    // Fresh answers at the same budget and answers that are read again go through the same door.
    evaluate("old.jsonl", "fresh.json", &["--feedback", "independent"]);
    evaluate("old.jsonl", "self.json", &["--feedback", "self-repair"]);
    let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
    assert_eq!(read("old.json"), read("again.json"));
    replayed(at, &|journal: &str| {
        evaluate("old.jsonl", "journalled.json", &["--journal", journal]);
    });
    let gate = |candidate: &str, more: &[&str]| {
        let mut arguments = vec!["gate", "--baseline", "old.json", "--candidate", candidate];
        arguments.extend(more);
        let output = rlef(at, &arguments);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, said) = gate("again.json", &["--margin", "10"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = gate("again.json", &["--margin", "1"]);
    assert!(
        code == Some(3) && said.starts_with("inconclusive"),
        "{said}"
    );
    assert_eq!(
        gate("again.json", &["--margin", "1", "--inconclusive", "pass"]).0,
        Some(0)
    );
    let (code, said) = gate(
        "new.json",
        &["--json", "--junit", "gate.xml", "--summary", "summary.md"],
    );
    assert_eq!(code, Some(1), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["verdict"], "regression");
    // All 12 went down: 2^-12.
    assert!((report["overall"]["p"].as_f64().unwrap() - 0.5_f64.powi(12)).abs() < 1e-12);
    assert!(read("gate.xml").contains("failures=\"13\""));
    assert!(read("summary.md").contains("Newly failing: 12"));
    assert_eq!(
        gate("new.json", &["--turn", "1", "--golden", "p30"]).0,
        Some(1)
    );
    let (code, said) = gate("silent.json", &[]);
    assert!(
        code == Some(3) && said.contains("silent") && said.contains("--allow feedback"),
        "{said}"
    );
    refused(
        at,
        &[
            "gate",
            "--baseline",
            "problems.jsonl",
            "--candidate",
            "old.json",
        ],
        2,
        &["problems.jsonl"],
    );
    refused(
        at,
        &[
            "gate",
            "--baseline",
            "old.json",
            "--candidate",
            "old.json",
            "--alpha",
            "2",
        ],
        2,
        &["alpha"],
    );
    write(
        at,
        "bad.json",
        &read("old.json").replace("\"n\":1,\"c\":[1,1]", "\"n\":1,\"c\":[1,2]"),
    );
    refused(
        at,
        &["gate", "--baseline", "old.json", "--candidate", "bad.json"],
        2,
        &["bad.json", "problem p", "c is 2"],
    );
}

/// A journal judged again says nothing; one whose verdict or tests were changed says where and why.
fn replayed(at: &Path, play: &dyn Fn(&str)) {
    play("journal.jsonl");
    let run = |arguments: &[&str]| {
        let output = rlef(
            at,
            &[&["replay", "--journal", "journal.jsonl"], arguments].concat(),
        );
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    assert_eq!(
        run(&["--problems", "problems.jsonl"]),
        (Some(0), String::new())
    );
    let problems = std::fs::read_to_string(at.join("problems.jsonl")).unwrap();
    write(
        at,
        "changed.jsonl",
        &problems.replacen("\"expected\":\"10\\n\"", "\"expected\":\"11\\n\"", 1),
    );
    let (code, said) = run(&["--problems", "changed.jsonl"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "p0 step 0 sample 0, all tests: was accepted, is wrong answer; test 1 expected '11' and got '10'\n"
    );
    let journal = std::fs::read_to_string(at.join("journal.jsonl")).unwrap();
    let episodes: Vec<&str> = (journal.lines())
        .filter(|line| !line.starts_with("{\"event\":"))
        .collect();
    write(
        at,
        "other.jsonl",
        &episodes
            .join("\n")
            .replacen("wrong_answer", "time_limit", 1),
    );
    assert_eq!(run(&["--against", "journal.jsonl"]).0, Some(0));
    let (code, said) = run(&["--against", "other.jsonl", "--json"]);
    assert_eq!(code, Some(1));
    let change: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&change["turn"], &change["what"]["is"]["grade"]),
        (&1.into(), &"time_limit".into())
    );
}
