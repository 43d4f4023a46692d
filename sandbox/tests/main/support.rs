//! One shared sandbox for all tests, and short words for running programs in it.

use std::path::PathBuf;
use std::sync::OnceLock;

use rlef_sandbox::{
    Batch, Isolation, Job, Language, Limits, Outcome, Safeguard, Sandbox, SandboxConfig, Start,
    Status,
};

/// The configuration of every sandbox here: the test harness has its own `main`, so another binary is the helper.
///
/// `RLEF_SANDBOX_PYTHON` names another interpreter to test with, `RLEF_SANDBOX_CGROUPS=no` does without them,
/// `RLEF_SANDBOX_START=exec` starts every program afresh, `RLEF_SANDBOX_HELPER` names a copy of the helper,
/// `RLEF_SANDBOX_ISOLATION` another isolation than processes.
pub(crate) fn config(workers: usize) -> SandboxConfig {
    SandboxConfig {
        isolation: std::env::var("RLEF_SANDBOX_ISOLATION")
            .map_or(Isolation::Process, |name| name.parse().unwrap()),
        workers,
        python: std::env::var_os("RLEF_SANDBOX_PYTHON").map(PathBuf::from),
        use_cgroups: std::env::var_os("RLEF_SANDBOX_CGROUPS").is_none_or(|value| value != "no"),
        helper: Some(helper()),
        cache_directory: Some(cache_directory()),
        ..SandboxConfig::default()
    }
}

/// Where programs compiled by tests are kept: never where the user keeps theirs.
pub(crate) fn cache_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache/rlef")
}

/// The executable that becomes a jail.
pub(crate) fn helper() -> PathBuf {
    std::env::var_os("RLEF_SANDBOX_HELPER").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_rlef-sandbox")),
        PathBuf::from,
    )
}

/// Whether every program is to be started afresh instead of forked.
pub(crate) fn starts_afresh() -> bool {
    std::env::var_os("RLEF_SANDBOX_START").is_some_and(|value| value == "exec")
}

/// The sandbox that the tests share. A host that cannot protect fails every test with the reason.
pub(crate) fn sandbox() -> &'static Sandbox {
    static SHARED: OnceLock<Sandbox> = OnceLock::new();
    SHARED
        .get_or_init(|| Sandbox::new(config(2)).unwrap_or_else(|error| panic!("failed to {error}")))
}

/// The interpreter that the sandbox found.
pub(crate) fn interpreter() -> PathBuf {
    let name = &sandbox().protection().interpreter;
    let path = name.rsplit_once(" (").map(|(path, _)| path);
    PathBuf::from(path.unwrap_or_else(|| panic!("{name}")))
}

/// Limits that a test hits soon, on a machine that may be busy.
pub(crate) fn limits() -> Limits {
    Limits {
        cpu_ms: 1_000,
        wall_ms: 20_000,
        memory_bytes: 128 << 20,
        output_bytes: 1 << 20,
        ..Limits::default()
    }
}

pub(crate) fn job(source: impl AsRef<[u8]>) -> Job {
    Job {
        language: Language::Python,
        source: source.as_ref().to_vec(),
        start: if starts_afresh() {
            Start::Exec
        } else {
            Start::Fork
        },
        files: None,
    }
}

pub(crate) fn exec_job(source: impl AsRef<[u8]>) -> Job {
    Job {
        start: Start::Exec,
        ..job(source)
    }
}

pub(crate) fn run_with(source: impl AsRef<[u8]>, input: &str, limits: &Limits) -> Outcome {
    sandbox()
        .run(&job(source), input.as_bytes(), limits)
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

/// Runs the source once for each input, as one program.
pub(crate) fn run_all(source: impl AsRef<[u8]>, inputs: &[&[u8]]) -> Vec<Outcome> {
    sandbox()
        .run_batch(&Batch::new(&job(source), inputs, &limits()))
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

pub(crate) fn run(source: impl AsRef<[u8]>, input: &str) -> Outcome {
    run_with(source, input, &limits())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program that must end well, and returns what it printed.
pub(crate) fn printed(source: impl AsRef<[u8]>, input: &str) -> String {
    let outcome = run(source, input);
    assert_eq!(
        outcome.status,
        Status::Exited(0),
        "{}",
        text(&outcome.stderr)
    );
    text(&outcome.stdout)
}

/// A correct program still gets its due from the same sandbox, twice, in case two jails are in use.
pub(crate) fn canary() {
    for number in [20, 21] {
        assert_eq!(
            printed("print(int(input()) * 2)", &format!("{number}\n")),
            format!("{}\n", number * 2)
        );
    }
}

/// Fails with the reason where a limit is in force only by weaker means.
pub(crate) fn needs_control_group(limit: Safeguard) {
    let state = sandbox().protection().state(limit).unwrap();
    assert!(
        state.remedy.is_none(),
        "the {limit} is only {}; to run this test, {}",
        state.means,
        limit.remedy()
    );
}
