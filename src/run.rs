//! A run's folder: configuration, journal, metrics, timings and checkpoints, so written that a run killed at any
//! instant continues as if it had not been. Knows what is saved, not how it is learnt.

mod best;
mod checkpoints;
mod error;
mod files;
mod inputs;
pub(crate) mod lock;
mod reports;

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use crate::checkpoint::adapter_file;
use crate::checkpoint::template_file::TemplateFile;
use crate::checkpoint::{self, Precision};
use crate::config::TrainConfig;
use crate::journal::{CreditFile, Lines, RunJournal};
use crate::logger::Loggers;
use crate::model::decoder::Decoder;
use crate::model::shape::VALUE_HEAD;
use crate::rollout::Group;
use crate::schema::Schema;
use crate::tinker::Trainer;
use crate::train::{Learner, RoundMetrics, RoundTimings, ValueNetwork};
pub use best::Best;
pub use checkpoints::latest;
use checkpoints::{checkpoints, remove_begun};
pub use error::RunError;
use error::file;
pub use files::Progress;
use files::{FILES, Files, read_json, remains, write_config, write_json};
pub use inputs::Inputs;
use lock::Lock;
pub use lock::LockError;

/// An open run.
pub struct Run {
    folder: PathBuf,
    journal: RunJournal,
    credit: CreditFile,
    metrics: Lines,
    timings: Lines,
    loggers: Loggers,
    kept: usize,
    base: PathBuf,
    /// Whether a chat template speaks in place of that policy's own.
    is_told_to_speak: bool,
    /// Keeps other processes away as long as the run is open.
    lock: Lock,
}

/// Where a server that trains has saved what a checkpoint is of.
const TRAINER: &str = "trainer.json";
/// What a checkpoint holds of how often problems are solved.
const RATES: &str = "rates.json";
/// What a checkpoint holds of what moves along a run besides weights.
const OBJECTIVE: &str = "objective.json";
/// What a checkpoint holds of the stored answers that others are compared with.
const STORED: &str = "baselines.json";

