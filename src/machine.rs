//! What this machine can enforce and run, and what models can be computed on.

use std::path::Path;

use rlef_sandbox::{Isolation, SandboxError};
pub use rlef_serve::cli::machine::{Device, Machine};

use crate::judge::Judges;
use crate::model::device::Processor;

/// Looks; with it why the sandbox does not start, where it does not. Nothing is changed.
pub fn look(
    isolation: Isolation,
    python: Option<&Path>,
    judges: &Judges,
) -> (Machine, Option<SandboxError>) {
    Machine::look(isolation, python, judges, devices())
}

/// What this build knows of.
pub fn devices() -> Vec<Device> {
    Processor::ALL
        .map(|processor| Device {
            name: processor.to_string(),
            built_in: processor.is_built_in(),
            count: processor.count(),
        })
        .into()
}
