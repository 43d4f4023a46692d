//! CPU time of everything that a benchmark starts, whoever reaps it: from a control group that it joins.
//!
//! `getrusage` misses processes whose parent the kernel reaps, as it does where a namespace ends with its first.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

use anyhow::Context;

use crate::Sample;

/// A control group with this process in it, until dropped.
#[derive(Debug)]
pub struct Group {
    parent: PathBuf,
    directory: PathBuf,
    second: bool,
}

impl Group {
    /// Makes a group below this process's own (version 1 `cpuacct`, or version 2), and joins it.
    pub fn enter() -> anyhow::Result<Self> {
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let path = |controller: &str| {
            own.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':').skip(1);
                let names = fields.next()?.split(',').any(|name| name == controller);
                fields.next().filter(|_| names)
            })
        };
        let (root, own, second) = match path("cpuacct") {
            Some(own) => (Path::new("/sys/fs/cgroup/cpuacct"), own, false),
            None => (
                Path::new("/sys/fs/cgroup"),
                path("").context("no control groups")?,
                true,
            ),
        };
        let parent = root.join(own.trim_start_matches('/'));
        let directory = parent.join(format!("benchmark-{}", process::id()));
        let group = Self {
            parent,
            directory,
            second,
        };
        fs::create_dir(&group.directory)
            .with_context(|| format!("make {}", group.directory.display()))?;
        move_to(&group.directory)?;
        Ok(group)
    }

    /// CPU seconds of everything that ever ran in the group.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        if !self.second {
            let text = fs::read_to_string(self.directory.join("cpuacct.usage"))?;
            return Ok(text.trim().parse::<f64>()? / 1e9);
        }
        let text = fs::read_to_string(self.directory.join("cpu.stat"))?;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        Ok(value.context("no usage_usec")?.parse::<f64>()? / 1e6)
    }

    /// Runs `work` once and measures everything it starts.
    pub fn measure<T>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(T, Sample)> {
        let (clock, before) = (Instant::now(), self.cpu_seconds()?);
        let value = work()?;
        let wall = clock.elapsed().as_secs_f64();
        Ok((
            value,
            Sample {
                wall,
                cpu: self.cpu_seconds()? - before,
            },
        ))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails only if somebody else removed the group, which is the point.
        let _ = move_to(&self.parent);
        let _ = fs::remove_dir(&self.directory);
    }
}

fn move_to(directory: &Path) -> anyhow::Result<()> {
    let file = directory.join("cgroup.procs");
    fs::write(&file, process::id().to_string()).with_context(|| format!("write {}", file.display()))
}
