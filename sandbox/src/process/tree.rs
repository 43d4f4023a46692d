//! CPU time and memory of a whole process tree, from /proc: the fallback where no control group accounts for it. And
//! how long its threads had to wait for a core, which no control group tells.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// CPU microseconds of a process and all its living descendants, including children they have reaped.
///
/// Counts in clock ticks (10 ms). A process that ignores SIGCHLD hides the time of its dead children.
pub(crate) fn cpu_us(pid: i32) -> u64 {
    let mut ticks = 0;
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        // A process that ended meanwhile is counted by its parent.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        ticks += ticks_of(&stat);
        todo.extend(children(pid));
    }
    ticks * (1_000_000 / ticks_per_second())
}

/// Bytes of memory that a process and all its living descendants hold. Pages that they share count once each.
pub(crate) fn resident_bytes(pid: i32) -> u64 {
    let mut pages = 0;
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        let field = statm.split(' ').nth(1);
        pages += field
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0);
        todo.extend(children(pid));
    }
    pages * 4096
}

/// The longest that a living thread `depth` or more generations below a process has waited for a core in all its life.
pub(crate) fn longest_wait(pid: i32, depth: u32) -> Duration {
    let mut longest = 0;
    let mut todo = vec![(pid, 0)];
    while let Some((pid, generation)) = todo.pop() {
        if generation >= depth {
            longest = threads(pid)
                .filter_map(|thread| fs::read_to_string(thread.join("schedstat")).ok())
                .filter_map(|text| waited_ns(&text))
                .fold(longest, u64::max);
        }
        todo.extend(
            children(pid)
                .into_iter()
                .map(|child| (child, generation + 1)),
        );
    }
    Duration::from_nanos(longest)
}

/// Nanoseconds that the living threads `depth` or more generations below a process have run in all their lives, if every
/// one of them sleeps until something happens. Nothing if one works or wants to, or if there is none.
///
/// Twice the same answer says that nothing ran in between.
pub(crate) fn asleep(pid: i32, depth: u32) -> Option<u64> {
    let (mut ran_ns, mut sleepers) = (0, 0_u32);
    let mut todo = vec![(pid, 0)];
    while let Some((pid, generation)) = todo.pop() {
        let seen = if generation >= depth {
            threads(pid).collect()
        } else {
            Vec::new()
        };
        for thread in seen {
            let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
            match state_of(&stat) {
                Some('S') => {}
                // Ended, or ending.
                Some('Z' | 'X') | None => continue,
                Some(_) => return None,
            }
            let schedstat = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
            sleepers += 1;
            ran_ns += schedstat
                .split_whitespace()
                .next()
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0);
        }
        todo.extend(
            children(pid)
                .into_iter()
                .map(|child| (child, generation + 1)),
        );
    }
    (sleepers > 0).then_some(ran_ns)
}

/// The third field of proc_pid_stat(5), after the command's ')'.
fn state_of(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// The second number of /proc/PID/schedstat: nanoseconds spent ready to run, but not running.
fn waited_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

fn threads(pid: i32) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|thread| thread.path())
}

/// Children of any of a process's threads.
fn children(pid: i32) -> Vec<i32> {
    threads(pid)
        .filter_map(|thread| fs::read_to_string(thread.join("children")).ok())
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// utime + stime + cutime + cstime: fields 14 to 17 of proc_pid_stat(5), counted after the command's ')'.
fn ticks_of(stat: &str) -> u64 {
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return 0;
    };
    fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

fn ticks_per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten();
    ticks
        .and_then(|ticks| u64::try_from(ticks).ok())
        .filter(|&ticks| ticks > 0)
        .unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_times_are_summed_whatever_the_command_is_called() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 100 0 0 0 3 4 5 6 20 0 1 0 100 1 1";
        assert_eq!(ticks_of(stat), 3 + 4 + 5 + 6);
        assert_eq!(ticks_of("nonsense"), 0);
    }

    #[test]
    fn the_second_number_is_what_a_thread_waited() {
        assert_eq!(waited_ns("96778 3770524 2\n"), Some(3_770_524));
        assert_eq!(waited_ns(""), None);
        // Own threads are of generation 0, and there is nobody below.
        let pid = std::process::id() as i32;
        assert_eq!(longest_wait(pid, 99), Duration::ZERO);
        let own = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        assert!(longest_wait(pid, 0) >= Duration::from_nanos(waited_ns(&own).unwrap()));
    }

    #[test]
    fn who_sleeps_is_told_from_who_works() {
        assert_eq!(state_of("7 (a) b) S 1 7"), Some('S'));
        assert_eq!(state_of("nonsense"), None);
        // The thread that asks works.
        let pid = std::process::id() as i32;
        assert_eq!(asleep(pid, 0), None);
        assert_eq!(asleep(pid, 99), None);
    }

    #[test]
    fn a_process_used_some_time_once_it_worked() {
        // A child, for this process loses and gains the times of other tests' children while they are reaped.
        let mut child = std::process::Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let pid = child.id() as i32;
        while cpu_us(pid) < 30_000 {
            assert_eq!(child.try_wait().unwrap(), None, "it ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        let used = cpu_us(pid);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used >= 30_000, "{used}");
        assert_eq!(cpu_us(pid), 0, "a process that is gone");
    }
}
