//! Which step of building a jail failed, and which safeguard is missing because of it.

use std::path::PathBuf;

use nix::errno::Errno;

use super::seccomp::FilterError;
use crate::protection::Safeguard;
use crate::protocol::wire::WireError;

/// A step that failed; every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub(crate) enum JailError {
    #[error("read the plan from the supervisor: {0}")]
    Plan(String),
    #[error("talk to the supervisor")]
    Wire(#[from] WireError),
    #[error("put descriptors where the interpreter expects them: {0}")]
    Descriptors(Errno),
    #[error("make the namespaces of the jail: {errno}")]
    Clone { lacking: Safeguard, errno: Errno },
    #[error("make a mount namespace: {0}")]
    UnshareMounts(Errno),
    #[error("make mounts private: {0}")]
    PrivateMounts(Errno),
    #[error("mount {what} at {}: {errno}", path.display())]
    Mount {
        what: &'static str,
        path: PathBuf,
        errno: Errno,
    },
    #[error("make {} read-only inside: {errno}", path.display())]
    ReadOnly { path: PathBuf, errno: Errno },
    #[error("create {} inside: {source}", path.display())]
    Create {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("make the new tree the root: {0}")]
    PivotRoot(Errno),
    #[error("detach the host's file system: {0}")]
    DetachHost(Errno),
    #[error("mount /proc: {0}")]
    Proc(Errno),
    #[error("become the jail's user and group: {0}")]
    Identity(Errno),
    #[error("give up capabilities: {0}")]
    Capabilities(Errno),
    #[error("set no_new_privs: {0}")]
    NoNewPrivileges(Errno),
    #[error("set the host name: {0}")]
    HostName(Errno),
    #[error("raise the stack limit: {0}")]
    StackLimit(Errno),
    #[error("make the system call filter: {0}")]
    Filter(#[from] FilterError),
    #[error("have the jail die with its helper: {0}")]
    DieTogether(Errno),
    #[error("start the interpreter {}: {errno}", path.display())]
    Exec { path: PathBuf, errno: Errno },
}

impl JailError {
    /// The safeguard that cannot be had because of this, if it is one.
    pub(crate) fn safeguard(&self) -> Option<Safeguard> {
        match self {
            Self::Clone { lacking, .. } => Some(*lacking),
            Self::UnshareMounts(_)
            | Self::PrivateMounts(_)
            | Self::Mount { .. }
            | Self::ReadOnly { .. }
            | Self::PivotRoot(_)
            | Self::DetachHost(_) => Some(Safeguard::PrivateRoot),
            Self::Proc(_) => Some(Safeguard::ProcFilesystem),
            Self::Identity(_) | Self::Capabilities(_) | Self::NoNewPrivileges(_) => {
                Some(Safeguard::NoCapabilities)
            }
            Self::HostName(_) => Some(Safeguard::IpcNamespace),
            Self::Filter(_) => Some(Safeguard::SystemCallFilter),
            Self::Plan(_)
            | Self::Wire(_)
            | Self::Descriptors(_)
            | Self::Create { .. }
            | Self::StackLimit(_)
            | Self::DieTogether(_)
            | Self::Exec { .. } => None,
        }
    }
}
