//! An evaluation as it happens: every answer of the policy and every verdict as one line, so that an evaluation that was
//! interrupted at any instant is played again to where it was without asking or judging anything twice.
//!
//! The first line says what is evaluated and how; a journal of something else is refused. Then come answers and verdicts in
//! the order they came, and the episodes they add up to, which are what `rlef replay` reads. A line is written with one
//! call as soon as there is something to write, which is all that a killed process can lose; it is forced to the disk a
//! second later at most. What a killed machine leaves of a last line is cut off.

mod event;
mod journalled;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::completion::Completion;
use crate::journal::{EpisodeRecord, JournalError, Lines};
use crate::judge::Judgement;
use crate::policy::SampleRequest;
use crate::rollout::Group;
use crate::server::Usage;
pub use event::Settings;
use event::{Event, Said};
pub use journalled::{JournalledJudge, JournalledPolicy};

/// Longest time that lines are left to the system before they are forced to the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Why a journal can't be continued. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another evaluation is in it.
    #[error("continue {}: another evaluation is in it: {}; name another file with --journal, or remove this one", path.display(), differences.join("; "))]
    Differs {
        /// The file.
        path: PathBuf,
        /// Where it differs.
        differences: Vec<String>,
    },
    /// It is no journal of an evaluation.
    #[error("continue {}: line 1 does not say which evaluation it is of; name another file with --journal, or remove this one", path.display())]
    NoJournal {
        /// The file.
        path: PathBuf,
    },
    /// There is none.
    #[error("resume {}: there is no such file; use --journal to begin one", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
}

/// An open journal.
pub struct EvalJournal {
    book: Mutex<Book>,
    /// Interrupts so far; after the first, nothing new is begun.
    interrupts: std::sync::Arc<AtomicUsize>,
    /// Whether a line could not be written.
    full: AtomicBool,
}

struct Book {
    lines: Lines,
    synced: Instant,
    answers: HashMap<(String, usize, usize), Said>,
    verdicts: HashMap<String, Judgement>,
    episodes: HashSet<(String, usize)>,
    /// What the answers found here had cost.
    usage: Usage,
    /// Tokens and programs found here.
    found: (usize, usize),
    /// Answers and verdicts found here in all.
    reused: (usize, usize),
    /// Answers and verdicts that this process wrote.
    written: (usize, usize),
    broken: Option<JournalError>,
}

