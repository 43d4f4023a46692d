//! What a jail is to be built of: written by the supervisor, read by the helper that becomes the jail.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::protection::Safeguard;

/// User and group id of programs, as they see it.
pub(crate) const INSIDE_ID: u32 = 1000;
/// Descriptors that the zygote finds open, beside its standard streams.
pub(crate) const CONTROL_FD: i32 = 3;
/// The process namespace of the jail, to return to after each program got its own.
pub(crate) const NAMESPACE_FD: i32 = 4;
/// The directory of the program, writable; the path /program shows it read-only.
pub(crate) const PROGRAM_FD: i32 = 5;
/// The system call filter.
pub(crate) const FILTER_FD: i32 = 6;

/// Everything the helper needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Whether the supervisor is the host's root: then the tree is built before the user namespace.
    pub(crate) as_root: bool,
    /// Host directories and files that appear at the same path inside, read-only.
    pub(crate) binds: Vec<PathBuf>,
    /// Host files that appear under another path inside, read-only.
    pub(crate) aliases: Vec<(PathBuf, PathBuf)>,
    /// Links to make where nothing of the host is bound: target and place.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// The interpreter.
    pub(crate) python: PathBuf,
    /// Environment of the interpreter.
    pub(crate) environment: Vec<(String, String)>,
    /// Modules of the zygote: file name and source.
    pub(crate) zygote: Vec<(String, String)>,
    /// A host directory to build on, seen by nobody else: it and what is below it is not bound.
    pub(crate) building_site: PathBuf,
    /// Inodes of the scratch space.
    pub(crate) scratch_inodes: u64,
    /// Control groups to remove when the jail has ended.
    pub(crate) cgroups: Vec<PathBuf>,
    /// What the configuration allows to be missing.
    pub(crate) may_lack: Vec<Safeguard>,
}

/// What the helper tells the supervisor before the zygote speaks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// The jail's first process exists and waits to be mapped and moved into its control groups.
    Born {
        /// Its process id on the host.
        pid: i32,
    },
    /// The jail stands; what could not be had, though the plan allows it, with the reason.
    Built {
        /// Missing safeguards.
        missing: Vec<(Safeguard, String)>,
    },
    /// A step failed.
    Failed {
        /// The safeguard that is missing because of it, if it is one.
        safeguard: Option<Safeguard>,
        /// The step and the kernel's answer.
        reason: String,
    },
}
