//! The files of a run's folder: the streams that grow by a round, and small ones that are written whole.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::RunError;
use super::error::file;
use crate::config::TrainConfig;
use crate::journal::{
    CREDIT, CREDIT_INDEX, CreditFile, FIRST_FORM, INDEX, Lines, NAME, RunJournal, write_atomically,
};
use crate::schema::Schema;

/// What a run writes besides its configuration.
pub(super) const FILES: [&str; 7] = [
    NAME,
    INDEX,
    CREDIT,
    CREDIT_INDEX,
    FIRST_FORM,
    "metrics.jsonl",
    "timings.jsonl",
];

/// How far a run is, and how long its files were then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Form of the file.
    #[serde(default)]
    pub schema: Schema<1>,
    /// Rounds done.
    pub rounds: usize,
    /// Policy updates done.
    pub policy_steps: usize,
    /// Value updates done.
    pub value_steps: usize,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Bytes of what rounds made of their episodes; 0 in runs of before.
    #[serde(default)]
    pub credit_bytes: u64,
    /// Bytes of `metrics.jsonl`.
    pub metrics_bytes: u64,
    /// Bytes of `timings.jsonl`.
    pub timings_bytes: u64,
}

/// The open files of a run.
pub(super) struct Files {
    pub(super) journal: RunJournal,
    pub(super) credit: CreditFile,
    pub(super) metrics: Lines,
    pub(super) timings: Lines,
}

impl Files {
    pub(super) fn open(folder: &Path, progress: &Progress) -> Result<Self, RunError> {
        let lines = |name, bytes| Lines::after(&folder.join(name), bytes);
        Ok(Self {
            journal: RunJournal::after(folder, progress.journal_bytes)?,
            credit: CreditFile::after(folder, progress.credit_bytes)?,
            metrics: lines("metrics.jsonl", progress.metrics_bytes)?,
            timings: lines("timings.jsonl", progress.timings_bytes)?,
        })
    }
}

/// What of a run a folder without a configuration holds, if anything that is not empty.
pub(super) fn remains(folder: &Path) -> Option<&'static str> {
    let full = |name: &str| {
        let path = folder.join(name);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some())
            }
            Ok(found) => !found.is_file() || found.len() > 0,
            Err(_) => false,
        }
    };
    let mut names = FILES.into_iter().chain(["checkpoints"]);
    names.find(|name| full(name))
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| file("write", path, error))?;
    write_atomically(path, text.as_bytes()).map_err(|error| RunError::of_io("write", path, error))
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let bytes = crate::files::read(path).map_err(|error| RunError::of_io("read", path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| file("read", path, error))
}

pub(super) fn write_config(folder: &Path, config: &TrainConfig) -> Result<(), RunError> {
    let path = folder.join("config.toml");
    let text = toml::to_string_pretty(config).map_err(|error| file("write", &path, error))?;
    write_atomically(&path, text.as_bytes()).map_err(|error| RunError::of_io("write", &path, error))
}
