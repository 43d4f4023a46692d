//! The folder that this machine writes and an engine reads: one folder a version of the weights.

use std::path::{Path, PathBuf};

use super::{EngineConfig, EngineDtype, EngineError};
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{self, CheckpointError, Precision, adapter_file};
use crate::model::decoder::Decoder;
use crate::server::Server;

/// The folder, and how weights are written there.
pub(super) struct Weights {
    folder: PathBuf,
    /// Nothing until the engine is asked.
    precision: Option<Precision>,
    adapters: bool,
    /// What the engine calls the model that adapters are of.
    model: String,
}

impl Weights {
    pub(super) fn new(config: &EngineConfig) -> std::io::Result<Self> {
        Ok(Self {
            // The engine may have another working directory.
            folder: config.weights.canonicalize()?,
            precision: match config.dtype {
                EngineDtype::Auto if config.bfloat16 => Some(Precision::Bf16),
                EngineDtype::Auto => None,
                EngineDtype::Float32 => Some(Precision::F32),
                EngineDtype::Bfloat16 => Some(Precision::Bf16),
                EngineDtype::Float16 => Some(Precision::F16),
            },
            adapters: config.adapters,
            model: config.model.clone(),
        })
    }

    pub(super) const fn are_adapters(&self) -> bool {
        self.adapters
    }

    /// The numbers that are written: those that were asked for, else the engine's own.
    fn precision(&mut self, server: &Server) -> Precision {
        *self.precision.get_or_insert_with(|| {
            let said = server.precision();
            if said.is_none() {
                tracing::info!(
                    "the engine does not say which numbers it computes with, so that weights are handed over with 32 bits; engine.dtype sets others"
                );
            }
            said.unwrap_or(Precision::F32)
        })
    }

    /// Writes a version whole or not at all, and gives its folder.
    pub(super) fn write(
        &mut self,
        policy: &Decoder,
        tokenizer: &Tokenizer,
        version: usize,
        server: &Server,
    ) -> Result<PathBuf, EngineError> {
        let precision = self.precision(server);
        self.put(version, &|partial| {
            checkpoint::save(partial, policy, tokenizer, precision)
        })
    }

    /// Writes what of a version is trained, in the layout of adapters.
    pub(super) fn write_adapter(
        &self,
        policy: &Decoder,
        version: usize,
    ) -> Result<PathBuf, EngineError> {
        self.put(version, &|partial| {
            adapter_file::save(partial, policy, &self.model)
        })
    }

    fn put(
        &self,
        version: usize,
        save: &dyn Fn(&Path) -> Result<(), CheckpointError>,
    ) -> Result<PathBuf, EngineError> {
        let partial = self.folder.join("partial");
        let whole = self.folder.join(format!("version-{version:06}"));
        self.remove(&partial)?;
        save(&partial)?;
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