impl EvalJournal {
    /// Opens a journal to begin or to continue the evaluation with these settings. `interrupts` counts the user's.
    pub fn open(
        path: &Path,
        settings: &Settings,
        interrupts: std::sync::Arc<AtomicUsize>,
    ) -> Result<Self, ResumeError> {
        let (lines, whole) = Lines::continued(path)?;
        let mut book = Book {
            lines,
            synced: Instant::now(),
            answers: HashMap::new(),
            verdicts: HashMap::new(),
            episodes: HashSet::new(),
            usage: Usage::default(),
            found: (0, 0),
            reused: (0, 0),
            written: (0, 0),
            broken: None,
        };
        for (index, line) in whole.iter().enumerate() {
            book.read(path, index, line, settings)?;
        }
        if whole.is_empty() {
            book.lines.append(&[Event::Settings(settings.clone())])?;
            book.lines.sync()?;
        }
        Ok(Self {
            book: Mutex::new(book),
            interrupts,
            full: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        // A line is appended whole or the error is kept, so a poisoned book is still sound.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing new is to be begun: the user has asked to stop, or nothing can be written any more.
    pub fn is_stopped(&self) -> bool {
        self.interrupts.load(Ordering::Relaxed) > 0 || self.full.load(Ordering::Relaxed)
    }

    /// The judgement with this key, if it is there.
    fn verdict(&self, key: Option<&str>) -> Option<Judgement> {
        let mut book = self.lock();
        let found = book.verdicts.get(key?)?.clone();
        book.found.1 += 1;
        book.reused.1 += 1;
        Some(found)
    }

    /// Begins nothing new from now on.
    fn stop(&self) {
        self.full.store(true, Ordering::Relaxed);
    }

    /// Answers and verdicts that are there.
    pub fn holds(&self) -> (usize, usize) {
        let book = self.lock();
        (book.answers.len(), book.verdicts.len())
    }

    /// Forces everything to the disk.
    pub fn sync(&self) -> Result<(), JournalError> {
        let mut book = self.lock();
        match book.broken.take() {
            Some(error) => Err(error),
            None => book.lines.sync().map(drop),
        }
    }

    /// Answers and verdicts that are there, with those of this process.
    pub fn holds_now(&self) -> (usize, usize) {
        let book = self.lock();
        let (answers, verdicts) = book.written;
        (book.answers.len() + answers, book.verdicts.len() + verdicts)
    }

    /// Answers and verdicts that were taken from it.
    pub fn reused(&self) -> (usize, usize) {
        self.lock().reused
    }

    /// What the answers taken from it had cost.
    pub fn usage(&self) -> Usage {
        self.lock().usage.clone()
    }

    /// Tokens and programs taken from it.
    pub fn found(&self) -> (usize, usize) {
        self.lock().found
    }

    /// Writes finished episodes that are not there yet, and forces everything to the disk. Lost episodes are left out: they
    /// are played again when the evaluation is continued.
    pub fn keep_episodes(&self, groups: &[Group]) -> Result<(), JournalError> {
        let mut book = self.lock();
        if let Some(error) = book.broken.take() {
            return Err(error);
        }
        let mut new = Vec::new();
        for episode in groups.iter().flat_map(|group| &group.episodes) {
            let name = (episode.problem_id.clone(), episode.sample);
            if episode.outcome.is_some() && book.episodes.insert(name) {
                new.push(EpisodeRecord::new(0, episode));
            }
        }
        book.lines.append(&new)?;
        book.lines.sync()?;
        book.synced = Instant::now();
        Ok(())
    }
}

impl Book {
    fn read(
        &mut self,
        path: &Path,
        index: usize,
        line: &str,
        settings: &Settings,
    ) -> Result<(), ResumeError> {
        let bad = |error: serde_json::Error| JournalError::Line {
            path: path.to_owned(),
            line: index + 1,
            reason: error.to_string(),
        };
        let no_journal = || ResumeError::NoJournal {
            path: path.to_owned(),
        };
        if !crate::journal::is_event(line) {
            if index == 0 {
                return Err(no_journal());
            }
            let record: EpisodeRecord = serde_json::from_str(line).map_err(bad)?;
            self.episodes.insert((record.problem_id, record.sample));
            return Ok(());
        }
        match (index, serde_json::from_str(line).map_err(bad)?) {
            (0, Event::Settings(found)) if found == *settings => {}
            (0, Event::Settings(found)) => {
                return Err(ResumeError::Differs {
                    path: path.to_owned(),
                    differences: found.differences(settings),
                });
            }
            (0, _) | (_, Event::Settings(_)) => return Err(no_journal()),
            (_, Event::Answer(said)) => {
                let name = (said.problem_id.clone(), said.sample, said.turn);
                self.answers.insert(name, said);
            }
            (_, Event::Verdict { key, verdict }) => {
                self.verdicts.insert(key, verdict);
            }
        }
        Ok(())
    }

    /// The answer to this very request, if it was given before.
    fn answer(&mut self, request: &SampleRequest) -> Option<Completion> {
        let name = (request.problem_id.clone(), request.sample, request.turn);
        let said = self.answers.get(&name)?;
        if !said.answers(request) {
            return None;
        }
        let answer = said.completion();
        if let Some(usage) = &said.usage {
            self.usage.add(usage);
        }
        self.found.0 += answer.tokens.unwrap_or(0);
        self.reused.0 += 1;
        Some(answer)
    }

    /// Appends a line; whether that went well.
    fn append(&mut self, event: Event) -> bool {
        match event {
            Event::Settings(_) => {}
            Event::Answer(_) => self.written.0 += 1,
            Event::Verdict { .. } => self.written.1 += 1,
        }
        let written = self.lines.append(&[event]).and_then(|()| {
            if self.synced.elapsed() >= SYNC_EVERY {
                self.lines.sync()?;
                self.synced = Instant::now();
            }
            Ok(())
        });
        if let Err(error) = written {
            self.broken.get_or_insert(error);
        }
        self.broken.is_none()
    }
}
