//! A journal of frames, opened to be read: any episode of it without the rest.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::frame::{Entry, Name, SCHEMA};
use super::index::Index;
use super::lines::is_event;
use super::{EpisodeRecord, JournalError};

/// Which episodes of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of this policy version.
    pub step: Option<usize>,
    /// Those of this problem.
    pub problem_id: Option<String>,
    /// Those with this number in their group.
    pub sample: Option<usize>,
}

impl Selection {
    /// Whether an episode is among them.
    pub fn takes(&self, step: usize, problem_id: &str, sample: usize) -> bool {
        let problem = self.problem_id.as_deref();
        self.step.is_none_or(|wanted| wanted == step)
            && problem.is_none_or(|wanted| wanted == problem_id)
            && self.sample.is_none_or(|wanted| wanted == sample)
    }
}

/// An open journal.
pub struct FrameReader {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
    torn: u64,
}

/// The text of a prompt.
#[derive(Deserialize)]
struct Prompt {
    name: String,
    text: String,
}

impl FrameReader {
    /// Opens a journal; reads its index, or the heads of its frames, and no line.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::of(path, SCHEMA)
    }

    /// The same of a file in frames of another form.
    pub(super) fn of(path: &Path, schema: &str) -> Result<Self, JournalError> {
        let failed = |action| JournalError::of_file(action, path);
        let file = crate::files::open(path).map_err(failed("open"))?;
        let bytes = file.metadata().map_err(failed("read"))?.len();
        let index = Index::read(path, &file, (bytes, schema))?;
        let torn = bytes - index.end();
        if torn > 0 {
            tracing::warn!(
                "{}: its last {torn} bytes are the beginning of a frame, whose writer ended or goes on; they are passed over",
                path.display()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            entries: index.entries,
            torn,
        })
    }

    /// The episodes, in order.
    pub fn episodes(&self) -> impl Iterator<Item = &Name> {
        self.entries.iter().flat_map(|entry| &entry.head.episodes)
    }

    /// Frames there are.
    pub const fn frames(&self) -> usize {
        self.entries.len()
    }

    /// The episodes that a frame's head names; none where there is no such frame.
    pub fn names(&self, frame: usize) -> &[Name] {
        self.entries
            .get(frame)
            .map_or(&[], |entry| &entry.head.episodes)
    }

    /// Where a frame begins and ends.
    pub(super) fn place(&self, frame: usize) -> Option<(u64, u64)> {
        self.entries
            .get(frame)
            .map(|entry| (entry.head.at, entry.end()))
    }

    /// The records of one frame, as many as its head names; none where there is no such frame.
    pub fn records_of<T: DeserializeOwned>(&self, frame: usize) -> Result<Vec<T>, JournalError> {
        let Some(entry) = self.entries.get(frame) else {
            return Ok(Vec::new());
        };
        let records: Vec<T> = self.records(entry)?;
        let (found, expected) = (records.len(), entry.head.episodes.len());
        if found != expected {
            let words = format!("there are {found} episodes, and its head names {expected}");
            return Err(self.damaged(entry, words));
        }
        Ok(records)
    }

    /// Bytes at its end that are no whole frame.
    pub const fn torn(&self) -> u64 {
        self.torn
    }

    /// The records of the chosen episodes; reads the frames that hold one.
    pub fn chosen(&self, selection: &Selection) -> Result<Vec<EpisodeRecord>, JournalError> {
        let mut chosen = Vec::new();
        for entry in &self.entries {
            let takes = |(step, id, sample): &Name| selection.takes(*step, id, *sample);
            if !entry.head.episodes.iter().any(takes) {
                continue;
            }
            let records: Vec<EpisodeRecord> = self.records(entry)?;
            if records.len() != entry.head.episodes.len() {
                let (found, expected) = (records.len(), entry.head.episodes.len());
                return Err(self.damaged(
                    entry,
                    format!("there are {found} episodes, and its head names {expected}"),
                ));
            }
            let named = records.iter().zip(&entry.head.episodes);
            if let Some((record, _)) = named.into_iter().find(|(one, (step, id, sample))| {
                (one.step, &one.problem_id, one.sample) != (*step, id, *sample)
            }) {
                let id = &record.problem_id;
                return Err(self.damaged(
                    entry,
                    format!("it holds {id:?}, and its head names another"),
                ));
            }
            chosen.extend(
                records
                    .into_iter()
                    .filter(|one| selection.takes(one.step, &one.problem_id, one.sample)),
            );
        }
        Ok(chosen)
    }

    /// All records, one frame after the other.
    pub(super) fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, JournalError> {
        let mut all = Vec::with_capacity(self.episodes().count());
        for entry in &self.entries {
            all.extend(self.records(entry)?);
        }
        Ok(all)
    }

    /// All lines, of at most so many bytes.
    pub(super) fn text(&self, most: u64) -> std::io::Result<String> {
        let all: u64 = self.entries.iter().map(|entry| entry.head.text).sum();
        if all > most {
            return Err(std::io::Error::other(format!(
                "expected at most {most} bytes of lines, found {all}"
            )));
        }
        let mut text = String::with_capacity(all as usize);
        for entry in &self.entries {
            let lines = entry.lines(&self.file, &self.path);
            text += &lines.map_err(std::io::Error::other)?;
        }
        Ok(text)
    }

    /// The text of the prompt that a record names, where the journal holds it.
    pub fn prompt(&self, name: &str) -> Result<Option<String>, JournalError> {
        let holds = |entry: &&Entry| entry.head.prompts.iter().any(|held| held == name);
        let Some(entry) = self.entries.iter().find(holds) else {
            return Ok(None);
        };
        let lines = entry.lines(&self.file, &self.path)?;
        let prompts = lines.lines().filter(|line| is_event(line));
        let mut prompts = prompts.filter_map(|line| serde_json::from_str::<Prompt>(line).ok());
        Ok(prompts
            .find(|prompt| prompt.name == name)
            .map(|prompt| prompt.text))
    }

    /// The records of a frame.
    fn records<T: DeserializeOwned>(&self, entry: &Entry) -> Result<Vec<T>, JournalError> {
        let lines = entry.lines(&self.file, &self.path)?;
        let records = lines
            .lines()
            .enumerate()
            .filter(|(_, line)| !is_event(line));
        records
            .map(|(number, line)| {
                serde_json::from_str(line)
                    .map_err(|error| self.damaged(entry, format!("line {}: {error}", number + 1)))
            })
            .collect()
    }

    fn damaged(&self, entry: &Entry, reason: String) -> JournalError {
        JournalError::Frame {
            path: self.path.clone(),
            at: entry.head.at,
            frame: entry.head.frame,
            reason,
        }
    }
}