impl Run {
    /// Starts a run in an empty or new folder and writes its resolved configuration. Where that fails, the folder is as it was.
    pub fn create(folder: &Path, config: &TrainConfig) -> Result<Self, RunError> {
        let exists = || RunError::Exists(folder.to_owned());
        if folder.join("config.toml").exists() {
            return Err(exists());
        }
        let missing: Vec<&Path> = folder
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .take_while(|path| !path.exists())
            .collect();
        let remove = || {
            for path in &missing {
                let _ = std::fs::remove_dir(path);
            }
        };
        std::fs::create_dir_all(folder)
            .map_err(|error| RunError::of_io("create", folder, error))?;
        let lock = Lock::take(folder).inspect_err(|error| {
            // One that another process holds is that one's.
            if matches!(error, LockError::File { .. }) && !missing.is_empty() {
                let _ = std::fs::remove_file(folder.join(lock::NAME));
                remove();
            }
        })?;
        if folder.join("config.toml").exists() {
            return Err(exists());
        }
        if let Some(name) = remains(folder) {
            return Err(RunError::NotEmpty {
                folder: folder.to_owned(),
                name,
            });
        }
        Self::begin(folder, config, lock).inspect_err(|_| {
            // Nothing of it was there before.
            for name in FILES {
                let _ = std::fs::remove_file(folder.join(name));
            }
            let _ = std::fs::remove_dir(folder.join("checkpoints"));
            remove();
        })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn begin(folder: &Path, config: &TrainConfig, lock: Lock) -> Result<Self, RunError> {
        let checkpoints = folder.join("checkpoints");
        let result = std::fs::create_dir_all(&checkpoints)
            .map_err(|error| RunError::of_io("create", &checkpoints, error))
            .and_then(|()| Files::open(folder, &Progress::default()))
            .and_then(|files| {
                // Last, so that a folder with a configuration is a run that can be continued.
                write_config(folder, config)?;
                Ok(files)
            });
        match result {
            Ok(files) => Ok(Self::of(folder, config, files, lock)),
            Err(error) => {
                lock.remove(folder);
                Err(error)
            }
        }
    }

    /// Opens a run for continuing at its last checkpoint: what was written after it is cut off, once something takes its place,
    /// and done again.
    pub fn resume(folder: &Path) -> Result<(Self, TrainConfig, Progress), RunError> {
        let path = folder.join("config.toml");
        if !path.exists() {
            return Err(RunError::NoRun(folder.to_owned()));
        }
        // Before anything is cut back: a process that still writes to it is not disturbed.
        let lock = Lock::take(folder)?;
        remove_begun(folder);
        let config = TrainConfig::load(&path).map_err(|error| file("read", &path, error))?;
        let progress = match latest(folder)? {
            Some(checkpoint) => {
                let path = checkpoint.join("progress.json");
                let bytes =
                    crate::files::read(&path).map_err(|error| file("read", &path, error))?;
                serde_json::from_slice(&bytes).map_err(|error| file("read", &path, error))?
            }
            None => Progress::default(),
        };
        let files = Files::open(folder, &progress)?;
        Ok((Self::of(folder, &config, files, lock), config, progress))
    }

    fn of(folder: &Path, config: &TrainConfig, files: Files, lock: Lock) -> Self {
        let Files {
            journal,
            credit,
            metrics,
            timings,
        } = files;
        Self {
            folder: folder.to_owned(),
            journal,
            credit,
            metrics,
            timings,
            loggers: Loggers::new(folder, &config.loggers),
            kept: config.resources.checkpoints_kept,
            base: config.policy.clone(),
            is_told_to_speak: config.chat_template.is_some(),
            lock,
        }
    }

    /// Refuses to end a run before what it has done.
    pub fn may_go_on_to(&self, rounds: usize, done: &Progress) -> Result<(), RunError> {
        if rounds < done.rounds || rounds == 0 {
            return Err(RunError::Rounds {
                folder: self.folder.clone(),
                done: done.rounds,
                asked: rounds,
            });
        }
        Ok(())
    }

    /// Writes the configuration anew, with more rounds than the run began with.
    pub fn save_config(&self, config: &TrainConfig) -> Result<(), RunError> {
        write_config(&self.folder, config)
    }

    /// Gives up a run that has done nothing: what it made in its folder is removed, and the folder where nothing is left in it.
    pub fn abandon(self) {
        let Self { folder, lock, .. } = self;
        for name in FILES
            .into_iter()
            .chain(["config.toml", "inputs.json", "protection.json"])
        {
            let _ = std::fs::remove_file(folder.join(name));
        }
        let _ = std::fs::remove_dir(folder.join("checkpoints"));
        lock.remove(&folder);
        let _ = std::fs::remove_dir(&folder);
        // The folder that runs are kept in by default, where this was the first.
        if folder.parent() == Some(Path::new("runs")) {
            let _ = std::fs::remove_dir("runs");
        }
    }

    /// Writes what a round did.
    pub fn record(
        &mut self,
        step: usize,
        groups: &[Group],
        metrics: &RoundMetrics,
        timings: &RoundTimings,
    ) -> Result<(), RunError> {
        self.journal.append(step, groups)?;
        self.credit.append(step, groups)?;
        self.metrics.append(std::slice::from_ref(metrics))?;
        self.timings.append(std::slice::from_ref(timings))?;
        Ok(())
    }

    /// Has what was recorded of the last round written for other tools, as far as it can be.
    pub(crate) fn log(&mut self, rounds: usize) {
        self.loggers.round(rounds);
    }

    /// Saves everything that learns, then forgets the oldest checkpoints.
    pub fn checkpoint(&mut self, learner: &Learner, rounds: usize) -> Result<PathBuf, RunError> {
        let progress = Progress {
            schema: Schema,
            rounds,
            policy_steps: learner.policy_optimizer.steps(),
            value_steps: learner
                .value
                .as_ref()
                .map_or(0, |value| value.optimizer.steps()),
            journal_bytes: self.journal.sync()?,
            credit_bytes: self.credit.sync()?,
            metrics_bytes: self.metrics.sync()?,
            timings_bytes: self.timings.sync()?,
        };
        if let Some(fault) = learner.fault() {
            return Err(RunError::Unsound { rounds, fault });
        }
        let parent = self.folder.join("checkpoints");
        let partial = parent.join(format!("partial-{rounds:06}"));
        let whole = parent.join(format!("{rounds:06}"));
        if whole.exists() {
            // The run went on from it and has learnt nothing since. To write it again would be to be without it meanwhile.
            return Ok(whole);
        }
        let _ = std::fs::remove_dir_all(&partial);
        // What could not be finished helps nobody, and would keep a full disk full.
        self.write(learner, &progress, &partial)
            .inspect_err(|_| drop(std::fs::remove_dir_all(&partial)))?;
        // A checkpoint exists from this rename on, whole.
        std::fs::rename(&partial, &whole).map_err(|error| file("rename", &whole, error))?;
        let mut all = checkpoints(&self.folder)?;
        all.truncate(all.len().saturating_sub(self.kept));
        for old in all {
            std::fs::remove_dir_all(&old).map_err(|error| file("remove", &old, error))?;
        }
        Ok(whole)
    }

    /// Writes everything that learns into the folder `partial`.
    fn write(
        &self,
        learner: &Learner,
        progress: &Progress,
        partial: &Path,
    ) -> Result<(), RunError> {
        self.write_policy(learner, partial)?;
        if let Some(rates) = &learner.rates {
            write_json(&partial.join(RATES), rates)?;
        }
        if let Some(state) = learner.objective.state() {
            write_json(&partial.join(OBJECTIVE), &state)?;
        }
        if let Some(saved) = learner.trainer.as_ref().and_then(Trainer::saved) {
            write_json(&partial.join(TRAINER), &saved)?;
        }
        if !learner.stored.all().is_empty() {
            write_json(&partial.join(STORED), learner.stored.all())?;
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
        write_json(&partial.join("progress.json"), progress)
    }

    /// Writes what the policy has learnt into a folder.
    fn write_policy(&self, learner: &Learner, folder: &Path) -> Result<(), RunError> {
        if learner.policy.adapter.is_some() {
            adapter_file::save(folder, &learner.policy, &self.base.to_string_lossy())?;
            if self.is_told_to_speak {
                // Its base has another template, or none.
                TemplateFile::write_beside(folder, &learner.tokenizer)
                    .map_err(checkpoint::CheckpointError::from)?;
            }
        } else {
            checkpoint::save(folder, &learner.policy, &learner.tokenizer, Precision::F32)?;
        }
        Ok(())
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
            // Its frozen weights, where there are any, are those that it started from.
            let mut value = decoder.clone();
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
        if learner.objective.state().is_some() {
            let path = folder.join(OBJECTIVE);
            let state = read_json(&path)?;
            let restored = learner.objective.restore(state);
            restored.map_err(|reason| file("read", &path, reason))?;
        }
        if let Some(trainer) = &mut learner.trainer {
            trainer.go_on_from(read_json(&folder.join(TRAINER))?);
        }
        let path = folder.join(RATES);
        if learner.rates.is_some() && path.exists() {
            learner.rates = Some(read_json(&path)?);
        }
        let path = folder.join(STORED);
        if path.exists() {
            let restored = learner.stored.restore(read_json(&path)?);
            restored.map_err(|reason| file("read", &path, reason))?;
        }
        Ok(())
    }
}
