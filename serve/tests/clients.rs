//! The clients of SandboxFusion and OpenEnv as PyPI has them, against this server. They are installed once for a state of
//! `clients/requirements.txt`, below the folder of build outputs, and kept.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rlef_serve::Bounds;
use sha2::{Digest as _, Sha256};

use crate::real::serve;
use crate::straw::{Straw, server};

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts clients of the program under test, not a candidate"
)]
fn python() -> Command {
    let mut python = Command::new("python3");
    python.stdin(Stdio::null());
    python
}

/// The folder of the packages, for this interpreter.
fn packages(requirements: &Path) -> PathBuf {
    let asked = python().args(["-VV"]).output().unwrap();
    let mut digest = Sha256::new();
    digest.update(std::fs::read(requirements).unwrap());
    digest.update(asked.stdout);
    let name = format!("clients-{:x}", digest.finalize());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name[..24]);
    if folder.exists() {
        return folder;
    }
    let fresh = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ran = python()
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--no-deps",
            "--only-binary=:all:",
            "--retries=2",
            "--target",
        ])
        .arg(fresh.path())
        .arg("--requirement")
        .arg(requirements)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "failed to install the clients that this test runs. Python 3.10 or later with pip has to reach PyPI, or the registry \
         that PIP_INDEX_URL names. Without a network set PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER, a folder that `pip download \
         --no-deps --requirement {} --dest FOLDER` has filled elsewhere. pip said:\n{said}",
        requirements.display()
    );
    // All of them are there, or none; another run may have been faster.
    if std::fs::rename(fresh.path(), &folder).is_ok() {
        let _ = fresh.keep();
    }
    assert!(folder.exists());
    folder
}

const PROBLEM: &str = r#"{"id": "sum", "statement": "Add two numbers.",
    "public_tests": [{"kind": "stdin", "input": "1 2\n", "expected": "3\n"}],
    "private_tests": [{"kind": "stdin", "input": "5 6\n", "expected": "11\n"}],
    "limits": {"cpu_ms": 500, "wall_ms": 3000}}"#;

#[test]
fn clients_as_they_are_published_get_what_they_ask_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let packages = packages(&folder.join("requirements.txt"));
    let own = tempfile::tempdir().unwrap();
    let problems = own.path().join("own.jsonl");
    std::fs::write(&problems, PROBLEM.replace('\n', " ")).unwrap();
    let real = serve(&["--problems", problems.to_str().unwrap()]);
    // Its callers are told early that their turn doesn't come.
    let bounds = Bounds {
        margin: Duration::from_millis(9700),
        ..Bounds::default()
    };
    let straw = server(&Straw::new(1), bounds);
    let ran = python()
        .args(["-m", "unittest", "test_clients"])
        .current_dir(&folder)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RLEF_REAL", format!("http://{}", real.address))
        .env("RLEF_STRAW", format!("http://{}", straw.address()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    let ran = said.lines().find(|line| line.starts_with("Ran "));
    assert!(ran.is_some_and(|line| !line.starts_with("Ran 0")), "{said}");
}
