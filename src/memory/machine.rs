//! What memory this machine has, and how much of it this process has used.

/// Bytes this process may use: the machine's memory, or the smallest limit of the control groups it is in.
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = field(&text, "MemTotal:")?;
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = group.lines().filter_map(|line| {
        let path = line.strip_prefix("0::/")?;
        let mut folder = std::path::PathBuf::from("/sys/fs/cgroup").join(path);
        let mut least: Option<u64> = None;
        while folder.starts_with("/sys/fs/cgroup") {
            let limit = std::fs::read_to_string(folder.join("memory.max")).ok();
            let limit = limit.and_then(|text| text.trim().parse().ok());
            least = limit.into_iter().chain(least).min();
            folder.pop();
        }
        least
    });
    limits.chain([machine]).min()
}

/// The most memory this process has had so far, in bytes.
pub fn peak_so_far() -> Option<u64> {
    field(
        &std::fs::read_to_string("/proc/self/status").ok()?,
        "VmHWM:",
    )
}

/// Bytes of a line `NAME   123 kB`.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
