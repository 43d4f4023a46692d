//! The commands as a person types them: exit codes, and what is said when the input is bad.

mod gated;
mod words;

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
        // Lines that go on are set further in.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|verb| !verb.is_empty() && *verb != "help")
        .collect();
    assert!(verbs.len() >= 10, "{help}");
    for verb in verbs {
        let help = said(&[verb, "--help"]);
        let example = format!("  rlef {verb}");
        let examples = help.split("Example").nth(1).unwrap_or_default();
        assert!(examples.contains(&example), "{help}");
        // One that a terminal wraps can't be pasted.
        for line in examples.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
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
        &["nowhere", "no such folder", "checkpoint's folder"],
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
