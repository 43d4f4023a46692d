//! How much a folder holds: looked at now and then, and brought back below its bound.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::FILE;
use super::make::STAMP;

/// Entries, and share of the bound, that a process writes between two looks at a folder.
const BETWEEN_LOOKS: u64 = 16;
/// Share of the bound that is left after entries were removed.
const KEEP_NUMERATOR: u64 = 4;
const KEEP_DENOMINATOR: u64 = 5;

/// What was written since the last look; nothing yet was looked at.
#[derive(Debug, Default)]
pub(super) struct Written {
    looked: bool,
    entries: u64,
    bytes: u64,
}

impl Written {
    /// Counts an entry of this length; whether its folder is to be looked at now.
    pub(super) fn add(&mut self, length: u64, bound: u64) -> bool {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(length);
        let due =
            !self.looked || self.entries >= BETWEEN_LOOKS || self.bytes >= bound / BETWEEN_LOOKS;
        if due {
            *self = Self {
                looked: true,
                ..Self::default()
            };
        }
        due
    }
}

/// Removes the entries that were used the longest ago, but for the `newest`, if all together take more than `bound`
/// bytes. Whoever has one open, maps it or shows it in a jail keeps it.
pub(super) fn tidy(folder: &Path, bound: u64, newest: &Path) {
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    let mut stamps: HashMap<PathBuf, SystemTime> = HashMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Some(about) = entry.metadata().ok().filter(fs::Metadata::is_file) else {
            continue;
        };
        let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == STAMP) {
            stamps.insert(path.with_extension(FILE), used);
        } else {
            entries.push((used, about.len(), path));
        }
    }
    let mut total: u64 = entries.iter().map(|(_, length, _)| length).sum();
    if total <= bound {
        return;
    }
    for (used, _, path) in &mut entries {
        // A stamped file is left alone, so its stamp says when it was used.
        if let Some(stamped) = stamps.get(path) {
            *used = *stamped;
        }
    }
    entries.sort();
    for (_, length, path) in entries {
        if total <= bound / KEEP_DENOMINATOR * KEEP_NUMERATOR {
            break;
        }
        if path.file_stem() != newest.file_stem() {
            // Another process may have removed it.
            let _ = fs::remove_file(&path);
            if stamps.contains_key(&path) {
                let _ = fs::remove_file(path.with_extension(STAMP));
            }
            total = total.saturating_sub(length);
        }
    }
}
