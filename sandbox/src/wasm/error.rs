//! Why WebAssembly isolation itself failed.

use std::io;

use crate::store::StoreError;

/// WebAssembly isolation failed; never says anything of a program. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum WasmError {
    /// wasmtime refuses its configuration or has no room.
    #[error("use the WebAssembly engine: {0:#}")]
    Engine(wasmtime::Error),
    /// Compiled modules can't be kept or found.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The build had no access to the packages that carry the interpreter.
    #[error(
        "run Python under WebAssembly isolation: this build does not carry it; build again with network access, or \
         with RLEF_CPYTHON_CRATES naming a directory with eryx-runtime-0.5.0.crate and eryx-0.5.0.crate"
    )]
    NotCarried,
    /// The interpreter could not be made.
    #[error("prepare Python for WebAssembly, at the step to {step}: {reason}")]
    Python {
        /// What was being done.
        step: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The child that compiles modules could not be started, or did not do its work.
    #[error(
        "have a module compiled by a child process: {0}; the helper must be an executable whose main starts with \
         rlef_sandbox::jail_entry()"
    )]
    Compiler(String),
    /// A run was cut off by its wall backstop, without having had the CPU time that it may take.
    #[error(
        "run a program within its wall backstop of {waited_ms} ms: the machine is overloaded, as it got less CPU time \
         than its limit"
    )]
    Overloaded {
        /// The backstop.
        waited_ms: u64,
    },
    /// A thread with a stack large enough could not be started.
    #[error("start the thread of a run")]
    Thread(#[source] io::Error),
    /// Something that cannot happen did.
    #[error("run a program: {0}")]
    Internal(String),
}
