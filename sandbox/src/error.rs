//! Why the sandbox itself failed. None of these says anything about the program that was to run.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::job::Language;
use crate::process::cgroup::CgroupError;
use crate::protection::Safeguard;
use crate::protocol::wire::WireError;

/// The sandbox could not do its work; never a verdict on a program. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No usable interpreter was found; one line per candidate says why.
    #[error(
        "find a Python >= 3.8 with ctypes (install python3 or name one in the configuration); tried:\n{tried}"
    )]
    NoPython {
        /// One line per candidate.
        tried: String,
    },
    /// The host lacks what a language needs.
    #[error("run {} programs: {reason}; install its tools, see `doctor`", language.title())]
    MissingLanguage {
        /// Which language.
        language: Language,
        /// What is missing.
        reason: String,
    },
    /// A protection that the configuration requires cannot be put in force on this host.
    #[error("put the protection '{safeguard}' in force: {reason}; {remedy}")]
    MissingProtection {
        /// Which one.
        safeguard: Safeguard,
        /// What the kernel answered, at which step.
        reason: String,
        /// What to change on the host, or which opt-out to name.
        remedy: String,
    },
    /// The helper executable could not be started.
    #[error("start the jail helper {}", helper.display())]
    StartHelper {
        /// The executable that was tried.
        helper: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The jail did not come up.
    #[error("set up the jail: {reason}")]
    SetUpJail {
        /// The step that failed, and what was written to its standard error.
        reason: String,
    },
    /// The user and group of the jail could not be mapped.
    #[error("map the jail's user and group in {}", path.display())]
    MapIdentity {
        /// The map file of the kernel.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A control group could not be used.
    #[error("limit the jail by control group")]
    Cgroup(#[from] CgroupError),
    /// Talking to the jail failed.
    #[error("talk to the jail")]
    Wire(#[from] WireError),
    /// The jail ended, or reported that it cannot go on.
    #[error("keep the jail alive: {reason}")]
    JailDied {
        /// What it said last.
        reason: String,
    },
    /// The jail did not answer in time.
    #[error("get an answer from the jail within {waited:?} while it had to {step}")]
    JailSilent {
        /// What it was asked to do.
        step: &'static str,
        /// How long it was given.
        waited: Duration,
    },
    /// A descriptor for standard input, output or error could not be made.
    #[error("make the {what} of a program")]
    MakeStream {
        /// Which one.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// What the program printed could not be read, or its events could not be awaited.
    #[error("read what the program printed")]
    ReadStream(#[source] io::Error),
    /// WebAssembly isolation failed.
    #[cfg(feature = "wasm")]
    #[error(transparent)]
    Wasm(#[from] crate::wasm::error::WasmError),
    /// The crate was built without it.
    #[error("use WebAssembly isolation: this build has none; build with the feature `wasm`")]
    NoWasm,
    /// Under WebAssembly alone there is nothing to run this with.
    #[error(
        "run a program of this language in WebAssembly, and there are no processes here; choose the isolation process, \
         which says what they lack"
    )]
    NoProcess,
    /// A module was given to process isolation.
    #[error("run a WebAssembly module as a process; choose the isolation wasm or auto")]
    ModuleInProcess,
    /// The caller did not want it any more, see [`crate::Cancel`]. Nothing of the run is left.
    #[error("finish a run: it was cancelled")]
    Cancelled,
    /// The files of a program are none, or are asked for where there can be none.
    #[error("give a program files in place of its standard streams: {0}")]
    BadFiles(&'static str),
    /// The limits contradict themselves.
    #[error("accept the limits: {0}")]
    BadLimits(&'static str),
}

impl SandboxError {
    /// Whether this host lacks what processes need, so that `Auto` takes WebAssembly. An interpreter that somebody `named`
    /// and that can't be used is their mistake: CPython in WebAssembly is another version, without their packages.
    pub(crate) const fn lets_wasm_stand_in(&self, named: bool) -> bool {
        match self {
            Self::MissingProtection { .. } => true,
            Self::NoPython { .. } => !named,
            _ => false,
        }
    }
}
