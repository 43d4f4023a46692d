//! Program × tests → Verdict; the only caller of the sandbox. Compares outside it.

use serde::{Deserialize, Serialize};

/// What the tests say of a program, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Every test passed.
    Accepted,
    /// Ended well, printed something else.
    WrongAnswer,
    /// Does not compile.
    CompileError,
    /// Ended by an exception, a signal or a non-zero exit code.
    RuntimeError,
    /// Used too much time.
    TimeLimit,
    /// Used too much memory.
    MemoryLimit,
    /// Printed too much.
    OutputLimit,
    /// The completion holds no program.
    NoProgram,
}

/// One failing test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Index within the list of tests that was judged (public first, then private).
    pub test: usize,
    /// Why this test failed.
    pub grade: Grade,
    /// What the program was given, as text.
    pub input: String,
    /// What was expected, as text.
    pub expected: String,
    /// What it printed or returned, as text.
    pub got: String,
    /// The tail of its traceback or diagnostics; empty unless it crashed.
    pub trace: String,
}

/// What the tests say of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The grade of the first failing test, or `Accepted`.
    pub grade: Grade,
    /// Tests passed.
    pub passed: usize,
    /// Tests there are.
    pub total: usize,
    /// The failing tests that ran, in order.
    pub failures: Vec<Failure>,
    /// CPU milliseconds over all tests that ran.
    pub cpu_ms: f64,
    /// Wall milliseconds over all tests that ran.
    pub wall_ms: f64,
}
