//! Where this host lets us make control groups: found in /proc/self/{mountinfo,cgroup}, tried by making one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a process goes that makes room in its own group of version 2.
const LEAF: &str = "supervisor";

/// Version of the control group interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A directory in which groups with a certain controller can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delegation {
    pub(crate) version: Version,
    pub(crate) parent: PathBuf,
}

/// For each controller: where, or why not.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) memory: Result<Delegation, String>,
    pub(crate) processes: Result<Delegation, String>,
    pub(crate) cpu: Result<Delegation, String>,
    /// Shares CPU time between jails, whatever number of processes runs in each.
    pub(crate) shares: Result<Delegation, String>,
}

impl Host {
    /// Looks and tries.
    pub(crate) fn find() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (mounts, own) = (read("/proc/self/mountinfo"), read("/proc/self/cgroup"));
        let second = own_directory(&mounts, &own, None).map(|directory| prepare_second(&directory));
        let find = |controller: &str| match own_directory(&mounts, &own, Some(controller)) {
            Some(directory) => writable(&directory).map(|()| Delegation {
                version: Version::One,
                parent: directory,
            }),
            None => match &second {
                Some(Ok((parent, controllers)))
                    if controllers.iter().any(|name| name == controller) =>
                {
                    Ok(Delegation {
                        version: Version::Two,
                        parent: parent.clone(),
                    })
                }
                Some(Ok((parent, _))) => Err(format!(
                    "{} has no controller '{controller}'",
                    parent.display()
                )),
                Some(Err(reason)) => Err(reason.clone()),
                None => Err(format!(
                    "no control group file system has the controller '{controller}'"
                )),
            },
        };
        // Version 2 accounts CPU time in every group, whether or not the controller is enabled.
        let cpu = find("cpuacct").or_else(|reason| match &second {
            Some(Ok((parent, _))) => Ok(Delegation {
                version: Version::Two,
                parent: parent.clone(),
            }),
            _ => Err(reason),
        });
        let host = Self {
            memory: find("memory"),
            processes: find("pids"),
            cpu,
            shares: find("cpu"),
        };
        for delegation in [&host.memory, &host.processes, &host.cpu, &host.shares]
            .into_iter()
            .flatten()
        {
            sweep(&delegation.parent);
        }
        host
    }

    /// A host that delegates nothing.
    pub(crate) fn none(reason: &str) -> Self {
        Self {
            memory: Err(reason.to_owned()),
            processes: Err(reason.to_owned()),
            cpu: Err(reason.to_owned()),
            shares: Err(reason.to_owned()),
        }
    }
}

/// The directory of our own group: of a version 1 controller, or of version 2.
fn own_directory(mounts: &str, own: &str, controller: Option<&str>) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let ours = match controller {
            Some(controller) => controllers.split(',').any(|name| name == controller),
            None => controllers.is_empty(),
        };
        ours.then_some(path)
    })?;
    let (root, mount_point) = mounts.lines().find_map(|line| {
        let (head, tail) = line.split_once(" - ")?;
        let head: Vec<&str> = head.split(' ').collect();
        let tail: Vec<&str> = tail.split(' ').collect();
        let ours = match controller {
            Some(controller) => {
                tail[0] == "cgroup" && tail.get(2)?.split(',').any(|name| name == controller)
            }
            None => tail[0] == "cgroup2",
        };
        ours.then_some((*head.get(3)?, *head.get(4)?))
    })?;
    let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
    let directory = Path::new(mount_point).join(below);
    Some(if directory.is_dir() {
        directory
    } else {
        mount_point.into()
    })
}

/// Name of the group of a jail: no other supervisor has it, not even in another container of this host.
pub(crate) fn group_name(number: u64) -> String {
    format!("rlef-{}-{}-{number}", process::id(), process_namespace())
}

/// Number of the namespace in which our process ids are valid.
fn process_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

/// Removes what is left of supervisors that were killed together with their helpers.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = format!("-{}-", process_namespace());
        let owner = name.to_str().and_then(|name| {
            let (pid, _) = name.strip_prefix("rlef-")?.split_once(&ours)?;
            pid.parse::<u32>().ok()
        });
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Refused while anything is alive in it.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn writable(parent: &Path) -> Result<(), String> {
    static TRIES: AtomicU64 = AtomicU64::new(0);
    let probe = parent.join(format!(
        "rlef-probe-{}-{}",
        process::id(),
        TRIES.fetch_add(1, Ordering::Relaxed)
    ));
    fs::create_dir(&probe)
        .and_then(|()| {
            // Version 2: no process may enter the children of a group that has threaded controllers and processes.
            let kind = fs::read_to_string(probe.join("cgroup.type")).unwrap_or_default();
            fs::remove_dir(&probe)?;
            if kind.trim() == "domain invalid" {
                return Err(io::Error::other("no process can enter it (domain invalid)"));
            }
            Ok(())
        })
        .map_err(|error| {
            format!(
                "making a group in {} was answered with: {error}",
                parent.display()
            )
        })
}

