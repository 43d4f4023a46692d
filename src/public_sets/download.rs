//! A public set → its file in a folder, whole and with the bytes that were asked for, or not at all.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::PublicSet;
use crate::files;

/// Longest time that a file may take: the largest has a megabyte.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Why a set was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The host gave no file.
    #[error(
        "failed to fetch {address}: {reason}; fetch it by other means into {path}, or name a copy's address by --mirror"
    )]
    NoAnswer {
        /// Where it was asked for.
        address: String,
        /// Where it was to be put.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The bytes are others.
    #[error(
        "failed to fetch {address}: expected {bytes} bytes of SHA-256 {sha256}, found {found}; nothing was written"
    )]
    Changed {
        /// Where it was asked for.
        address: String,
        /// Length expected.
        bytes: u64,
        /// Hash expected.
        sha256: &'static str,
        /// What came.
        found: String,
    },
    /// Something else lies where it was to be put.
    #[error(
        "failed to fetch {name}: {path} is there and holds other bytes than the set has; move it away, or name another folder by --out"
    )]
    Other {
        /// The set.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("failed to write {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// Where a set lies now, and whether it was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Whether nothing had to be fetched.
    pub was_there: bool,
}

impl PublicSet {
    /// Fetches the set into `folder`, from `mirror/FILE` where one is named.
    pub fn fetch(&self, folder: &Path, mirror: Option<&str>) -> Result<Fetched, DownloadError> {
        let path = folder.join(self.file);
        let failed = |source| DownloadError::File {
            path: path.clone(),
            source,
        };
        if path.exists() {
            let mut file = files::open(&path).map_err(failed)?;
            let found = copied(&mut file, &mut std::io::sink(), self.bytes).map_err(failed)?;
            return if self.is(&found) {
                Ok(Fetched {
                    path,
                    was_there: true,
                })
            } else {
                Err(DownloadError::Other {
                    name: self.name,
                    path,
                })
            };
        }
        let address = match mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), self.file),
            None => self.address(),
        };
        let no_answer = |reason: String| DownloadError::NoAnswer {
            address: address.clone(),
            path: path.clone(),
            reason,
        };
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("rlef/", env!("CARGO_PKG_VERSION")));
        let answer = config.build().new_agent().get(&address).call();
        let mut answer = answer.map_err(|error| no_answer(error.to_string()))?;
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut partial = files::partial_in(folder).map_err(failed)?;
        let mut body = answer.body_mut().as_reader();
        let found = copied(&mut body, partial.as_file_mut(), self.bytes)
            .map_err(|error| no_answer(error.to_string()))?;
        if !self.is(&found) {
            let (length, hash) = found;
            let found = if length > self.bytes {
                "more".to_owned()
            } else {
                format!("{length} of {hash}")
            };
            return Err(DownloadError::Changed {
                address,
                bytes: self.bytes,
                sha256: self.sha256,
                found,
            });
        }
        partial.as_file().sync_all().map_err(failed)?;
        partial
            .persist(&path)
            .map_err(|error| failed(error.error))?;
        Ok(Fetched {
            path,
            was_there: false,
        })
    }

    fn is(&self, (length, hash): &(u64, String)) -> bool {
        *length == self.bytes && hash == self.sha256
    }
}

/// Copies at most one byte more than `most`; how many there were, and their SHA-256.
fn copied(
    from: &mut impl Read,
    to: &mut impl std::io::Write,
    most: u64,
) -> std::io::Result<(u64, String)> {
    let mut from = from.take(most + 1);
    let mut hash = Sha256::new();
    let mut length = 0;
    let mut piece = vec![0; 1 << 16];
    loop {
        let count = from.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(&piece[..count]);
        to.write_all(&piece[..count])?;
        length += count as u64;
    }
    Ok((length, format!("{:x}", hash.finalize())))
}
