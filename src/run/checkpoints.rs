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

/// Removes what a killed process had begun to write: checkpoints that are not whole, each of which may be a whole model, and
/// files that were never renamed into place. Checkpoints are written by whoever has the run's lock alone, so that only its
/// holder may ask for this; a file that another process writes beside the run is left alone. What can't be removed is in
/// nobody's way.
pub(super) fn remove_begun(folder: &Path) {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let parent = folder.join("checkpoints");
    for entry in entries(folder).chain(entries(&parent)) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if path.is_dir() {
            // The best policy that was being kept is seen to where it is asked for.
            let number = name.strip_prefix("partial-").unwrap_or_default();
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
                let _ = std::fs::remove_dir_all(path);
            }
        } else {
            crate::files::remove_unnamed(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_only_begun_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("checkpoints");
        for name in [
            "000001",
            "partial-000002",
            "partial-best",
            "best",
            "partial-mine",
        ] {
            std::fs::create_dir_all(parent.join(name)).unwrap();
            std::fs::write(parent.join(name).join("file"), "x").unwrap();
        }
        let begun = crate::journal::partial_in(folder.path()).unwrap();
        let (_, begun) = begun.keep().unwrap();
        // An evaluation's report, on its way into the folder.
        let written = crate::journal::partial_in(folder.path()).unwrap();
        std::fs::write(folder.path().join("notes"), "x").unwrap();
        remove_begun(folder.path());
        assert!(!begun.exists() && written.path().exists());
        assert!(folder.path().join("notes").exists());
        let mut names: Vec<_> = std::fs::read_dir(&parent)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["000001", "best", "partial-best", "partial-mine"]);
    }

    #[test]
    fn nothing_of_a_run_is_touched_while_another_process_trains_in_it() {
        use crate::config::TrainConfig;
        use crate::run::{LockError, Run};

        let folder = tempfile::tempdir().unwrap();
        let run = Run::create(folder.path(), &TrainConfig::default()).unwrap();
        let begun = folder.path().join("checkpoints/partial-000001");
        std::fs::create_dir(&begun).unwrap();
        let refused = Run::resume(folder.path()).map(drop).unwrap_err();
        let number = std::process::id().to_string();
        assert!(matches!(refused, RunError::Lock(LockError::Held { .. })));
        assert!(refused.to_string().contains(&number), "{refused}");
        assert!(begun.exists());
        drop(run);
        Run::resume(folder.path()).map(drop).unwrap();
        assert!(!begun.exists());
    }

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