/// A version 2 directory whose children have controllers, and which ones.
fn prepare_second(own: &Path) -> Result<(PathBuf, Vec<String>), String> {
    let enabled = |directory: &Path| -> Vec<String> {
        let text = fs::read_to_string(directory.join("cgroup.subtree_control")).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let enable = |directory: &Path| {
        let available =
            fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
        for controller in available
            .split_whitespace()
            .filter(|name| ["memory", "pids", "cpu"].contains(name))
        {
            // Refused where another owner has other plans; then the next candidate is tried.
            let _ = fs::write(
                directory.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
        }
        enabled(directory)
    };
    let mut refusal = Ok(());
    let parent = own
        .parent()
        .filter(|parent| parent.join("cgroup.subtree_control").exists());
    let mut candidates = [Some(own), parent];
    if own.ends_with(LEAF) {
        // We stepped aside before: not one deeper with every sandbox.
        candidates.reverse();
    }
    for directory in candidates.into_iter().flatten() {
        refusal = writable(directory);
        if refusal.is_err() {
            continue;
        }
        let empty =
            !occupied(directory) || directory == own && alone_in(own) && step_aside(own).is_ok();
        let controllers = if empty { enable(directory) } else { Vec::new() };
        if !controllers.is_empty() {
            return Ok((directory.to_owned(), controllers));
        }
    }
    if writable(own).is_ok() {
        return Ok((own.to_owned(), Vec::new()));
    }
    refusal.and(Err("the group of this process is not delegated".to_owned()))
}

/// Whether processes sit in the group itself, so that it must not have controlled children: 'memory' would be refused,
/// but 'cpu' and 'pids' would be enabled, and then no process could enter any child. The root group is exempt.
fn occupied(directory: &Path) -> bool {
    let processes = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    directory.join("cgroup.type").exists() && !processes.trim().is_empty()
}

fn alone_in(directory: &Path) -> bool {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.split_whitespace()
        .all(|pid| pid == process::id().to_string())
}

/// Moves this process into a leaf, because a group with processes of its own cannot have controlled children.
fn step_aside(own: &Path) -> io::Result<()> {
    let leaf = own.join(LEAF);
    if !leaf.is_dir() {
        fs::create_dir(&leaf)?;
    }
    fs::write(leaf.join("cgroup.procs"), process::id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 /docker/ab /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const OWN: &str = "4:memory:/none/such\n2:cpu,cpuacct:/\n0::/docker/ab/none\n";

    #[test]
    fn a_controller_is_found_where_it_is_mounted() {
        let find = |controller| own_directory(MOUNTS, OWN, controller);
        assert_eq!(
            find(Some("cpuacct")).unwrap(),
            Path::new("/sys/fs/cgroup/cpu,cpuacct")
        );
        // A path that does not exist here (no control group namespace) falls back to the mount point.
        assert_eq!(
            find(Some("memory")).unwrap(),
            Path::new("/sys/fs/cgroup/memory")
        );
        assert_eq!(find(None).unwrap(), Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(find(Some("pids")), None);
    }

    #[test]
    fn a_group_with_processes_gets_no_controllers() {
        let parent = tempfile::tempdir().unwrap();
        let own = parent.path().join("own");
        fs::create_dir(&own).unwrap();
        let write = |name: &str, text: &str| fs::write(own.join(name), text).unwrap();
        write("cgroup.type", "domain\n");
        write("cgroup.controllers", "cpu memory pids\n");
        write("cgroup.subtree_control", "");
        write("cgroup.procs", "1\n2\n");
        assert_eq!(prepare_second(&own), Ok((own.clone(), Vec::new())));
        let enabled = || fs::read_to_string(own.join("cgroup.subtree_control")).unwrap();
        assert_eq!(enabled(), "");
        write("cgroup.procs", "");
        // A plain file keeps the last controller written to it.
        assert_eq!(
            prepare_second(&own),
            Ok((own.clone(), vec!["+pids".to_owned()]))
        );
    }
}
