//! A training on its way ↔ files, so that one that was killed goes on as if it had not been: weights and moments in full
//! precision in a folder of their own, named last by a file that is replaced at once.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Lesson, RewardConfig, Trainer};
use crate::checkpoint::{CheckpointError, Precision, load_tensors, save_tensors};
use crate::journal::write_atomically;

/// Why a training can't be continued.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Nothing was kept.
    #[error("failed to resume {0}: it holds no training that was interrupted; leave --resume out")]
    None(PathBuf),
    /// It can't be read or written.
    #[error("failed to keep the training in {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was begun otherwise.
    #[error(
        "failed to resume {path}: {what} has changed since the training began; put back what was there"
    )]
    Changed {
        /// The folder.
        path: PathBuf,
        /// What.
        what: &'static str,
    },
    /// Weights or moments.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What names a training, and how far it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    done: usize,
    steps: usize,
    config: RewardConfig,
    inputs: String,
}

fn index(folder: &Path) -> PathBuf {
    folder.join("training.json")
}

fn part(folder: &Path, done: usize) -> PathBuf {
    folder.join(format!("training-{done:06}"))
}

impl<L: Lesson> Trainer<'_, L> {
    /// Keeps weights and moments in `folder`; `inputs` names policy and data.
    pub fn keep(&self, folder: &Path, inputs: &str) -> Result<(), StateError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: std::io::Error| StateError::File {
                path,
                reason: error.to_string(),
            }
        };
        let part = part(folder, self.done);
        std::fs::create_dir_all(&part).map_err(failed(&part))?;
        let weights = self.decoder.trained().plain();
        let named = weights.names.iter().cloned().zip(weights.tensors);
        save_tensors(&part.join("model.safetensors"), named, Precision::F32)?;
        self.optimizer
            .save(&part.join("optimizer.safetensors"), &weights.names)?;
        let state = State {
            done: self.done,
            steps: self.optimizer.steps(),
            config: self.config.clone(),
            inputs: inputs.to_owned(),
        };
        let text = serde_json::to_string(&state).unwrap_or_default() + "\n";
        let index = index(folder);
        write_atomically(&index, text.as_bytes()).map_err(failed(&index))?;
        discard(folder, Some(self.done));
        Ok(())
    }

    /// Goes on with what was kept.
    pub fn restore(
        &mut self,
        folder: &Path,
        inputs: &str,
        device: &Device,
    ) -> Result<(), StateError> {
        let index = index(folder);
        let bytes = match crate::files::read(&index) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StateError::None(folder.to_owned()));
            }
            Err(error) => {
                return Err(StateError::File {
                    path: index,
                    reason: error.to_string(),
                });
            }
        };
        let state: State = serde_json::from_slice(&bytes).map_err(|error| StateError::File {
            path: index,
            reason: error.to_string(),
        })?;
        let changed = |what| StateError::Changed {
            path: folder.to_owned(),
            what,
        };
        if state.inputs != inputs {
            return Err(changed("the policy or the data"));
        }
        if state.config != *self.config {
            return Err(changed("a setting"));
        }
        let part = part(folder, state.done);
        let weights = self.decoder.trained_mut();
        let shapes = weights.tensors.iter().map(burn::tensor::Tensor::dims);
        let expected: Vec<(String, [usize; 2])> =
            weights.names.iter().cloned().zip(shapes).collect();
        weights.tensors = load_tensors(&part.join("model.safetensors"), &expected, device)?;
        let path = part.join("optimizer.safetensors");
        self.optimizer
            .load(&path, &self.decoder, state.steps, device)?;
        self.done = state.done;
        Ok(())
    }
}

/// Removes what was kept of a training, but for one update's.
pub(crate) fn discard(folder: &Path, but: Option<usize>) {
    let kept = but.map(|done| part(folder, done));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let number = name.strip_prefix("training-").unwrap_or_default();
        let is_part = number.len() == 6 && number.bytes().all(|digit| digit.is_ascii_digit());
        if is_part && Some(&path) != kept.as_ref() {
            // What can't be removed harms nobody.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
    if but.is_none() {
        let _ = std::fs::remove_file(index(folder));
    }
}
