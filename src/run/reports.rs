//! Evaluations in a run's folder: each as `rlef eval --out` writes one, so that `rlef gate` compares any two of them.

use std::path::Path;

use serde_json::Value;

use super::{Run, RunError, file};
use crate::eval::Report;
use crate::eval::record::Evaluation;
use crate::eval::stamp::PolicyStamp;
use crate::journal::write_atomically;

impl Run {
    /// Whether the folder has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// Writes an evaluation, whole or not at all.
    pub(crate) fn save_evaluation(
        &self,
        name: &str,
        evaluation: &Evaluation,
    ) -> Result<(), RunError> {
        let path = self.folder.join(name);
        write_atomically(&path, evaluation.text().as_bytes())
            .map_err(|error| RunError::of_io("write", &path, error))
    }

    /// The stamp that `of` makes of the checkpoint after so many rounds, or of none where there is none.
    pub(crate) fn stamp_of_checkpoint(
        &self,
        rounds: usize,
        of: impl FnOnce(Option<&Path>) -> std::io::Result<PolicyStamp>,
    ) -> Result<PolicyStamp, RunError> {
        let folder = self.folder.join(format!("checkpoints/{rounds:06}"));
        of(folder.is_dir().then_some(&*folder))
            .map_err(|error| RunError::of_io("read", &folder, error))
    }

    /// Reads the report of an evaluation. In runs of older versions it stands alone.
    pub(crate) fn report(&self, name: &str) -> Result<Report, RunError> {
        let path = self.folder.join(name);
        let text =
            crate::files::read(&path).map_err(|error| RunError::of_io("read", &path, error))?;
        let mut whole: Value =
            serde_json::from_slice(&text).map_err(|error| file("read", &path, error))?;
        let report = match whole.get("schema") {
            Some(_) => whole["report"].take(),
            None => whole,
        };
        serde_json::from_value(report).map_err(|error| file("read", &path, error))
    }
}
