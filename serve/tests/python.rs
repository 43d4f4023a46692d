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
