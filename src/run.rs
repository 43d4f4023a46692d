//! A run's folder: configuration, journal, metrics, timings and checkpoints, so written that a run killed at any
//! instant continues as if it had not been. Knows what is saved, not how it is learnt.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::journal::{EpisodeRecord, JournalError, Lines, write_atomically};
use crate::policy::adapter_file;
use crate::policy::checkpoint::{self, CheckpointError, Precision};
use crate::policy::model::Decoder;
use crate::policy::shape::VALUE_HEAD;
use crate::rollout::Group;
use crate::train::{Learner, RoundMetrics, RoundTimings, ValueNetwork};

/// How far a run is, and how long its files were then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Rounds done.
    pub rounds: usize,
    /// Policy updates done.
    pub policy_steps: usize,
    /// Value updates done.
    pub value_steps: usize,
    /// Bytes of `journal.jsonl`.
    pub journal_bytes: u64,
    /// Bytes of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// Bytes of `timings.jsonl`.
    pub timings_bytes: u64,
}

/// Why a run could not be kept or continued.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The folder holds a run already.
    #[error(
        "failed to start a run in {0}: it holds one already; continue it with --resume, or name another folder with --run"
    )]
    Exists(PathBuf),
    /// The folder holds no run.
    #[error("failed to resume {0}: it holds no config.toml; name the folder of a run with --run")]
    NoRun(PathBuf),
    /// A file of the folder could not be read or written.
    #[error("failed to {action} {path}: {reason}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Journal, metrics or timings.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// An open run.
pub struct Run {
    folder: PathBuf,
    journal: Lines,
    metrics: Lines,
    timings: Lines,
    kept: usize,
    base: PathBuf,
}

impl Run {
    /// Starts a run in an empty or new folder and writes its resolved configuration.
    pub fn create(folder: &Path, config: &TrainConfig) -> Result<Self, RunError> {
        if folder.join("config.toml").exists() {
            return Err(RunError::Exists(folder.to_owned()));
        }
        let checkpoints = folder.join("checkpoints");
        std::fs::create_dir_all(&checkpoints)
            .map_err(|error| file("create", &checkpoints, error))?;
        let path = folder.join("config.toml");
        let text = toml::to_string_pretty(config).map_err(|error| file("write", &path, error))?;
        let run = Self::open(folder, config, &Progress::default())?;
        // Last, so that a folder with a configuration is a run that can be continued.
        write_atomically(&path, text.as_bytes()).map_err(|error| file("write", &path, error))?;
        Ok(run)
    }

    /// Opens a run for continuing at its last checkpoint: what was written after it is cut off and done again.
    pub fn resume(folder: &Path) -> Result<(Self, TrainConfig, Progress), RunError> {
        let path = folder.join("config.toml");
        if !path.exists() {
            return Err(RunError::NoRun(folder.to_owned()));
        }
        let config = TrainConfig::load(&path).map_err(|error| file("read", &path, error))?;
        let progress = match latest(folder)? {
            Some(checkpoint) => {
                let path = checkpoint.join("progress.json");
                let bytes = std::fs::read(&path).map_err(|error| file("read", &path, error))?;
                serde_json::from_slice(&bytes).map_err(|error| file("read", &path, error))?
            }
            None => Progress::default(),
        };
        Ok((Self::open(folder, &config, &progress)?, config, progress))
    }

    fn open(folder: &Path, config: &TrainConfig, progress: &Progress) -> Result<Self, RunError> {
        Ok(Self {
            folder: folder.to_owned(),
            journal: Lines::open(&folder.join("journal.jsonl"), progress.journal_bytes)?,
            metrics: Lines::open(&folder.join("metrics.jsonl"), progress.metrics_bytes)?,
            timings: Lines::open(&folder.join("timings.jsonl"), progress.timings_bytes)?,
            kept: config.resources.checkpoints_kept,
            base: config.policy.clone(),
        })
    }

    /// Writes what a round did.
    pub fn record(
        &mut self,
        step: usize,
        groups: &[Group],
        metrics: &RoundMetrics,
        timings: &RoundTimings,
    ) -> Result<(), RunError> {
        let episodes: Vec<EpisodeRecord> = groups
            .iter()
            .flat_map(|group| &group.episodes)
            .map(|episode| EpisodeRecord::new(step, episode))
            .collect();
        self.journal.append(&episodes)?;
        self.metrics.append(std::slice::from_ref(metrics))?;
        self.timings.append(std::slice::from_ref(timings))?;
        Ok(())
    }

