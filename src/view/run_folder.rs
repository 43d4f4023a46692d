//! A run's folder → how it stands: whether somebody works on it, how far it is, how it ended.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::Value;

use crate::config::TrainConfig;
use crate::episode::TurnCredit;
use crate::journal::{EpisodeRecord, JournalError, credit_of};
use crate::logger::{Row, rows};

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A process works on it.
    Live,
    /// All rounds are done.
    Done,
    /// Somebody stopped it at a checkpoint; it can go on.
    Stopped,
    /// It ended within a round: it failed, or was killed.
    Failed,
}

impl State {
    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// What it means.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Live => "a process works on it",
            Self::Done => "all rounds are done",
            Self::Stopped => "stopped at a checkpoint; rlef train --resume goes on",
            Self::Failed => {
                "ended within a round (failed or killed); rlef train --resume goes on from its last checkpoint"
            }
        }
    }
}

/// A run as it stands.
pub(super) struct RunFolder {
    /// How it stands.
    pub(super) state: State,
    /// Rounds that are recorded.
    pub(super) rounds: usize,
    /// Rounds it was asked for.
    pub(super) asked: Option<usize>,
    /// The numbers of its rounds.
    pub(super) rows: Vec<Row>,
    /// Its configuration as a text.
    pub(super) configuration: String,
    /// The same, where this version understands it.
    pub(super) config: Option<TrainConfig>,
    /// Why something could not be read.
    pub(super) faults: Vec<String>,
}

impl RunFolder {
    /// Reads one. What can't be read is said, not passed over.
    pub(super) fn of(folder: &Path) -> Self {
        let mut faults = Vec::new();
        let path = folder.join("config.toml");
        let configuration = crate::files::read_to_string(&path).unwrap_or_else(|error| {
            faults.push(format!("{}: {error}", path.display()));
            String::new()
        });
        let config = TrainConfig::load(&path)
            .map_err(|error| faults.push(error.to_string()))
            .ok();
        let found = if folder.join("metrics.jsonl").exists() {
            rows::read(folder, None)
        } else {
            Ok(Vec::new())
        };
        let rows = found.unwrap_or_else(|error| {
            faults.push(format!("{}: {error}", folder.display()));
            Vec::new()
        });
        let rounds = rows.last().map_or(0, |row| row.round);
        let asked = config.as_ref().map(|config| config.rounds);
        let state = if is_held(&folder.join("lock")) {
            State::Live
        } else {
            ended(folder, rounds, asked)
        };
        Self {
            state,
            rounds,
            asked,
            rows,
            configuration,
            config,
            faults,
        }
    }

    /// The last number of this name.
    pub(super) fn last(&self, name: &str) -> Option<f64> {
        self.rows
            .iter()
            .rev()
            .find_map(|row| row.numbers.get(name))
            .copied()
    }
}

/// How a run that nobody works on has ended.
fn ended(folder: &Path, rounds: usize, asked: Option<usize>) -> State {
    let Ok(Some(checkpoint)) = crate::run::latest(folder) else {
        return State::Failed;
    };
    let progress = crate::files::read(&checkpoint.join("progress.json")).ok();
    let progress: Value = progress
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let done = progress["rounds"].as_u64().unwrap_or(0) as usize;
    if asked.is_some_and(|asked| done >= asked) {
        State::Done
    } else if done == rounds {
        State::Stopped
    } else {
        State::Failed
    }
}

/// Whether a process holds the lock of a file, by the kernel's list: to try the lock itself would keep a run from starting.
fn is_held(lock: &Path) -> bool {
    let Ok(about) = std::fs::metadata(lock) else {
        return false;
    };
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
        return false;
    };
    let inode = about.ino();
    // `1: FLOCK  ADVISORY  WRITE 708 08:01:1441905 0 EOF`; whether a device is numbered as elsewhere differs by file system.
    let of_line = |line: &str| {
        line.split_whitespace().find_map(|word| {
            word.rsplit_once(':')?
                .1
                .parse::<u64>()
                .ok()
                .filter(|_| word.matches(':').count() == 2)
        })
    };
    locks
        .lines()
        .filter(|line| line.contains("FLOCK"))
        .any(|line| of_line(line) == Some(inode))
}

/// What a round made of an episode of the run in a folder, by turn.
pub(super) fn credit_of_record(
    folder: &Path,
    record: &EpisodeRecord,
) -> Result<Option<Vec<TurnCredit>>, JournalError> {
    let tokens = record
        .turns
        .iter()
        .map(|turn| turn.tokens.as_ref().map_or(0, Vec::len));
    let name = (record.step, &*record.problem_id, record.sample);
    credit_of(folder, name, &tokens.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_as_its_files_say() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let write = |name: &str, text: &str| {
            let path = at.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("config.toml", "rounds = 3\n");
        write(
            "metrics.jsonl",
            "{\"round\":0,\"reward\":-0.5}\n{\"round\":1,\"reward\":0.25}\n",
        );
        write("timings.jsonl", "");
        let state = || RunFolder::of(at).state;
        assert_eq!(state(), State::Failed);
        write("checkpoints/000001/progress.json", "{\"rounds\":1}");
        assert_eq!(state(), State::Failed);
        write("checkpoints/000002/progress.json", "{\"rounds\":2}");
        assert_eq!(state(), State::Stopped);
        let run = RunFolder::of(at);
        assert_eq!(
            (run.rounds, run.asked, run.last("reward")),
            (2, Some(3), Some(0.25))
        );
        assert!(run.faults.is_empty(), "{:?}", run.faults);
        write("checkpoints/000003/progress.json", "{\"rounds\":3}");
        assert_eq!(state(), State::Done);
        let held = crate::run::lock::Lock::take(at).unwrap();
        assert_eq!(state(), State::Live);
        drop(held);
        assert_eq!(state(), State::Done);
        write("metrics.jsonl", "{\"round\":0\n{}\n");
        assert_eq!(RunFolder::of(at).faults.len(), 1);
    }
}
