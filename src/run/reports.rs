//! Reports of evaluations in a run's folder.

use super::{Run, RunError, file};
use crate::eval::Report;
use crate::journal::write_atomically;

impl Run {
    /// Whether the folder has a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.folder.join(name).exists()
    }

    /// Writes a report, whole or not at all.
    pub(crate) fn save_report(&self, name: &str, report: &Report) -> Result<(), RunError> {
        let path = self.folder.join(name);
        let text =
            serde_json::to_string_pretty(report).map_err(|error| file("write", &path, error))?;
        write_atomically(&path, text.as_bytes())
            .map_err(|error| RunError::of_io("write", &path, error))
    }

    /// Reads a report.
    pub(crate) fn report(&self, name: &str) -> Result<Report, RunError> {
        let path = self.folder.join(name);
        let text =
            crate::files::read(&path).map_err(|error| RunError::of_io("read", &path, error))?;
        serde_json::from_slice(&text).map_err(|error| file("read", &path, error))
    }
}