    /// Saves everything that learns, then forgets the oldest checkpoints.
    pub fn checkpoint(&mut self, learner: &Learner, rounds: usize) -> Result<PathBuf, RunError> {
        let progress = Progress {
            rounds,
            policy_steps: learner.policy_optimizer.steps(),
            value_steps: learner
                .value
                .as_ref()
                .map_or(0, |value| value.optimizer.steps()),
            journal_bytes: self.journal.sync()?,
            metrics_bytes: self.metrics.sync()?,
            timings_bytes: self.timings.sync()?,
        };
        let parent = self.folder.join("checkpoints");
        let partial = parent.join(format!("partial-{rounds:06}"));
        let whole = parent.join(format!("{rounds:06}"));
        let _ = std::fs::remove_dir_all(&partial);
        if learner.policy.adapter.is_some() {
            adapter_file::save(&partial, &learner.policy, &self.base.to_string_lossy())?;
        } else {
            checkpoint::save(
                &partial,
                &learner.policy,
                &learner.tokenizer,
                Precision::F32,
            )?;
        }
        learner.policy_optimizer.save(
            &partial.join("policy_optimizer.safetensors"),
            &learner.policy.trained().names,
        )?;
        let path = partial.join("value.safetensors");
        if let Some(ValueNetwork { decoder, optimizer }) = &learner.value {
            let value = decoder.trained();
            let tensors = value.tensors.iter().cloned();
            let named = value.names.iter().cloned().zip(tensors);
            checkpoint::save_tensors(&path, named, Precision::F32)?;
            optimizer.save(&partial.join("value_optimizer.safetensors"), &value.names)?;
        } else if let Some(head) = learner.policy.value_head() {
            let named = std::iter::once((VALUE_HEAD.to_owned(), head.clone()));
            checkpoint::save_tensors(&path, named, Precision::F32)?;
        }
        let path = partial.join("progress.json");
        let text =
            serde_json::to_string_pretty(&progress).map_err(|error| file("write", &path, error))?;
        write_atomically(&path, text.as_bytes()).map_err(|error| file("write", &path, error))?;
        // A checkpoint exists from this rename on, whole.
        if whole.exists() {
            std::fs::remove_dir_all(&whole).map_err(|error| file("replace", &whole, error))?;
        }
        std::fs::rename(&partial, &whole).map_err(|error| file("rename", &whole, error))?;
        let mut all = checkpoints(&self.folder)?;
        all.truncate(all.len().saturating_sub(self.kept));
        for old in all {
            std::fs::remove_dir_all(&old).map_err(|error| file("remove", &old, error))?;
        }
        Ok(whole)
    }

    /// Puts back everything that learns as it was at the last checkpoint, if there is one.
    pub fn restore(
        &self,
        learner: &mut Learner,
        progress: &Progress,
        device: &Device,
    ) -> Result<(), RunError> {
        let Some(folder) = latest(&self.folder)? else {
            return Ok(());
        };
        let mut policy = if learner.policy.adapter.is_some() {
            let adapter = adapter_file::load(&folder, &learner.policy, device)?;
            Decoder {
                adapter: Some(adapter),
                ..learner.policy.clone()
            }
        } else {
            Decoder {
                arithmetic: learner.policy.arithmetic,
                ..checkpoint::load(&folder, device)?.0
            }
        };
        let path = folder.join("value.safetensors");
        if let Some(ValueNetwork { decoder, optimizer }) = &mut learner.value {
            let mut value = policy.value_network();
            let trained = value.trained_mut();
            let shapes = trained.tensors.iter().map(Tensor::dims);
            let expected: Vec<_> = trained.names.iter().cloned().zip(shapes).collect();
            trained.tensors = checkpoint::load_tensors(&path, &expected, device)?;
            let moments = folder.join("value_optimizer.safetensors");
            optimizer.load(&moments, &value, progress.value_steps, device)?;
            *decoder = value;
        } else if learner.policy.value_head().is_some() {
            let expected = [(VALUE_HEAD.to_owned(), [1, policy.config.hidden_size])];
            policy = policy.with_value_head();
            let head = checkpoint::load_tensors(&path, &expected, device)?;
            let trained = policy.trained_mut();
            trained.tensors.pop();
            trained.tensors.extend(head);
        }
        let moments = folder.join("policy_optimizer.safetensors");
        let optimizer = &mut learner.policy_optimizer;
        optimizer.load(&moments, &policy, progress.policy_steps, device)?;
        learner.policy = policy;
        Ok(())
    }
}

/// The newest whole checkpoint of a run folder.
pub fn latest(folder: &Path) -> Result<Option<PathBuf>, RunError> {
    Ok(checkpoints(folder)?.pop())
}

/// All whole checkpoints, oldest first.
fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
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
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

fn file(action: &'static str, path: &Path, reason: impl std::fmt::Display) -> RunError {
    RunError::File {
        action,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
