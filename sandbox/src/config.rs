//! What a sandbox is to be made of, as its user says.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;

use crate::isolation::Isolation;
use crate::limits::Limits;
use crate::protection::Safeguard;

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// What stands between a program and the host.
    pub isolation: Isolation,
    /// Told, in a line of text, of work that takes long and is done once for this user.
    pub progress: fn(&str),
    /// Runs at once, and jails kept warm. At most one per core is sensible.
    pub workers: usize,
    /// The interpreter; by default the first usable `python3` on the search path.
    pub python: Option<PathBuf>,
    /// The executable that becomes a jail: one whose `main` starts with [`crate::jail_entry`]. By default
    /// this very executable.
    pub helper: Option<PathBuf>,
    /// Protections that may be missing; everything else is required. See [`Safeguard::may_be_given_up`].
    pub may_lack: BTreeSet<Safeguard>,
    /// Whether to use control groups where the host delegates them. Without them memory, processes and CPU
    /// time are bounded per process, by rlimits.
    pub use_cgroups: bool,
    /// What a compiler may use on one program.
    pub compile_limits: Limits,
    /// Where compiled programs and modules are kept, in folders of their own; by default where [`crate::Store::default_root`]
    /// says.
    pub cache_directory: Option<PathBuf>,
    /// Bytes of each kind that are kept there at most; what was used the longest ago goes first.
    pub cache_bytes: u64,
    /// Wall milliseconds that one program of a pair may go on after the other has ended.
    pub pair_grace_ms: u64,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            progress: |message| drop(writeln!(std::io::stderr(), "{message}")),
            workers: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            python: None,
            helper: None,
            may_lack: BTreeSet::new(),
            use_cgroups: true,
            compile_limits: Limits {
                cpu_ms: 20_000,
                wall_ms: 120_000,
                open_files: 256,
                output_bytes: 1 << 20,
                ..Limits::default()
            },
            cache_directory: None,
            cache_bytes: 2 << 30,
            pair_grace_ms: 10_000,
        }
    }
}
