//! One real sandbox for all tests of this binary, and short ways to say what is judged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use rlef::comparator::Comparison;
use rlef::problem::{Problem, TestCase};
use rlef::program::Program;
use rlef::verdict::{Grade, Scope, StopAt, TestJudge, Verdict};
use rlef_sandbox::{Isolation, Language, Limits, Sandbox, SandboxConfig};

/// A sandbox of this host. One that can't be provided fails the test and says why.
pub(crate) fn sandbox(isolation: Isolation) -> Sandbox {
    let config = SandboxConfig {
        isolation,
        workers: 2,
        helper: Some(PathBuf::from(env!("CARGO_BIN_EXE_rlef"))),
        cache_directory: Some(cache_home().join("rlef")),
        ..SandboxConfig::default()
    };
    Sandbox::new(config).unwrap_or_else(|error| panic!("failed to {error}"))
}

/// The judge over processes.
pub(crate) fn judge() -> &'static TestJudge<Sandbox> {
    static JUDGE: OnceLock<TestJudge<Sandbox>> = OnceLock::new();
    JUDGE.get_or_init(|| TestJudge::new(sandbox(Isolation::Process)).with_compiled_drivers())
}

/// The judge over WebAssembly; making its interpreter takes half a minute where these tests have not done so before.
#[cfg(feature = "wasm")]
pub(crate) fn wasm_judge() -> &'static TestJudge<Sandbox> {
    static JUDGE: OnceLock<TestJudge<Sandbox>> = OnceLock::new();
    JUDGE.get_or_init(|| TestJudge::new(sandbox(Isolation::Wasm)).with_compiled_drivers())
}

/// What `XDG_CACHE_HOME` is for these tests: never where the user keeps compiled programs.
pub(crate) fn cache_home() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Limits that keep a hostile program short.
pub(crate) fn tight() -> Limits {
    Limits {
        cpu_ms: 1000,
        wall_ms: 5000,
        memory_bytes: 128 << 20,
        output_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// A problem with these tests, all private, under tight limits.
pub(crate) fn problem(tests: Vec<TestCase>) -> Problem {
    Problem {
        id: "test".into(),
        statement: String::new(),
        public_tests: Vec::new(),
        private_tests: tests,
        limits: tight(),
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::new(),
    }
}

/// A stdin test.
pub(crate) fn stdin(input: &str, expected: &str) -> TestCase {
    TestCase::Stdin {
        input: input.into(),
        expected: expected.into(),
    }
}

/// A call of `f`.
pub(crate) fn call(arguments: Vec<serde_json::Value>, expected: serde_json::Value) -> TestCase {
    TestCase::Call {
        function: "f".into(),
        arguments,
        expected,
    }
}

/// Test code over `candidate`, which is `f`.
pub(crate) fn asserted(code: &str) -> TestCase {
    TestCase::Asserted {
        entry_point: "f".into(),
        code: code.into(),
        language: Language::Python,
    }
}

/// The verdict on a program by every test of a problem.
pub(crate) fn verdict(source: &str, problem: &Problem) -> Verdict {
    let program = Program::bare(source, Language::Python);
    match judge().verdict(&program, problem, Scope::All, StopAt::Never) {
        Ok(verdict) => verdict,
        Err(error) => panic!("failed to {error}"),
    }
}

/// The grade alone.
pub(crate) fn grade(source: &str, test: TestCase) -> Grade {
    verdict(source, &problem(vec![test])).grade
}
