//! What one run may use. Decides nothing about what happens when a limit is met: see `outcome`.

use serde::{Deserialize, Serialize};

/// Upper bounds for one run of one program on one input.
///
/// CPU time decides a `TimeLimit`; wall time is a backstop against programs that sleep. It starts when the program
/// starts, never while it waits for a free worker, and what the program waits for a core is not counted, up to nine
/// times the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// CPU milliseconds (user + system) of the program and all its descendants.
    pub cpu_ms: u64,
    /// Wall milliseconds from the start of the program; at least `cpu_ms`.
    pub wall_ms: u64,
    /// Bytes of memory, by cgroup where delegated, else address space (RLIMIT_AS).
    pub memory_bytes: u64,
    /// Processes and threads alive at once.
    pub processes: u64,
    /// Open file descriptors per process.
    pub open_files: u64,
    /// Bytes on standard output, and again on standard error.
    pub output_bytes: u64,
    /// Bytes of the largest file a program may write, and of its whole work directory.
    pub file_bytes: u64,
    /// Bytes of stack.
    pub stack_bytes: u64,
    /// Python: digits of the longest number that is read from text or written as text; 0 for any. Without it the
    /// interpreter has its own rule, which says 4300 since 3.11 and in late releases before. At least 640 where not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub int_digits: Option<u32>,
}

impl Default for Limits {
    /// RLEF's defaults (arXiv 2410.02089, section 3.1): 10 s and 1 GB; the rest fits any contest program.
    fn default() -> Self {
        Self {
            cpu_ms: 10_000,
            wall_ms: 30_000,
            memory_bytes: 1 << 30,
            processes: 64,
            open_files: 64,
            output_bytes: 16 << 20,
            file_bytes: 64 << 20,
            stack_bytes: 256 << 20,
            int_digits: None,
        }
    }
}
