//! What a way to isolate programs can do. The ways that there are, are rows of a table in `sandbox`.

use std::fmt;
use std::path::PathBuf;

use crate::batch::Batch;
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::job::{Language, Side};
use crate::languages::LanguageState;
use crate::outcome::{Interaction, Outcome};
use crate::protection::Protection;

/// Runs programs by one means. Blocking, and shared freely between threads. Limits and files have been checked by whoever
/// calls it, and there is at least one input.
pub(crate) trait Backend: fmt::Debug + Send + Sync {
    /// What is really in force.
    fn protection(&self) -> &Protection;

    /// What this host has for each language. Asks each compiler for its version the first time.
    fn languages(&self) -> Vec<LanguageState>;

    /// Fails if programs of this language cannot be run.
    fn require(&self, language: Language) -> Result<(), SandboxError>;

    /// Whether Python programs find NumPy.
    fn has_numpy(&self) -> bool {
        false
    }

    /// Whether a program can be given a folder of files.
    fn has_folders(&self) -> bool {
        false
    }

    /// What there is for Python.
    fn python_tools(&self) -> String {
        self.protection().interpreter.clone()
    }

    /// Where compiled programs are kept, or why each is compiled anew.
    fn cache_directory(&self) -> Result<PathBuf, String> {
        Err("no program is compiled here".to_owned())
    }

    /// See [`crate::Sandbox::run_batch`].
    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError>;

    /// See [`crate::Sandbox::run_pair`].
    fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError>;

    /// See [`crate::Sandbox::run_interactive`].
    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError>;
}
