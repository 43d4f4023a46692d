//! The step of GitHub's: its inputs, the script behind it and the command line say the same, and it exits by the answer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What is no input: how the report is printed is not a step's to say, and where its summary goes is GitHub's.
const NOT_ASKED: [&str; 3] = ["json", "summary", "help"];
/// Inputs of the evaluation, which isn't the comparison's.
const OF_EVALUATION: [&str; 3] = ["problems", "policy", "eval"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the programs under test, not a candidate"
)]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn inputs() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let inputs = text.split_once("inputs:\n").unwrap().1;
    let inputs = inputs.split_once("\noutputs:").unwrap().0;
    let name = |line: &str| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        (!name.starts_with(' ')).then(|| name.to_owned())
    };
    inputs.lines().filter_map(name).collect()
}

#[test]
fn every_flag_is_an_input_and_every_input_is_used() {
    let help = command(env!("CARGO_BIN_EXE_rlef-judge"))
        .args(["gate", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // Flags stand in a list of their own; in wrapped texts and in examples others' may begin a line.
    let list = help.split_once("Options:\n").unwrap().1;
    let list = list
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '));
    let flags: BTreeSet<String> = list
        .filter_map(|line| {
            let flag = line.strip_prefix("      ").or(line.strip_prefix("  -h, "));
            let flag = flag?.strip_prefix("--")?.split([' ', '=']).next()?;
            Some(flag.to_owned())
        })
        .collect();
    assert!(flags.len() > 10, "{help}");
    let inputs = inputs();
    let expected: BTreeSet<String> = flags
        .iter()
        .filter(|flag| !NOT_ASKED.contains(&flag.as_str()))
        .cloned()
        .chain(OF_EVALUATION.map(str::to_owned))
        .collect();
    assert_eq!(inputs, expected);
    let action = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let script = std::fs::read_to_string(root().join("action/gate.sh")).unwrap();
    for name in &inputs {
        assert!(
            action.contains(&format!("${{{{ inputs.{name} }}}}")),
            "{name}"
        );
        let word = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
        let is_used = script.split(word).any(|other| other == name)
            || script.contains(&format!("RLEF_{}", name.to_uppercase()))
            || name == "candidate";
        assert!(is_used, "{name}");
    }
    // Nothing that somebody typed is part of a command.
    let runs = action
        .lines()
        .filter(|line| line.trim_start().starts_with("run:"));
    assert!(
        runs.into_iter().all(|line| !line.contains("${{")),
        "{action}"
    );
}

#[test]
fn a_program_is_kept_before_the_gate_may_fail() {
    let action = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let steps = [
        "gate.sh\" program",
        "actions/cache/restore@",
        "gate.sh\" install",
        "actions/cache/save@",
        "gate.sh\" evaluate",
        "gate.sh\" compare",
    ];
    let places = steps.map(|step| action.find(step).unwrap_or_else(|| panic!("no {step}")));
    assert!(places.is_sorted(), "{places:?}");
    // The one that does both saves at the end of a job, and only of one that succeeds.
    assert!(!action.contains("actions/cache@"), "{action}");
    // Each step after the first is told where the program is.
    let told = "RLEF_PROGRAMS: ${{ steps.program.outputs.folder }}";
    assert_eq!(action.matches(told).count(), 3);
}

#[test]
fn every_state_of_the_sources_has_a_program_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["action", "judge", "starter", "target"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    std::fs::copy(root().join("action/gate.sh"), at("action/gate.sh")).unwrap();
    std::fs::write(at("judge/checker.cpp"), "int main() {}").unwrap();
    let state = || {
        let output = command("bash")
            .arg(at("action/gate.sh"))
            .arg("program")
            .env_remove("RLEF_PROGRAMS")
            .env("GITHUB_OUTPUT", at("target/out"))
            .env("RLEF_GIVEN", "same.json")
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}");
        let out = std::fs::read_to_string(at("target/out")).unwrap();
        std::fs::remove_file(at("target/out")).unwrap();
        let state = out.trim_end().rsplit('-').next().unwrap().to_owned();
        assert_eq!(state.len(), 16, "{out}");
        // Where it is kept is no other state's, either.
        assert!(out.contains(&format!("/rlef-gate/{state}\n")), "{out}");
        state
    };
    let mut seen = BTreeSet::from([state()]);
    for (name, text) in [
        ("judge/checker.cpp", "int main() { return 1; }"),
        ("judge/checker.hpp", "#pragma once"),
        ("starter/words.txt", "a word"),
        ("Cargo.lock", "version = 4"),
    ] {
        std::fs::write(at(name), text).unwrap();
        assert!(seen.insert(state()), "{name}");
    }
    std::fs::write(at("target/built"), "a program").unwrap();
    assert!(!seen.insert(state()));
}

/// An evaluation of twenty problems of which the first few are solved.
fn evaluation(solved: usize) -> String {
    let problem = |number: usize| {
        format!(
            "{{\"id\":\"p{number:02}\",\"hash\":\"h\",\"rules\":0,\"n\":5,\"c\":[{c}],\"public\":{c}}}",
            c = if number < solved { 5 } else { 0 }
        )
    };
    let problems: Vec<String> = (0..20).map(problem).collect();
    format!(
        "{{\"schema\":\"rlef-evaluation/1\",\"provenance\":{{\"rlef\":\"0\",\"problems\":\"s\",\"problems_hash\":\"0\",\
         \"policy\":{{\"name\":\"p\"}},\"play\":{{\"turns\":1,\"feedback\":\"real\",\"style\":\"full\",\"wording\":\"0\",\
         \"sampling\":{{}}}},\"sandbox\":{{\"version\":\"0\",\"isolation\":\"process\",\"interpreter\":\"python\",\"rules\":1}},\
         \"rollouts\":5,\"seed\":1}},\"rules\":[{{\"comparison\":1,\"limits\":1}}],\"problems\":[{}]}}",
        problems.join(",")
    )
}

#[test]
fn a_step_exits_by_the_answer_and_hands_every_input_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rlef-judge"), at("bin/rlef-judge")).unwrap();
    std::fs::write(at("old.json"), evaluation(18)).unwrap();
    std::fs::write(at("same.json"), evaluation(18)).unwrap();
    std::fs::write(at("worse.json"), evaluation(4)).unwrap();
    // Two of five rollouts of each problem were lost to the sandbox.
    let lost = evaluation(18).replace("\"n\":5,\"c\":[5]", "\"n\":3,\"lost\":2,\"c\":[3]");
    let lost = lost.replace("\"n\":5,\"c\":[0]", "\"n\":3,\"lost\":2,\"c\":[0]");
    let lost = lost.replace("\"public\":5", "\"public\":3");
    std::fs::write(at("lost.json"), lost).unwrap();
    let step = |name: &str, variables: &[(&str, &str)]| -> Output {
        let mut script = command("bash");
        script
            .arg(root().join("action/gate.sh"))
            .arg(name)
            .current_dir(folder.path())
            .env("RLEF_PROGRAMS", folder.path())
            .env("GITHUB_OUTPUT", at("out"))
            .env("GITHUB_STEP_SUMMARY", at("summary.md"));
        for (name, value) in variables {
            script.env(name, value);
        }
        script.output().unwrap()
    };
    let compare = |candidate: &str, more: &[(&str, &str)]| {
        let mut variables = vec![
            ("RLEF_BASELINE", "old.json"),
            ("RLEF_CANDIDATE", candidate),
            ("RLEF_GIVEN", candidate),
            ("RLEF_JUNIT", "gate.xml"),
        ];
        variables.extend(more);
        step("compare", &variables)
    };
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for (candidate, more, code) in [
        ("same.json", &[("RLEF_INCONCLUSIVE", "pass")][..], 0),
        ("worse.json", &[("RLEF_MARGIN", "10")], 1),
        ("worse.json", &[("RLEF_MARGIN", "-1")], 2),
        ("worse.json", &[("RLEF_GOLDEN", "p00\nnobody")], 3),
        (
            "same.json",
            &[
                ("RLEF_ALLOW", "sandbox\nrules"),
                ("RLEF_INCONCLUSIVE", "pass"),
            ],
            0,
        ),
        // Words are words, whatever is in them.
        ("same.json", &[("RLEF_K", "1; touch pwned")], 2),
        ("none.json", &[], 2),
        // No regression, and none that was ruled out.
        ("lost.json", &[("RLEF_INCONCLUSIVE", "pass")], 4),
        (
            "lost.json",
            &[
                ("RLEF_INCONCLUSIVE", "pass"),
                ("RLEF_MAX_INFRA_RATE", "0.5"),
            ],
            0,
        ),
    ] {
        let output = compare(candidate, more);
        let words = said(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{candidate} {more:?}: {words}"
        );
        let out = std::fs::read_to_string(at("out")).unwrap();
        assert!(out.ends_with(&format!("code={code}\n")), "{out}");
    }
    assert!(!at("pwned").exists());
    assert!(
        std::fs::read_to_string(at("gate.xml"))
            .unwrap()
            .contains("<testsuite")
    );
    let worse = compare("worse.json", &[("RLEF_MARGIN", "10")]);
    assert_eq!(worse.status.code(), Some(1), "{}", said(&worse));
    let summary = std::fs::read_to_string(at("summary.md")).unwrap();
    assert!(summary.contains("p04"), "{summary}");
    // What is to be checked is given, or made; nothing else is tried.
    let output = step("evaluate", &[("RLEF_GIVEN", "same.json")]);
    assert!(output.status.success(), "{}", said(&output));
    let out = std::fs::read_to_string(at("out")).unwrap();
    assert!(out.ends_with("candidate=same.json\n"), "{out}");
    let output = step("evaluate", &[("RLEF_POLICY", "replay:x")]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    // Which program, and under which name it is kept.
    for (given, program) in [("same.json", "rlef-judge-"), ("", "rlef-Linux-")] {
        assert!(step("program", &[("RLEF_GIVEN", given)]).status.success());
        let out = std::fs::read_to_string(at("out")).unwrap();
        assert!(
            out.lines()
                .last()
                .unwrap()
                .starts_with(&format!("key={program}")),
            "{out}"
        );
    }
    let output = step("install", &[("RLEF_GIVEN", "same.json")]);
    assert!(output.status.success(), "{}", said(&output));
}
