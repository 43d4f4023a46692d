//! The journal of a run: frames, or lines where the run began with them.

use std::path::Path;
use std::sync::Arc;

use super::{EpisodeRecord, Frames, JournalError, Lines, of_run};
use crate::rollout::Group;

/// An open journal of a run.
pub enum RunJournal {
    /// Compressed frames with an index.
    Frames(Box<Frames>),
    /// The first form, of runs that began before there were frames.
    Lines(Lines),
}

impl RunJournal {
    /// Opens the journal of the run in a folder for appending after its first `bytes` bytes; what was written past them stays
    /// until something takes its place.
    pub fn after(folder: &Path, bytes: u64) -> Result<Self, JournalError> {
        let path = of_run(folder);
        if path.extension().is_some_and(|name| name == "zst") {
            let frames = Frames::after(&path, bytes)?;
            return Ok(Self::Frames(Box::new(frames)));
        }
        Lines::after(&path, bytes).map(Self::Lines)
    }

    /// Appends the episodes of a round, played by policy version `step`.
    pub fn append(&mut self, step: usize, groups: &[Group]) -> Result<(), JournalError> {
        let episodes = groups.iter().flat_map(|group| &group.episodes);
        let records =
            episodes.map(|one| (EpisodeRecord::new(step, one), Arc::clone(&one.opening.text)));
        match self {
            Self::Frames(frames) => frames.append(&records.collect::<Vec<_>>()),
            Self::Lines(lines) => {
                let records = records.map(|(record, _)| record.in_first_form());
                lines.append(&records.collect::<Vec<_>>())
            }
        }
    }

    /// Forces what was appended to the disk and gives the file's length.
    pub fn sync(&mut self) -> Result<u64, JournalError> {
        match self {
            Self::Frames(frames) => frames.sync(),
            Self::Lines(lines) => lines.sync(),
        }
    }
}
