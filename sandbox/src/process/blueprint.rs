//! What every jail of a sandbox is built from, and what a jail built from it has in force.

use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit};

use super::cgroup::Host;
use super::identity::Identity;
use super::worker::Worker;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::jail::plan::Plan;
use crate::languages::{Tools, python};
use crate::protection::{Protection, Safeguard, SafeguardState};

/// What a jail needs at least: the zygote, the program's first process, and a test.
const LEAST_PROCESSES: u64 = 4;
/// Inodes of the scratch space of a jail.
const SCRATCH_INODES: u64 = 16_384;
/// Where a jail's root may be built: any directory that every host has and no interpreter lives in.
const BUILDING_SITES: [&str; 7] = [
    "/mnt", "/media", "/srv", "/var/tmp", "/tmp", "/home", "/opt",
];

/// What every jail of a sandbox is built from.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    pub(crate) helper: PathBuf,
    pub(crate) plan: Plan,
    pub(crate) host: Host,
    pub(crate) identity: Identity,
    /// Whether the interpreter has NumPy.
    pub(crate) numpy: bool,
    /// Processes that one jail may have, so that no jail takes those of another: they are counted by user.
    pub(crate) processes: u64,
}

impl Blueprint {
    /// Finds what this host has, and refuses if there is no interpreter.
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let identity = Identity::find()?;
        let interpreter = python::find(config.python.as_deref())?;
        let site = building_site(&interpreter.paths)?;
        let mut zygote = owned(python::ZYGOTE);
        zygote.push(python::tier(&Tools::default()));
        let plan = Plan {
            as_root: identity != Identity::Own,
            binds: interpreter.paths,
            aliases: Vec::new(),
            // Nothing else is known to need them, and every jail shows as little as it can.
            links: if interpreter.numpy {
                interpreter.links
            } else {
                Vec::new()
            },
            python: interpreter.executable,
            environment: owned(python::ENVIRONMENT),
            zygote,
            building_site: site,
            scratch_inodes: SCRATCH_INODES,
            cgroups: Vec::new(),
            may_lack: config.may_lack.iter().copied().collect(),
        };
        let host = if config.use_cgroups {
            Host::find()
        } else {
            Host::none("the configuration does without")
        };
        let helper = config
            .helper
            .clone()
            .unwrap_or_else(|| "/proc/self/exe".into());
        Ok(Self {
            helper,
            plan,
            host,
            identity,
            numpy: interpreter.numpy,
            processes: share_of_processes(identity, config.workers),
        })
    }

    /// The same with more of the host to be seen inside, or more modules imported in advance.
    pub(crate) fn with_tools(&self, tools: &Tools) -> Result<Self, SandboxError> {
        let mut plan = self.plan.clone();
        let new = |path: &&PathBuf| !plan.binds.iter().any(|bound| path.starts_with(bound));
        let more: Vec<PathBuf> = tools.binds.iter().filter(new).cloned().collect();
        // An outer path goes first, or it would hide what was bound below it.
        plan.binds.extend(more);
        plan.binds.sort();
        plan.aliases.clone_from(&tools.aliases);
        let tier = python::tier(tools);
        plan.zygote.retain(|(name, _)| *name != tier.0);
        plan.zygote.push(tier);
        plan.building_site = building_site(&plan.binds)?;
        Ok(Self {
            plan,
            ..self.clone()
        })
    }

    /// Reads off a jail that came up what is in force; each step that failed would have stopped it.
    pub(crate) fn describe(&self, worker: &Worker) -> Protection {
        let always = |name, means: &str| SafeguardState {
            name,
            in_force: true,
            means: means.to_owned(),
            remedy: None,
        };
        let identity = match worker.owner {
            Some(uid) => format!("programs run as the unprivileged host uid {uid}"),
            None => "programs run as this user, without any capability".to_owned(),
        };
        let mut safeguards = vec![
            always(Safeguard::UserNamespace, &identity),
            always(
                Safeguard::PrivateRoot,
                "pivot_root to a tmpfs with read-only binds; the host is detached",
            ),
            always(
                Safeguard::ProcessNamespace,
                "one per jail, one more per program",
            ),
            always(
                Safeguard::NetworkNamespace,
                "no interface is up, and only local sockets can be made",
            ),
            always(
                Safeguard::IpcNamespace,
                "own System V, POSIX message and host name namespaces",
            ),
            always(Safeguard::NoCapabilities, "all sets empty, no_new_privs"),
            always(Safeguard::SystemCallFilter, "seccomp allow-list"),
            always(
                Safeguard::ProcFilesystem,
                "own instance with hidepid=2,subset=pid",
            ),
        ];
        for (name, reason) in &worker.missing {
            if let Some(state) = safeguards.iter_mut().find(|state| state.name == *name) {
                *state = SafeguardState {
                    name: *name,
                    in_force: false,
                    means: reason.clone(),
                    remedy: Some(name.remedy()),
                };
            }
        }
        let host = &self.host;
        for (name, delegation, fallback) in [
            (
                Safeguard::MemoryLimit,
                &host.memory,
                "RLIMIT_AS, per process",
            ),
            (
                Safeguard::ProcessLimit,
                &host.processes,
                "RLIMIT_NPROC, per jail",
            ),
            (
                Safeguard::CpuLimit,
                &host.cpu,
                "/proc and RLIMIT_CPU, blind to children nobody waits for",
            ),
        ] {
            safeguards.push(match delegation {
                Ok(delegation) => always(
                    name,
                    &format!("control group in {}", delegation.parent.display()),
                ),
                Err(reason) => SafeguardState {
                    name,
                    in_force: true,
                    means: format!("{fallback} (no control group: {reason})"),
                    remedy: Some(name.remedy()),
                },
            });
        }
        Protection {
            isolation: "process".to_owned(),
            interpreter: format!("{} ({})", self.plan.python.display(), worker.version),
            safeguards,
            gaps: Vec::new(),
        }
    }
}

/// An equal share of the processes that this user may have, one of them being the supervisor's own. Unbounded where each
/// jail has a user of its own.
fn share_of_processes(identity: Identity, workers: usize) -> u64 {
    match (identity, getrlimit(Resource::RLIMIT_NPROC)) {
        (Identity::Own, Ok((most, _))) => (most / (workers as u64 + 1)).max(LEAST_PROCESSES),
        _ => u64::MAX,
    }
}

/// A host directory to build on, in which nothing lies that is to be bound.
fn building_site(binds: &[PathBuf]) -> Result<PathBuf, SandboxError> {
    BUILDING_SITES
        .iter()
        .map(PathBuf::from)
        .find(|site| site.is_dir() && !binds.iter().any(|path| path.starts_with(site)))
        .ok_or_else(|| SandboxError::SetUpJail {
            reason: format!("no directory to build on ({BUILDING_SITES:?})"),
        })
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
