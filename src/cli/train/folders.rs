//! Where a run's folder is: the one that was named, a new one under `runs`, or the one there that was worked on last.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use super::super::output;
use crate::config::TrainConfig;
use crate::journal;
use crate::run::{Inputs, Run, RunError};

/// Where runs without a name go.
const PARENT: &str = "runs";

/// The run under `runs`, whatever its name, that was begun or written to last.
pub(super) fn newest() -> anyhow::Result<PathBuf> {
    let runs = match std::fs::read_dir(PARENT) {
        Ok(runs) => runs.filter_map(Result::ok).map(|entry| entry.path()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            anyhow::bail!("failed to resume: there is no run under runs/; name one with --run")
        }
        Err(error) => return Err(error).context("failed to list runs/"),
    };
    runs.filter_map(|run| Some((last_written(&run)?, run)))
        .max()
        .map(|(_, run)| run)
        .context("failed to resume: there is no run under runs/; name one with --run")
}

/// When a run was written to last; nothing where the folder holds none.
fn last_written(run: &Path) -> Option<SystemTime> {
    let time = |name: &str| std::fs::metadata(run.join(name)).ok()?.modified().ok();
    let begun = time("config.toml")?;
    let later = [journal::NAME, journal::FIRST_FORM, "metrics.jsonl"]
        .into_iter()
        .filter_map(time);
    Some(later.fold(begun, SystemTime::max))
}

fn numbered(number: usize) -> PathBuf {
    Path::new(PARENT).join(format!("train-{number:03}"))
}

/// The first free number under `runs`.
fn free() -> anyhow::Result<usize> {
    (1..1000)
        .find(|&number| !numbered(number).exists())
        .context("failed to name a run: runs/ is full")
}

/// The folder of a new run: the one that was named, else the next free one.
pub(super) fn next(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    match named {
        Some(folder) => Ok(folder.to_owned()),
        None => free().map(numbered),
    }
}

/// Finds out whether a new run can be begun, before anything is loaded.
pub(super) fn check(named: Option<&Path>) -> anyhow::Result<()> {
    let folder = next(named)?;
    if folder.join("config.toml").exists() {
        return Err(RunError::Exists(folder).into());
    }
    Ok(output::check_folder(&folder)?)
}

/// Begins a run in the folder that was named, or in the next free one.
pub(super) fn create(
    named: Option<&Path>,
    config: &TrainConfig,
    inputs: &Inputs,
) -> anyhow::Result<Run> {
    let run = loop {
        let folder = next(named)?;
        match Run::create(&folder, config) {
            // Another process has just taken it.
            Err(RunError::Exists(_) | RunError::Lock(_)) if named.is_none() && folder.exists() => {}
            made => break made?,
        }
    };
    if let Err(error) = inputs.save(run.folder()) {
        run.abandon();
        return Err(error.into());
    }
    Ok(run)
}
