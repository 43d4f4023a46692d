//! Exit codes of all verbs.

use std::error::Error;

use rlef_judge::evaluation::record::RecordError;
use rlef_judge::files::is_of_disk;
use rlef_judge::problem::ProblemError;
use rlef_sandbox::SandboxError;

use super::output::OutputError;

/// Ran, and the answer is no.
pub const NO: u8 = 1;
/// Usage, configuration or input.
pub const USAGE: u8 = 2;
/// A protection or runtime is missing.
pub const PROTECTION: u8 = 3;
/// Infrastructure failed during the run.
pub const INFRASTRUCTURE: u8 = 4;

/// The code an error asks for: what the sandbox says of itself is told from wrong input.
pub fn code_of(error: &anyhow::Error) -> u8 {
    if error.chain().any(cause_is_of_disk) {
        return INFRASTRUCTURE;
    }
    match error.downcast_ref::<SandboxError>() {
        Some(
            SandboxError::NoPython { .. }
            | SandboxError::MissingProtection { .. }
            | SandboxError::MissingLanguage { .. },
        ) => PROTECTION,
        Some(_) => INFRASTRUCTURE,
        None => USAGE,
    }
}

/// Whether a disk failed, rather than what the user gave.
pub fn cause_is_of_disk(cause: &(dyn Error + 'static)) -> bool {
    if let Some(RecordError::File { cause, .. }) = cause.downcast_ref() {
        return is_of_disk(cause);
    }
    if let Some(ProblemError::Write { cause, .. }) = cause.downcast_ref() {
        return is_of_disk(cause);
    }
    if let Some(error) = cause.downcast_ref::<OutputError>() {
        return error.is_of_disk();
    }
    cause.downcast_ref().is_some_and(is_of_disk)
}
