//! The checkpoints that a run folder holds, in the order they were made.

use std::path::{Path, PathBuf};

use super::{RunError, file};

/// The newest whole checkpoint of a run folder.
pub fn latest(folder: &Path) -> Result<Option<PathBuf>, RunError> {
    Ok(checkpoints(folder)?.pop())
}

/// All whole checkpoints, oldest first.
pub(super) fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let parent = folder.join("checkpoints");
    let entries = match std::fs::read_dir(&parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file("list", &parent, error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| file("list", &parent, error))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(rounds) = name.parse::<usize>()
        {
            all.push((rounds, path));
        }
    }
    // By their rounds: as names, seven digits would come before six.
    all.sort();
    Ok(all.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_the_one_of_most_rounds() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest(folder.path()).unwrap(), None);
        let parent = folder.path().join("checkpoints");
        for name in ["999999", "1000000", "000002", "partial-1000001", "notes"] {
            std::fs::create_dir_all(parent.join(name)).unwrap();
        }
        let names: Vec<_> = checkpoints(folder.path())
            .unwrap()
            .into_iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["000002", "999999", "1000000"]);
    }
}
