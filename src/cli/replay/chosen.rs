//! Which episodes of a journal a verb is about.

use std::path::Path;

use clap::Args;

use crate::journal::{EpisodeRecord, Selection, read_chosen};

/// Options that choose episodes.
#[derive(Args)]
pub(super) struct Chosen {
    /// Only episodes of this problem.
    #[arg(long, value_name = "ID")]
    problem: Option<String>,
    /// Only episodes that this version of the policy played.
    #[arg(long)]
    step: Option<usize>,
    /// Only episodes with this number in their group.
    #[arg(long)]
    sample: Option<usize>,
}

impl Chosen {
    fn selection(&self) -> Selection {
        Selection {
            step: self.step,
            problem_id: self.problem.clone(),
            sample: self.sample,
        }
    }

    /// The episodes of the journal; where some were asked for, there must be one.
    pub(super) fn read(&self, journal: &Path) -> anyhow::Result<Vec<EpisodeRecord>> {
        let records = self.of(journal)?;
        anyhow::ensure!(
            !records.is_empty() || self.selection() == Selection::default(),
            "failed to find such an episode in {}: --problem, --step and --sample leave none of it",
            journal.display()
        );
        Ok(records)
    }

    /// The same of another journal, which may hold none of them.
    pub(super) fn of(&self, journal: &Path) -> anyhow::Result<Vec<EpisodeRecord>> {
        Ok(read_chosen(journal, &self.selection())?)
    }
}
