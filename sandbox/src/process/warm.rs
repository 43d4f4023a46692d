//! The first jails of a sandbox, one a worker, made side by side.

use std::thread;

use super::blueprint::Blueprint;
use super::worker::Worker;
use crate::error::SandboxError;
use crate::languages::python;

/// Starts a jail per worker. Where the interpreter can't be kept warm, another is, and each test starts it afresh, which
/// is said; without another the first failure stands.
pub(super) fn start(
    blueprint: Blueprint,
    workers: usize,
    progress: fn(&str),
) -> Result<(Blueprint, Vec<Worker>), SandboxError> {
    let error = match jails(&blueprint, workers) {
        Ok(idle) => return Ok((blueprint, idle)),
        Err(error @ (SandboxError::SetUpJail { .. } | SandboxError::JailSilent { .. })) => error,
        Err(error) => return Err(error),
    };
    for other in python::others(&blueprint.interpreter) {
        let hosted = blueprint.hosted_by(&other, format!("failed to {error}"))?;
        if let Ok(idle) = jails(&hosted, workers) {
            progress(&format!(
                "each test starts {} afresh, in the jail of {}: failed to {error}",
                blueprint.interpreter.executable.display(),
                other.executable.display()
            ));
            return Ok((hosted, idle));
        }
    }
    Err(error)
}

fn jails(blueprint: &Blueprint, workers: usize) -> Result<Vec<Worker>, SandboxError> {
    thread::scope(|scope| {
        let starting: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| Worker::spawn(blueprint)))
            .collect();
        starting
            .into_iter()
            .map(|starting| {
                let lost = || SandboxError::SetUpJail {
                    reason: "the thread that starts it panicked".to_owned(),
                };
                starting.join().map_err(|_| lost())?
            })
            .collect()
    })
}
