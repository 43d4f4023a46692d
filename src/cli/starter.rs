//! The policy that ships, carried inside the program: it is there wherever the program runs, also after the checkout
//! it was built from is gone.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::imported;
use crate::checkpoint::gguf;

/// The name that stands for it wherever a policy is named.
pub(super) const NAME: &str = "starter";

macro_rules! files {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!("../../starter/", $name)))),*]
    };
}

/// Every file of the folder: a policy's hash is taken over all of them.
const FILES: [(&str, &[u8]); 6] = files!(
    "careless.toml",
    "config.json",
    "model.safetensors",
    "sft.toml",
    "skilled.toml",
    "tokenizer.json"
);

/// A policy's files: where they lie, or unpacked for as long as this value lives.
#[derive(Debug)]
pub(super) enum Folder {
    /// Named by the user.
    There(PathBuf),
    /// The starter, in a folder that only this user can read.
    Unpacked(TempDir),
}

impl Folder {
    /// The folder that `path` names; a folder called `starter` comes before the one that ships, and a file in GGUF has the one that
    /// it was imported into.
    ///
    /// # Errors
    /// The starter can't be unpacked, or the file can't be imported.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new(NAME) && !path.exists() {
            unpack().map(Self::Unpacked)
        } else if gguf::is_gguf(path) {
            imported::of(path).map(Self::There)
        } else {
            Ok(Self::There(path.to_owned()))
        }
    }

    /// Where the files are.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::There(path) => path,
            Self::Unpacked(folder) => folder.path(),
        }
    }
}

fn unpack() -> anyhow::Result<TempDir> {
    let place = std::env::temp_dir();
    let remedy = || {
        format!(
            "failed to unpack the starter below {}; name a folder that can be written with TMPDIR",
            place.display()
        )
    };
    let folder = TempDir::with_prefix("rlef-starter-").with_context(remedy)?;
    for (name, bytes) in FILES {
        std::fs::write(folder.path().join(name), bytes).with_context(remedy)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_is_the_folder_that_ships_and_leaves_nothing_behind() {
        let folder = unpack().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(NAME);
        let names: Vec<_> = std::fs::read_dir(&shipped)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), FILES.len());
        for name in names {
            assert_eq!(
                std::fs::read(folder.path().join(&name)).unwrap(),
                std::fs::read(shipped.join(&name)).unwrap()
            );
        }
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
