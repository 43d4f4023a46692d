//! Program × tests → Verdict; the only caller of the sandbox. Compares outside it.
//!
//! The sandbox is given the program and the inputs, never what is expected; every comparison is made here, on
//! bytes or on plain values. Knows nothing of policies, turns or rewards. One file of `verdict/` for each kind
//! of test; `runner` is the boundary to the sandbox, with a fake in tests.

use rlef_sandbox::Status;
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, TestCase};

mod asserted;
mod batch;
mod cache;
mod call;
mod checker;
mod cpp;
mod decider;
mod driver;
mod foreign;
mod host;
mod host_judge;
mod interact;
mod public;
mod python;
mod run;
mod runner;
mod source;
mod stdin;
mod test_judge;
mod value;

pub(crate) use cache::SCHEMA;
pub use cache::shortened;
pub use cache::{CACHE_BYTES, CacheError, VerdictCache};
pub use host_judge::{HostJudge, chosen_judge, host_judge, isolated_judge};
pub use public::PublicVerdict;
pub use runner::Runner;
pub(crate) use source::judged as judged_source;
pub use test_judge::TestJudge;

pub use crate::judge::{JudgeCounts, JudgeError, chain};

/// The rules by which answers become verdicts: which text is the program, how values and bytes are compared, what a failure
/// is blamed on. Raised by one whenever an answer may get another verdict than before, so that verdicts of unlike rules are
/// never compared or taken from the cache.
pub const RULES: u32 = 6;

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
    /// Needs something that the chosen isolation lacks; says nothing else of the program.
    Unsupported,
}

impl Grade {
    /// The grade's name as JSON has it, for example `wrong_answer`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::WrongAnswer => "wrong_answer",
            Self::CompileError => "compile_error",
            Self::RuntimeError => "runtime_error",
            Self::TimeLimit => "time_limit",
            Self::MemoryLimit => "memory_limit",
            Self::OutputLimit => "output_limit",
            Self::NoProgram => "no_program",
            Self::Unsupported => "unsupported",
        }
    }

    /// The grade of a run that ended this way, or `None` where it ended by itself without complaint and only
    /// what it printed decides.
    fn of(status: Status) -> Option<Self> {
        match status {
            Status::Exited(0) => None,
            Status::Exited(_) | Status::Signalled(_) | Status::Denied => Some(Self::RuntimeError),
            Status::TimeLimit => Some(Self::TimeLimit),
            Status::MemoryLimit => Some(Self::MemoryLimit),
            Status::OutputLimit => Some(Self::OutputLimit),
            Status::CompileError => Some(Self::CompileError),
            Status::Unsupported => Some(Self::Unsupported),
        }
    }
}

/// One failing test. Its texts are shortened to [`TEXT_CHARACTERS`]; the comparison was made on the whole.
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
    /// Fuel burnt over all tests that ran in WebAssembly; absent where processes ran them. The same in every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Verdict {
    /// The verdict on a completion without a program, against `total` tests.
    pub const fn no_program(total: usize) -> Self {
        Self {
            grade: Grade::NoProgram,
            passed: 0,
            total,
            failures: Vec::new(),
            cpu_ms: 0.0,
            wall_ms: 0.0,
            fuel: None,
        }
    }

    /// Whether every test passed.
    pub fn is_accepted(&self) -> bool {
        self.grade == Grade::Accepted
    }
}

/// Which of a problem's tests decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The public ones, whose outcome may be shown to the policy.
    Public,
    /// The private ones.
    Private,
    /// Public, then private.
    All,
}

impl Scope {
    /// The tests of `problem` in this scope, in order.
    pub fn tests(self, problem: &Problem) -> Vec<&TestCase> {
        let public = problem
            .public_tests
            .iter()
            .filter(|_| self != Self::Private);
        let private = problem
            .private_tests
            .iter()
            .filter(|_| self != Self::Public);
        public.chain(private).collect()
    }
}

/// When judging ends before the last test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopAt {
    /// At the first failing test; enough for a grade.
    FirstFailure,
    /// Never: every test runs, as feedback needs.
    Never,
}

/// Characters kept of each text of a [`Failure`].
pub const TEXT_CHARACTERS: usize = 4000;

/// The head of some bytes as text, and how much was left out.
fn head(bytes: &[u8]) -> String {
    // Four bytes a character at most, so the rest of a huge output is never decoded.
    let kept = &bytes[..bytes.len().min(4 * TEXT_CHARACTERS)];
    let text = String::from_utf8_lossy(kept);
    match text.char_indices().nth(TEXT_CHARACTERS) {
        Some((end, _)) => format!("{}... ({} bytes in all)", &text[..end], bytes.len()),
        None if kept.len() < bytes.len() => format!("{text}... ({} bytes in all)", bytes.len()),
        None => text.into_owned(),
    }
}

/// The tail of some bytes as text: the end of a traceback says most.
fn tail(bytes: &[u8]) -> String {
    let kept = &bytes[bytes.len().saturating_sub(4 * TEXT_CHARACTERS)..];
    let text = String::from_utf8_lossy(kept);
    let characters = text.chars().count();
    if characters <= TEXT_CHARACTERS && kept.len() == bytes.len() {
        return text.into_owned();
    }
    let start = text
        .char_indices()
        .nth(characters.saturating_sub(TEXT_CHARACTERS))
        .map_or(0, |(start, _)| start);
    format!("...{}", &text[start..])
}

#[cfg(test)]
mod tests;
