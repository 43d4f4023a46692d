//! Control groups of one jail: bounds and measurements of everything in it, on version 1 and version 2.
//!
//! Made once a jail and reused for every run. Where the host delegates no control group, `Host` says why, and
//! the limits fall back to rlimits. Knows nothing of programs.

mod host;
mod share;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

pub(crate) use self::host::{Delegation, Host, Version, group_name};
use self::share::{own_nice, shares};

/// Why a control group could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{step} {}", path.display())]
pub struct CgroupError {
    /// What was tried.
    pub step: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: io::Error,
}

/// An interface file that stays open.
#[derive(Debug)]
struct Interface {
    file: File,
    path: PathBuf,
}

impl Interface {
    fn open(path: PathBuf, writable: bool) -> Result<Self, CgroupError> {
        match File::options().read(true).write(writable).open(&path) {
            Ok(file) => Ok(Self { file, path }),
            Err(source) => Err(CgroupError {
                step: "open",
                path,
                source,
            }),
        }
    }

    fn write(&self, text: &str) -> Result<(), CgroupError> {
        match self.file.write_at(text.as_bytes(), 0) {
            Ok(_) => Ok(()),
            Err(source) => Err(CgroupError {
                step: "write to",
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn read(&self) -> Result<String, CgroupError> {
        let mut buffer = [0; 4096];
        match self.file.read_at(&mut buffer, 0) {
            Ok(length) => Ok(String::from_utf8_lossy(&buffer[..length]).into_owned()),
            Err(source) => Err(CgroupError {
                step: "read",
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// The number in the file, or beside `key` in it.
    fn number(&self, key: Option<&str>) -> Result<u64, CgroupError> {
        let text = self.read()?;
        let found = match key {
            None => text.trim().parse().ok(),
            Some(key) => text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
                .and_then(|value| value.trim().parse().ok()),
        };
        found.ok_or_else(|| CgroupError {
            step: "find a number in",
            path: self.path.clone(),
            source: io::Error::new(io::ErrorKind::InvalidData, text),
        })
    }
}

#[derive(Debug)]
struct Memory {
    limit: Interface,
    peak: Option<Interface>,
    usage: Interface,
    events: Interface,
    details: Interface,
    /// Written to, it has the kernel take back what it can down to that many bytes; nothing is killed.
    shrink: Interface,
    version: Version,
}

#[derive(Debug)]
struct Cpu {
    usage: Interface,
    version: Version,
}

/// The control groups of one jail.
#[derive(Debug)]
pub(crate) struct JailCgroup {
    memory: Option<Memory>,
    processes: Option<Interface>,
    cpu: Option<Cpu>,
    directories: Vec<PathBuf>,
    memory_limit: u64,
    process_limit: u64,
}

impl JailCgroup {
    /// Makes the groups that the host delegates, none if it delegates none.
    pub(crate) fn create(host: &Host, name: &str) -> Result<Self, CgroupError> {
        let mut group = Self {
            memory: None,
            processes: None,
            cpu: None,
            directories: Vec::new(),
            memory_limit: 0,
            process_limit: 0,
        };
        match group.fill(host, name) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.remove();
                Err(error)
            }
        }
    }

    fn fill(&mut self, host: &Host, name: &str) -> Result<(), CgroupError> {
        if let Ok(delegation) = &host.memory {
            let directory = self.make(delegation, name)?;
            let at = |name: &str| directory.join(name);
            self.memory = Some(match delegation.version {
                Version::One => Memory {
                    limit: Interface::open(at("memory.limit_in_bytes"), true)?,
                    peak: Some(Interface::open(at("memory.max_usage_in_bytes"), true)?),
                    usage: Interface::open(at("memory.usage_in_bytes"), false)?,
                    events: Interface::open(at("memory.oom_control"), false)?,
                    details: Interface::open(at("memory.stat"), false)?,
                    shrink: Interface::open(at("memory.limit_in_bytes"), true)?,
                    version: Version::One,
                },
                Version::Two => Memory {
                    limit: Interface::open(at("memory.max"), true)?,
                    // Can be reset per open file since Linux 6.12; before, only rusage tells the peak.
                    peak: Interface::open(at("memory.peak"), true).ok(),
                    usage: Interface::open(at("memory.current"), false)?,
                    events: Interface::open(at("memory.events"), false)?,
                    details: Interface::open(at("memory.stat"), false)?,
                    shrink: Interface::open(at("memory.high"), true)?,
                    version: Version::Two,
                },
            });
            if delegation.version == Version::Two && at("memory.swap.max").exists() {
                Interface::open(at("memory.swap.max"), true)?.write("0")?;
            }
        }
        if let Ok(delegation) = &host.processes {
            let directory = self.make(delegation, name)?;
            self.processes = Some(Interface::open(directory.join("pids.max"), true)?);
        }
        if let Ok(delegation) = &host.cpu {
            let directory = self.make(delegation, name)?;
            let file = match delegation.version {
                Version::One => "cpuacct.usage",
                Version::Two => "cpu.stat",
            };
            self.cpu = Some(Cpu {
                usage: Interface::open(directory.join(file), false)?,
                version: delegation.version,
            });
        }
        if let Ok(delegation) = &host.shares {
            let directory = self.make(delegation, name)?;
            // The group stands for all in it: it yields to others as its supervisor does.
            let nice = own_nice();
            let (file, text) = match delegation.version {
                Version::One => ("cpu.shares", shares(nice).to_string()),
                Version::Two => ("cpu.weight.nice", nice.to_string()),
            };
            if nice != 0 {
                Interface::open(directory.join(file), true)?.write(&text)?;
            }
        }
        Ok(())
    }

    fn make(&mut self, delegation: &Delegation, name: &str) -> Result<PathBuf, CgroupError> {
        let directory = delegation.parent.join(name);
        if !self.directories.contains(&directory) {
            let create = || match fs::create_dir(&directory) {
                // Left by a container that ended and whose namespace number is in use again.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs::remove_dir(&directory).and_then(|()| fs::create_dir(&directory))
                }
                result => result,
            };
            create().map_err(|source| CgroupError {
                step: "create",
                path: directory.clone(),
                source,
            })?;
            self.directories.push(directory.clone());
        }
        Ok(directory)
    }

    /// Every directory, for whoever has to remove them.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Moves a process in; its later children are born inside.
    pub(crate) fn add(&self, pid: i32) -> Result<(), CgroupError> {
        self.directories
            .iter()
            .try_for_each(|directory| write_file(&directory.join("cgroup.procs"), &pid.to_string()))
    }

    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) fn limits_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// Bounds memory and processes, if not already so bounded.
    pub(crate) fn set_limits(
        &mut self,
        memory_bytes: u64,
        processes: u64,
    ) -> Result<(), CgroupError> {
        if let Some(memory) = self
            .memory
            .as_ref()
            .filter(|_| self.memory_limit != memory_bytes)
        {
            memory.limit.write(&memory_bytes.to_string())?;
            self.memory_limit = memory_bytes;
        }
        if let Some(group) = self
            .processes
            .as_ref()
            .filter(|_| self.process_limit != processes)
        {
            group.write(&processes.to_string())?;
            self.process_limit = processes;
        }
        Ok(())
    }

    /// Bytes in use now.
    pub(crate) fn memory_bytes(&self) -> Result<Option<u64>, CgroupError> {
        self.memory
            .as_ref()
            .map(|memory| memory.usage.number(None))
            .transpose()
    }

    /// Bytes in use that are no process's own memory: host files and their names, which the kernel keeps on account of
    /// this jail and takes back when it must. Version 1 tells nothing of the names apart, so all that is left counts.
    pub(crate) fn kept_bytes(&self) -> Result<u64, CgroupError> {
        let Some(memory) = &self.memory else {
            return Ok(0);
        };
        let own = match memory.version {
            Version::One => "total_rss",
            Version::Two => "anon",
        };
        let used = memory.usage.number(None)?;
        Ok(used.saturating_sub(memory.details.number(Some(own))?))
    }

    /// Bytes of host files that the kernel counts as this jail's, because it was the first to read them.
    pub(crate) fn file_bytes(&self) -> Result<u64, CgroupError> {
        let Some(memory) = &self.memory else {
            return Ok(0);
        };
        let names = match memory.version {
            Version::One => ["total_active_file", "total_inactive_file"],
            Version::Two => ["active_file", "inactive_file"],
        };
        names.iter().try_fold(0, |sum, name| {
            Ok(memory.details.number(Some(name))?.saturating_add(sum))
        })
    }

    /// Has the kernel take back what it keeps, down to so many bytes in use. What it cannot take stays. The limit is the
    /// same afterwards: whoever comes next may need it at once.
    pub(crate) fn shrink(&self, bytes: u64) -> Result<(), CgroupError> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        // Refused where more is in use that cannot be taken back.
        let _ = memory.shrink.write(&bytes.to_string());
        match (memory.version, self.memory_limit) {
            // The same file as the limit.
            (Version::One, 0) => memory.shrink.write("-1"),
            (Version::One, limit) => memory.shrink.write(&limit.to_string()),
            (Version::Two, _) => memory.shrink.write("max"),
        }
    }

    /// Forgets the peak of earlier runs.
    pub(crate) fn reset_peak(&mut self) -> Result<(), CgroupError> {
        let Some(memory) = &mut self.memory else {
            return Ok(());
        };
        let reset = memory.peak.as_ref().map_or(Ok(()), |peak| peak.write("0"));
        match (reset, memory.version) {
            (Err(_), Version::Two) => {
                memory.peak = None;
                Ok(())
            }
            (result, _) => result,
        }
    }

    /// Bytes in use at most since the last reset, where the kernel tells.
    pub(crate) fn peak_bytes(&self) -> Result<Option<u64>, CgroupError> {
        let peak = self.memory.as_ref().and_then(|memory| memory.peak.as_ref());
        peak.map(|peak| peak.number(None)).transpose()
    }

    /// How many processes were killed for want of memory, ever.
    pub(crate) fn memory_kills(&self) -> Result<u64, CgroupError> {
        self.memory
            .as_ref()
            .map_or(Ok(0), |memory| memory.events.number(Some("oom_kill")))
    }

    /// CPU microseconds of everything inside, ever.
    pub(crate) fn cpu_us(&self) -> Result<Option<u64>, CgroupError> {
        let Some(cpu) = &self.cpu else {
            return Ok(None);
        };
        match cpu.version {
            Version::One => Ok(Some(cpu.usage.number(None)? / 1000)),
            Version::Two => cpu.usage.number(Some("usage_usec")).map(Some),
        }
    }

    /// Removes the groups; the helper does so too, so that they go even if the supervisor is killed.
    pub(crate) fn remove(&self) {
        self.directories
            .iter()
            .for_each(|directory| remove_directory(directory));
    }
}

/// Removes a group whose processes are dead or dying.
pub(crate) fn remove_directory(directory: &Path) {
    for _ in 0..100 {
        match fs::remove_dir(directory) {
            // The kernel may take a moment to let the last process go.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                thread::sleep(Duration::from_millis(5));
            }
            // Done, or somebody else was faster.
            _ => break,
        }
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), CgroupError> {
    fs::write(path, text).map_err(|source| CgroupError {
        step: "write to",
        path: path.to_owned(),
        source,
    })
}
