//! The folder that this machine writes and an engine reads: one folder a version of the weights.

use std::path::{Path, PathBuf};

use super::{EngineConfig, EngineError};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{self, Precision};
use crate::model::decoder::Decoder;

/// The folder, and how weights are written there.
pub(super) struct Weights {
    folder: PathBuf,
    precision: Precision,
}

impl Weights {
    pub(super) fn new(config: &EngineConfig) -> std::io::Result<Self> {
        Ok(Self {
            // The engine may have another working directory.
            folder: config.weights.canonicalize()?,
            precision: if config.bfloat16 {
                Precision::Bf16
            } else {
                Precision::F32
            },
        })
    }

    /// Writes a version whole or not at all, and gives its folder.
    pub(super) fn write(
        &self,
        policy: &Decoder,
        tokenizer: &Tokenizer,
        version: usize,
    ) -> Result<PathBuf, EngineError> {
        let partial = self.folder.join("partial");
        let whole = self.folder.join(format!("version-{version:06}"));
        self.remove(&partial)?;
        checkpoint::save(&partial, policy, tokenizer, self.precision)?;
        self.remove(&whole)?;
        std::fs::rename(&partial, &whole).map_err(|reason| self.failed(reason))?;
        Ok(whole)
    }

    /// Removes all versions but one, those of runs that were killed, too: each is a whole model.
    pub(super) fn keep_only(&self, whole: &Path) -> Result<(), EngineError> {
        let failed = |reason| self.failed(reason);
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path != whole && is_version(&path) {
                self.remove(&path)?;
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), EngineError> {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn failed(&self, reason: std::io::Error) -> EngineError {
        EngineError::Folder {
            path: self.folder.clone(),
            reason,
        }
    }
}

/// Whether a path is named as [`Weights::write`] names a version's folder.
fn is_version(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("version-"));
    number
        .is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
}
