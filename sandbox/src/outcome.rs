//! What happened to one run: how it ended, what it printed, what it cost. Never says whether it was right.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Ended by itself with this exit code.
    Exited(i32),
    /// Killed by this signal, none of the limits being the cause.
    Signalled(i32),
    /// Used more CPU time than allowed, or ran into the wall backstop.
    TimeLimit,
    /// Needed more memory than allowed.
    MemoryLimit,
    /// Printed more than allowed.
    OutputLimit,
    /// Killed by the seccomp filter for a system call no program needs.
    Denied,
    /// The source does not compile; `stderr` holds the diagnostics and no process ran.
    CompileError,
    /// Failed after it asked for something that this isolation lacks; `stderr` ends with what. Says nothing of the program
    /// but what it had printed before.
    Unsupported,
}

/// What a run cost, as measured by the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU microseconds (user + system), descendants included.
    pub cpu_us: u64,
    /// Wall microseconds from start to end of the program, without queueing.
    pub wall_us: u64,
    /// Peak memory in bytes: where there is a cgroup, what it grew by (to a few MB; the warm interpreter is not
    /// counted); else the largest resident set of one process.
    pub memory_bytes: u64,
    /// Fuel burnt, under WebAssembly isolation: the same in every run on every machine. `cpu_us` is then what this
    /// much fuel stands for. Absent under process isolation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

/// What became of a program and of the interactor that talked with it.
///
/// It depends on what the two said, not on which of them was faster: see [`crate::Sandbox::run_interactive`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interaction {
    /// How the interactor ended.
    pub interactor: Outcome,
    /// How the program ended. If the interactor ended otherwise than content before it, it was ended for that.
    pub program: Outcome,
    /// Whether the program failed, and the interactor had heard all of it and waited for more. It was ended then, and
    /// how it ended says nothing.
    pub waited: bool,
}

impl Interaction {
    /// There is no interactor, and this is why. The program did not run.
    pub(crate) fn without_interactor(outcome: Outcome) -> Self {
        Self {
            interactor: outcome.clone(),
            program: outcome,
            waited: false,
        }
    }

    /// There is no program, and this is why. The interactor did not run.
    pub(crate) fn without_program(outcome: Outcome) -> Self {
        Self {
            interactor: outcome.clone(),
            program: outcome,
            waited: true,
        }
    }
}

/// Result of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// Standard output, at most `Limits::output_bytes`.
    pub stdout: Vec<u8>,
    /// Standard error, at most `Limits::output_bytes`.
    pub stderr: Vec<u8>,
    /// What it cost.
    pub usage: Usage,
}
