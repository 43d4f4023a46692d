//! Which protections are in force, by what means, and what to do about those that are not.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that stands between a program and the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Safeguard {
    /// Own user namespace: capabilities inside mean nothing outside.
    UserNamespace,
    /// Own root file system, read-only but for a small scratch space.
    PrivateRoot,
    /// Own process namespaces: one a jail, one a program.
    ProcessNamespace,
    /// Own network namespace without any interface up.
    NetworkNamespace,
    /// Own System V and POSIX message namespaces, and own host name.
    IpcNamespace,
    /// No capability in the program's process, and none to be had by exec.
    NoCapabilities,
    /// seccomp allow-list of system calls.
    SystemCallFilter,
    /// /proc that shows a program only itself.
    ProcFilesystem,
    /// Bound on memory.
    MemoryLimit,
    /// Bound on processes and threads.
    ProcessLimit,
    /// CPU time of the whole process tree, measured and bounded.
    CpuLimit,
}

impl fmt::Display for Safeguard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UserNamespace => "user namespace",
            Self::PrivateRoot => "private root",
            Self::ProcessNamespace => "process namespace",
            Self::NetworkNamespace => "network namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::NoCapabilities => "no capabilities",
            Self::SystemCallFilter => "system call filter",
            Self::ProcFilesystem => "proc file system",
            Self::MemoryLimit => "memory limit",
            Self::ProcessLimit => "process limit",
            Self::CpuLimit => "cpu limit",
        })
    }
}

impl Safeguard {
    /// Whether a configuration may give this one up; the others are what the sandbox is made of.
    pub fn may_be_given_up(self) -> bool {
        matches!(
            self,
            Self::SystemCallFilter | Self::ProcFilesystem | Self::NetworkNamespace
        )
    }

    /// What an administrator can do when the kernel refuses this one.
    pub fn remedy(self) -> String {
        let what = match self {
            Self::UserNamespace => {
                "allow unprivileged user namespaces (sysctl user.max_user_namespaces, \
                 kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), or start the \
                 container with --cap-add SYS_ADMIN --security-opt seccomp=unconfined"
            }
            Self::PrivateRoot => {
                "use Linux >= 5.12, allow mounts inside user namespaces (a container: --security-opt \
                 seccomp=unconfined --security-opt apparmor=unconfined), and raise sysctl user.max_mnt_namespaces"
            }
            Self::ProcessNamespace => "raise sysctl user.max_pid_namespaces",
            Self::NetworkNamespace => "raise sysctl user.max_net_namespaces",
            Self::IpcNamespace => {
                "raise sysctl user.max_ipc_namespaces and user.max_uts_namespaces, or start the container \
                 with --security-opt seccomp=unconfined"
            }
            Self::NoCapabilities => "use Linux >= 4.3 (ambient capabilities)",
            Self::SystemCallFilter => "use a kernel with CONFIG_SECCOMP_FILTER",
            Self::ProcFilesystem => {
                "start the container with an unmasked /proc (--security-opt systempaths=unconfined)"
            }
            Self::MemoryLimit | Self::ProcessLimit | Self::CpuLimit => {
                "delegate a control group (systemd-run --user --scope -p Delegate=yes, or run as root)"
            }
        };
        if self.may_be_given_up() {
            format!(
                "{what}, or list it in the configuration among the protections that may be missing"
            )
        } else {
            what.to_owned()
        }
    }
}

/// State of one safeguard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeguardState {
    /// Which one.
    pub name: Safeguard,
    /// Whether it really is in force.
    pub in_force: bool,
    /// By what means, or why not.
    pub means: String,
    /// How to get it, or to get it by stronger means; nothing when it is as strong as it gets.
    pub remedy: Option<String>,
}

/// What is really in force, as found by starting a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Kind of isolation that is used: "process" or "wasm".
    pub isolation: String,
    /// The interpreter that runs the programs, with its version.
    pub interpreter: String,
    /// One entry a safeguard.
    pub safeguards: Vec<SafeguardState>,
    /// What programs meet that they would not meet under `python3` on this host; a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
}

impl Protection {
    /// State of one safeguard, if it is listed.
    pub fn state(&self, name: Safeguard) -> Option<&SafeguardState> {
        self.safeguards.iter().find(|state| state.name == name)
    }
}
