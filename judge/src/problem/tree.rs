//! A folder or tar archive as files by their paths.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::budget::Budget;
use super::{ProblemError, printable};

/// Where a tar archive has its magic number.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// The largest tree that is read into memory, in bytes: APPS has 10,000 problems in 1.3 GB.
const LARGEST: u64 = 2 << 30;

/// Files by their path below the folder or archive.
pub(super) struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    /// Every file below a folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, ProblemError> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![folder.to_owned()];
        let mut size = 0;
        while let Some(next) = waiting.pop() {
            let failed = |cause| ProblemError::Read {
                path: next.clone(),
                cause,
            };
            for entry in std::fs::read_dir(&next).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let kind = std::fs::symlink_metadata(&path).map_err(failed)?;
                if kind.is_dir() {
                    waiting.push(path);
                } else if kind.is_file() {
                    size += kind.len();
                    if size > LARGEST {
                        return Err(ProblemError::TooLarge {
                            what: printable(&folder.to_string_lossy()).into_owned(),
                            most: LARGEST >> 20,
                        });
                    }
                    let bytes = std::fs::read(&path).map_err(failed)?;
                    let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                    files.insert(name, bytes);
                }
            }
        }
        Ok(Self(files))
    }

    /// Whether these bytes are a tar archive.
    pub(super) fn is_archive(bytes: &[u8]) -> bool {
        bytes.get(TAR_MAGIC) == Some(b"ustar")
    }

    /// Every file of a tar archive; nothing is written anywhere.
    pub(super) fn of_archive(
        path: &Path,
        bytes: impl Read,
        budget: &Budget,
    ) -> Result<Self, ProblemError> {
        let failed = |cause| ProblemError::Read {
            path: path.to_owned(),
            cause,
        };
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes).entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            // What is skipped is unpacked, too, and may be endless zeros.
            budget.take(entry.size().saturating_add(512))?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(failed)?.into_owned();
            let mut content = Vec::new();
            let most = entry.size();
            (&mut entry)
                .take(most)
                .read_to_end(&mut content)
                .map_err(failed)?;
            files.insert(name, content);
        }
        Ok(Self(files))
    }

    /// The files, by path.
    pub(super) const fn files(&self) -> &BTreeMap<PathBuf, Vec<u8>> {
        &self.0
    }

    /// Bytes of all files together.
    pub(super) fn size(&self) -> u64 {
        self.0.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// A file as text; bytes that are none become the replacement character.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        self.0
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}
