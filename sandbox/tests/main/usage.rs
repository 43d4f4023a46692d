//! What of the host this process has in use: processes, control groups, descriptors, memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::text;

/// Descendants of a process, whatever they are called inside.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            todo.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
        }
        found.push(pid);
    }
    found.retain(|&child| child != pid);
    found
}

/// Control groups whose name carries a process id.
pub(crate) fn cgroups_of(pid: u32) -> usize {
    let wanted = format!("rlef-{pid}-");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = mounts
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter_map(|line| line.split(' ').nth(4));
    points
        .map(|point| count_named(Path::new(point), &wanted, 3))
        .sum()
}

fn count_named(directory: &Path, wanted: &str, depth: u32) -> usize {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| {
            let here = usize::from(entry.file_name().to_string_lossy().starts_with(wanted));
            here + if depth > 0 {
                count_named(&entry.path(), wanted, depth - 1)
            } else {
                0
            }
        })
        .sum()
}

pub(crate) fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

pub(crate) fn eventually(what: &str, check: impl Fn() -> bool) {
    let began = Instant::now();
    while !check() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// In a process of its own, so that other tests' jails do not count: this binary, told to run one test.
pub(crate) fn alone(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("RLEF_SANDBOX_ALONE", "1")
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let words = text(&output.stdout) + &text(&output.stderr);
    // Its figures, for whoever asks to see them.
    println!("{words}");
    assert!(
        output.status.success() && words.contains("1 passed"),
        "{words}"
    );
}

pub(crate) fn is_alone() -> bool {
    std::env::var_os("RLEF_SANDBOX_ALONE").is_some()
}

/// Names of the programs that descendants of this process are executing.
pub(crate) fn names_of_descendants() -> Vec<String> {
    descendants(std::process::id())
        .iter()
        .filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

/// Kills the descendants of this process.
pub(crate) fn kill_descendants() {
    for pid in descendants(std::process::id()) {
        // Already dead once its parent is.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid as i32),
            nix::sys::signal::Signal::SIGKILL,
        );
    }
}

/// Whether a process runs no more, be it reaped or not.
pub(crate) fn is_dead(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, fields)| fields.starts_with(['Z', 'X']))
}
