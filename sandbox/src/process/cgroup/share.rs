//! How much of the processors a group gets where others want them too: as much as its supervisor.

use std::fs;

/// How nice this process is, from proc_pid_stat(5): field 19, counted after the command's ')'.
pub(super) fn own_nice() -> i32 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let nice = fields.split_whitespace().nth(16);
    nice.and_then(|nice| nice.parse().ok()).unwrap_or(0)
}

/// The share of a process as nice as this, as the scheduler has it: a quarter more for each step.
pub(super) fn shares(nice: i32) -> u64 {
    (1024.0 / 1.25_f64.powi(nice)).max(2.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_the_share_of_a_process_as_nice() {
        // sched_prio_to_weight of the kernel: 88761, 1024, 110, 15.
        assert_eq!([-20, 0, 10, 19].map(shares), [88817, 1024, 109, 14]);
        assert!((-20..20).contains(&own_nice()));
    }
}
