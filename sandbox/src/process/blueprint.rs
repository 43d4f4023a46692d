//! What every jail of a sandbox is built from, and what a jail built from it has in force.

use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};

use super::cgroup::Host;
use super::identity::Identity;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::languages::python::Interpreter;
use crate::languages::{Launch, Tools, python};
use crate::protocol::plan::Plan;

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
    /// Processes that one jail may have, so that no jail takes those of another: they are counted by user.
    pub(crate) processes: u64,
    /// What runs Python programs.
    pub(crate) interpreter: Interpreter,
    /// Where it can't be kept warm: how each of its tests is started by the jail of another, and why.
    pub(crate) afresh: Option<(Launch, String)>,
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
            binds: interpreter.paths.clone(),
            aliases: Vec::new(),
            links: links(&interpreter),
            python: interpreter.executable.clone(),
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
            processes: share_of_processes(identity, config.workers),
            interpreter,
            afresh: None,
        })
    }

    /// The same interpreter, which can't be kept warm for this `reason`, in the jail of another that can.
    pub(crate) fn hosted_by(
        &self,
        other: &Interpreter,
        reason: String,
    ) -> Result<Self, SandboxError> {
        let mut plan = self.plan.clone();
        plan.binds.extend(other.paths.iter().cloned());
        plan.binds.sort();
        plan.binds.dedup();
        let all = plan.binds.clone();
        plan.binds.retain(|path| {
            !all.iter()
                .any(|outer| outer != path && path.starts_with(outer))
        });
        plan.links.extend(links(other));
        plan.links.sort();
        plan.links.dedup();
        plan.python.clone_from(&other.executable);
        plan.building_site = building_site(&plan.binds)?;
        Ok(Self {
            plan,
            afresh: Some((python::launch(&self.interpreter), reason)),
            ..self.clone()
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
        .find(|site| site.is_dir() && !binds.iter().any(|path| lies_in(path, site)))
        .ok_or_else(|| SandboxError::SetUpJail {
            reason: format!("no directory to build on ({BUILDING_SITES:?})"),
        })
}

/// Whether a path, or what it leads to, is in a directory.
fn lies_in(path: &Path, directory: &Path) -> bool {
    path.starts_with(directory)
        || path
            .canonicalize()
            .is_ok_and(|end| end.starts_with(directory))
}

/// Links of the host that are made anew for an interpreter. Nothing but NumPy is known to need those of libraries, and
/// every jail shows as little as it can.
fn links(interpreter: &Interpreter) -> Vec<(PathBuf, PathBuf)> {
    let mut links = interpreter.way.clone();
    if interpreter.numpy {
        links.extend(interpreter.links.iter().cloned());
    }
    links
}

fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
