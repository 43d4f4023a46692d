//! A run's metrics → files that other tools draw: TensorBoard's events and a table. Made of `metrics.jsonl`, `timings.jsonl`
//! and the validations, which are the run's record: whatever is here can be made again from them, and is when a run goes on.

pub mod events;
pub(crate) mod rows;
mod table;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::journal::write_atomically;
use events::Events;
pub(crate) use rows::Row;
use table::Table;

/// What is written beside a run's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logger {
    /// Event files below `tensorboard/`, which TensorBoard reads, and W&B imports.
    Tensorboard,
    /// `metrics.csv`, a line a round.
    Csv,
}

/// The loggers of one run.
#[derive(Debug)]
pub struct Loggers {
    folder: PathBuf,
    kinds: Vec<Logger>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    events: Option<Events>,
    table: Option<Table>,
}

impl Loggers {
    /// Those of the run in `folder`; nothing is written before the first round.
    pub fn new(folder: &Path, kinds: &[Logger]) -> Self {
        Self {
            folder: folder.to_owned(),
            kinds: kinds.to_vec(),
            open: None,
        }
    }

    /// Writes what the last round or validation added to the run's record. The first time it writes all that is there, in the
    /// place of what a process before this one wrote. Where that fails it is said once, and no more is written: a run goes on
    /// without its pictures.
    pub fn round(&mut self, rounds: usize) {
        if self.kinds.is_empty() {
            return;
        }
        let written = match &mut self.open {
            Some(open) => rows::read(&self.folder, Some(rounds))
                .and_then(|all| all.iter().try_for_each(|row| open.write(row))),
            None => self.begin(rounds),
        };
        if let Err(error) = written {
            let folder = self.folder.display();
            tracing::warn!(%folder, %error, "nothing more is logged beside metrics.jsonl");
            self.kinds.clear();
            self.open = None;
        }
    }

    fn begin(&mut self, rounds: usize) -> std::io::Result<()> {
        let asked = |kind| self.kinds.contains(&kind);
        let mut open = Open {
            events: if asked(Logger::Tensorboard) {
                Some(Events::begin(&self.folder.join("tensorboard"))?)
            } else {
                None
            },
            table: asked(Logger::Csv).then(|| Table::new(&self.folder.join("metrics.csv"))),
        };
        let mut all = rows::read(&self.folder, None)?;
        all.retain(|row| row.round <= rounds);
        for row in &all {
            open.write(row)?;
        }
        self.open = Some(open);
        Ok(())
    }
}

impl Open {
    fn write(&mut self, row: &Row) -> std::io::Result<()> {
        if let Some(events) = &mut self.events {
            events.write(row.round as u64, &row.numbers)?;
        }
        match &mut self.table {
            Some(table) => table.write(row),
            None => Ok(()),
        }
    }
}

/// Writes a file whole; see [`write_atomically`].
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    write_atomically(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of a run of so many rounds.
    fn record(folder: &Path, rounds: usize) {
        let lines = |make: &dyn Fn(usize) -> String| -> String {
            (0..rounds).map(|round| make(round) + "\n").collect()
        };
        let metrics = lines(&|round| {
            let own = if round > 1 {
                r#","own":{"kept":0.5}"#
            } else {
                ""
            };
            format!(r#"{{"round":{round},"reward":-0.5,"entropy":"NaN","solve_rate":0.25{own}}}"#)
        });
        std::fs::write(folder.join("metrics.jsonl"), metrics).unwrap();
        let timings = lines(&|round| format!(r#"{{"round":{round},"sampling_seconds":1.5}}"#));
        std::fs::write(folder.join("timings.jsonl"), timings).unwrap();
    }

    #[test]
    fn a_run_that_goes_on_writes_all_of_it_again_and_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let both = [Logger::Tensorboard, Logger::Csv];
        record(at, 2);
        let validation =
            r#"{"solved_by_turn":[{"mean":0.1,"low":0,"high":1},{"mean":0.4,"low":0,"high":1}]}"#;
        // As it is kept now, and as it was before: the report alone.
        let kept = format!(r#"{{"schema":"rlef-evaluation/1","report":{validation}}}"#);
        let mut first = Loggers::new(at, &both);
        first.round(1);
        std::fs::write(at.join("validation-000002.json"), kept).unwrap();
        first.round(2);
        drop(first);
        record(at, 3);
        let mut second = Loggers::new(at, &both);
        second.round(3);
        let table = std::fs::read_to_string(at.join("metrics.csv")).unwrap();
        let expected = "round,entropy,own/kept,reward,solve_rate,time/sampling_seconds,validation/solved\n\
            1,NaN,,-0.5,0.25,1.5,\n2,NaN,,-0.5,0.25,1.5,0.4\n3,NaN,0.5,-0.5,0.25,1.5,\n";
        assert_eq!(table, expected);
        let files: Vec<_> = std::fs::read_dir(at.join("tensorboard")).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let found = events::read(&files[0].as_ref().unwrap().path()).unwrap();
        let steps: Vec<u64> = found.iter().map(|event| event.step).collect();
        assert_eq!(steps, [1, 2, 3]);
        assert!(
            found[1]
                .numbers
                .contains(&("validation/solved".to_owned(), 0.4))
        );
        let entropy = |event: &events::Event| {
            let mut all = event.numbers.iter();
            all.find(|(name, _)| name == "train/entropy").unwrap().1
        };
        assert!(found.iter().all(|event| entropy(event).is_nan()));
    }

    #[test]
    fn a_run_goes_on_where_nothing_can_be_logged() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), 1);
        std::fs::write(folder.path().join("tensorboard"), "in the way").unwrap();
        let mut loggers = Loggers::new(folder.path(), &[Logger::Tensorboard]);
        loggers.round(1);
        assert!(loggers.kinds.is_empty());
        loggers.round(2);
        assert!(folder.path().join("tensorboard").is_file());
    }
}
