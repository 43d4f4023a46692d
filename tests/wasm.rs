//! WebAssembly isolation end to end: machines with no python3 and no namespaces, runs that repeat, data sets' programs.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rlef::problem;
use rlef::program::Program;
use rlef::verdict::{Grade, Scope, StopAt};
use rlef_sandbox::Language;
use serde_json::Value;

use super::cli::{starter, write};
use super::datasets::data;
use super::host::{asserted, cache_home, problem as with_tests, wasm_judge};

/// The command as on a machine where nothing is left of Python and nobody may make namespaces: every `python3` is
/// covered in a mount namespace, and the user is an ordinary one without capabilities.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn rlef_with_nothing(at: &Path, arguments: &[&str]) -> Output {
    let script = r#"
        set -e
        for one in /usr/bin/python3* /usr/local/bin/python3*; do
            if [ -f "$one" ]; then mount --bind /dev/null "$one"; fi
        done
        if python3 -c 0 2> /dev/null; then echo "python3 is still there" >&2; exit 99; fi
        echo 0 > /proc/sys/user/max_user_namespaces
        exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@"
    "#;
    Command::new("unshare")
        .args(["--user", "--map-user=65534", "--map-group=65534", "--mount"])
        .args(["--pid", "--fork", "--mount-proc", "--keep-caps"])
        .args(["sh", "-c", script, "sh", env!("CARGO_BIN_EXE_rlef")])
        .args(arguments)
        .current_dir(at)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("XDG_CACHE_HOME", cache_home())
        .env_remove("RLEF_CACHE")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn judging_and_training_need_neither_python_nor_namespaces() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "problems.jsonl",
        r#"{"id":"double","statement":"Double it.","public_tests":[{"kind":"stdin","input":"2\n","expected":"4\n"}],"private_tests":[{"kind":"stdin","input":"5\n","expected":"10\n"}]}"#,
    );
    write(
        at,
        "programs.jsonl",
        "{\"problem_id\":\"double\",\"program\":\"print(int(input()) * 2)\"}\n{\"problem_id\":\"double\",\"program\":\"print(4)\"}\n",
    );
    let judging = ["judge", "--problems", "problems.jsonl", "--programs"];
    let judge = |more: &[&str]| {
        let arguments = [&judging[..], &["programs.jsonl", "--json"], more].concat();
        rlef_with_nothing(at, &arguments)
    };
    let output = judge(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("programs run in WebAssembly, for processes would fail to"),
        "{}",
        said(&output)
    );
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<(&str, &str, bool)> = lines
        .iter()
        .map(|line| {
            (
                line["verdict"].as_str().unwrap(),
                line["isolation"].as_str().unwrap(),
                line["fuel"].as_u64().is_some_and(|fuel| fuel > 0),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("accepted", "wasm", true), ("wrong_answer", "wasm", true)]
    );
    // Who asks for processes is refused, with the reason.
    let output = judge(&["--isolation", "process"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));

    write(
        at,
        "run.toml",
        &format!(
            "policy = {:?}\nrounds = 1\nproblems_per_round = 4\n[evaluation]\nproblems = \"\"\n",
            starter().to_string_lossy()
        ),
    );
    let output = rlef_with_nothing(at, &["train", "--config", "run.toml", "--run", "run"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let protection = std::fs::read(at.join("run/protection.json")).unwrap();
    let protection: Value = serde_json::from_slice(&protection).unwrap();
    assert_eq!(protection["isolation"], "wasm");
    assert!(at.join("run/checkpoints/000001").exists());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn train(at: &Path, arguments: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", cache_home())
        .env_remove("RLEF_CACHE")
        .current_dir(at)
        .arg("train")
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended(child: std::process::Child) {
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// Two runs from one seed beside busy cores, one of them killed with SIGKILL and continued.
#[test]
fn a_killed_run_in_webassembly_on_a_busy_machine_continues_to_the_same_journal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "run.toml",
        &format!(
            "policy = {:?}\nrounds = 3\nproblems_per_round = 6\n[resources]\nisolation = \"wasm\"\ncheckpoint_every = 1\n[evaluation]\nproblems = \"\"\n",
            starter().to_string_lossy()
        ),
    );
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let result = std::panic::catch_unwind(|| {
            ended(train(at, &["--config", "run.toml", "--run", "whole"]));
            let mut killed = train(at, &["--config", "run.toml", "--run", "killed"]);
            let first = at.join("killed/checkpoints/000001");
            while !first.exists() && killed.try_wait().unwrap().is_none() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            killed.kill().unwrap();
            killed.wait().unwrap();
            assert!(
                !at.join("killed/checkpoints/000003").exists(),
                "it was too quick"
            );
            ended(train(at, &["--resume", "--run", "killed"]));
        });
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    for name in ["journal.jsonl.zst", "metrics.jsonl"] {
        let read = |run: &str| std::fs::read(at.join(run).join(name)).unwrap();
        let whole = read("whole");
        assert!(!whole.is_empty());
        assert!(whole == read("killed"), "{name} differs");
    }
}

/// Of one in `step` of a set's problems all references are accepted, and of the programs known to be wrong none is.
fn judged(file: &str, step: usize, wanted: usize) {
    let Some(path) = data(file) else { return };
    let (mut accepted, mut fooled, mut seen, mut met) = (0, Vec::new(), 0, 0);
    problem::each(&path, None, &mut |problem| {
        let mut problem = problem.unwrap();
        met += 1;
        if (met - 1) % step > 0 {
            return Ok(());
        }
        // Some of the wrong ones never end, and a second of fuel may take several.
        problem.limits.cpu_ms = problem.limits.cpu_ms.min(2000);
        let grade = |source: &str| {
            let program = Program {
                language: Language::Python,
                source: source.to_owned(),
            };
            wasm_judge()
                .verdict(&program, &problem, Scope::All, StopAt::FirstFailure)
                .unwrap()
                .grade
        };
        for reference in &problem.references {
            seen += 1;
            match grade(&reference.source) {
                Grade::Accepted => accepted += 1,
                other => eprintln!("{}: {other:?}", problem.id),
            }
        }
        let buggy = problem.labels.get("buggy_solution").map(String::as_str);
        let wrong = problem.wrong.iter().map(|one| one.source.as_str());
        for source in wrong.chain(buggy) {
            if grade(source) == Grade::Accepted {
                fooled.push(problem.id.clone());
            }
        }
        Ok(())
    })
    .unwrap();
    assert_eq!((accepted, seen), (wanted, wanted), "{file}");
    assert!(fooled.is_empty(), "{file}: {fooled:?}");
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn humaneval_and_its_buggy_twins_are_told_apart() {
    judged("humaneval/HumanEval.jsonl.gz", 8, 21);
    judged("humanevalpack/python.jsonl", 8, 21);
}

#[test]
#[ignore = "minutes: all of both sets"]
fn all_of_humaneval_and_its_buggy_twins_are_told_apart() {
    judged("humaneval/HumanEval.jsonl.gz", 1, 164);
    judged("humanevalpack/python.jsonl", 1, 164);
}

/// Comparing lists that hold themselves overflows the stack of C in the tests' interpreter: the program's doing.
#[test]
fn a_value_that_crashes_the_tests_interpreter_is_the_programs_failure() {
    let cyclic = Program::bare(
        "def f(x):\n    a = []\n    a.append(a)\n    return a\n",
        Language::Python,
    );
    let set = with_tests(vec![asserted("x = candidate(2)\nassert x == candidate(3)")]);
    let verdict = wasm_judge().verdict(&cyclic, &set, Scope::All, StopAt::Never);
    assert_eq!(verdict.unwrap().grade, Grade::WrongAnswer);
}
