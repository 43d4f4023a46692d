//! A folder that appears whole or not at all.

use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;

/// Makes a folder beside `path`, has `fill` write into it, and gives it its name. Where that fails, or `path` is there by then,
/// nothing stays.
///
/// # Errors
/// What `fill` says, or [`CheckpointError::Write`] where the folder can't be made or named.
pub fn whole<T, E: From<CheckpointError>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let failed = |source: std::io::Error| CheckpointError::Write {
        path: path.to_owned(),
        source,
    };
    let name = path.file_name().ok_or_else(|| {
        failed(std::io::Error::other(
            "expected a path that ends in a folder's name",
        ))
    })?;
    let name = format!(".{}.partial-{}", name.to_string_lossy(), std::process::id());
    let partial = Partial(path.with_file_name(name));
    std::fs::create_dir_all(&partial.0).map_err(failed)?;
    let found = fill(&partial.0)?;
    std::fs::rename(&partial.0, path).map_err(failed)?;
    Ok(found)
}

/// A folder that is removed with this value, unless it has another name by then.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/model");
        let failed = whole(&path, |partial| {
            std::fs::write(partial.join("half"), "1").unwrap();
            Err::<(), _>(CheckpointError::Format {
                path: partial.to_owned(),
                reason: "no more".to_owned(),
            })
        });
        assert!(failed.is_err());
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(left.count(), 0);
        let done: Result<u8, CheckpointError> = whole(&path, |partial| {
            std::fs::write(partial.join("all"), "1").unwrap();
            Ok(7)
        });
        assert_eq!(done.unwrap(), 7);
        assert!(path.join("all").exists());
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
        // What is there is not replaced.
        let again: Result<(), CheckpointError> = whole(&path, |_| Ok(()));
        assert!(again.is_err() && path.join("all").exists());
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
