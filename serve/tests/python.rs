//! The Python package over this program: its own tests, by the python3 that is on the search path (3.10 or later, and no
//! packages).

use std::path::Path;
use std::process::{Command, Stdio};

fn passes(module: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/tests");
    let home = tempfile::tempdir().unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the package under test, not a candidate"
    )]
    let mut python = Command::new("python3");
    let ran = python
        .args(["-W", "error::SyntaxWarning", "-m", "unittest", module])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RLEF_JUDGE", env!("CARGO_BIN_EXE_rlef-judge"))
        .env("RLEF_CACHE", home.path())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("python3 is needed: {error}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let last = said.trim_end().lines().last().unwrap_or_default();
    assert!(said.contains("Ran ") && last == "OK", "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn clients_judge_and_tell_failures_from_verdicts() {
    passes("test_judge");
}

#[test]
fn a_private_server_ends_with_its_parent() {
    passes("test_parent");
}

#[test]
fn advantages_are_those_worked_by_hand() {
    passes("test_advantage");
}

#[test]
fn adapters_fit_their_trainers_shapes() {
    passes("test_adapters");
}

#[test]
fn a_pool_gives_what_a_node_has_lost_to_another() {
    passes("test_ray");
}

/// The examples that need no packages but what stands in for their frameworks; the others are run by `.ci/outside`.
#[test]
fn examples_do_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let home = tempfile::tempdir().unwrap();
    let run = |name: &str, arguments: &[&str], said: &str| {
        let answers = home.path().join("answers");
        std::fs::write(&answers, said).unwrap();
        let paths = ["python/src", "python/tests/stubs"].map(|path| root.join(path));
        #[expect(
            clippy::disallowed_methods,
            reason = "the test starts the example, which is no candidate"
        )]
        let mut python = Command::new("python3");
        let ran = python
            .arg(root.join("examples/python").join(name))
            .args(arguments)
            .env("PYTHONPATH", std::env::join_paths(paths).unwrap())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("RLEF_JUDGE", env!("CARGO_BIN_EXE_rlef-judge"))
            .env("RLEF_CACHE", home.path())
            .stdin(std::fs::File::open(answers).unwrap())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{name}: {words}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let told = run("code_eval.py", &[], "");
    assert!(told.starts_with("{'pass@1': 0.5, 'pass@2': 1.0}"), "{told}");
    let told = run("verifiers_taskset.py", &[], "");
    assert!(
        told.contains("contest/train/00000") && told.contains("Print them joined"),
        "{told}"
    );
    // A wrong program, none, and the right one, of several lines.
    let right =
        "a=list(map(int,input().split()))\na=list(dict.fromkeys(a))[::-1]\nprint(*a,sep='/')";
    let answers = format!("```python\nprint(1)\n```\n\nnone\n\n```python\n{right}\n```\n\n");
    let told = run("skyrl_env.py", &["contest/train/00000"], &answers);
    let rewards: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("reward "))
        .collect();
    assert_eq!(rewards, ["0.0", "-0.2", "1.0"], "{told}");
}
