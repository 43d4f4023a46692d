//! The episodes of a journal as a table that can be filtered and sorted: names at once, from the journal's heads, and what each
//! came to as blocks are read, one after the other, beside whoever looks. Holds some forty bytes an episode and no text.

mod facts;
mod order;
mod table;

pub use facts::Facts;
pub use order::{Key, Query};
pub use table::{Found, Row, Table};

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use crate::journal::{Blocks, EpisodeRecord, JournalError};
use facts::Told;

/// How often it is looked whether a journal has grown.
const LOOK: Duration = Duration::from_millis(900);

/// Blocks that are read before a journal is looked at, where nothing is known of it otherwise.
const AT_ONCE: usize = 4;
/// How long an episode is waited for that may stand in what is not read yet.
const LONGEST: Duration = Duration::from_secs(10);

/// A journal that is looked at.
pub struct Episodes {
    path: PathBuf,
    state: RwLock<State>,
    looked: Mutex<(Instant, u64)>,
    is_filling: AtomicBool,
}

struct State {
    blocks: Arc<Blocks>,
    table: Table,
    /// Why reading ended before its end.
    fault: Option<String>,
}

impl Episodes {
    /// Opens a journal and begins to read what its episodes came to.
    pub fn open(path: &Path) -> Result<Arc<Self>, JournalError> {
        let blocks = Arc::new(Blocks::open(path)?);
        let mut table = Table::default();
        table.keep(&blocks);
        let episodes = Arc::new(Self {
            path: path.to_owned(),
            state: RwLock::new(State {
                blocks,
                table,
                fault: None,
            }),
            looked: Mutex::new((Instant::now(), length(path))),
            is_filling: AtomicBool::new(false),
        });
        // Of lines no name is known before they are read: the first page is not to be empty.
        for _ in 0..AT_ONCE {
            if episodes.with(|table, _| table.counts().0 > 0) || !episodes.fill_next() {
                break;
            }
        }
        episodes.fill();
        Ok(episodes)
    }

    /// Waits until something is found in the table, or all of the journal was read, or for as long as a page may take.
    pub fn wait_for<T>(&self, find: impl Fn(&Table) -> Option<T>) -> Option<T> {
        let since = Instant::now();
        loop {
            // Asked before it is looked: what is read meanwhile is not missed.
            let is_last = !self.is_behind() || since.elapsed() > LONGEST;
            let found = self.with(|table, _| find(table));
            if found.is_some() || is_last {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what was written since taken in.
    pub fn refresh(self: &Arc<Self>) -> Result<(), JournalError> {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let (when, bytes) = *looked;
            if when.elapsed() < LOOK {
                return Ok(());
            }
            let now = length(&self.path);
            *looked = (Instant::now(), now);
            if now == bytes {
                return Ok(());
            }
        }
        let blocks = Arc::new(Blocks::open(&self.path)?);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.table.keep(&blocks);
        state.blocks = blocks;
        state.fault = None;
        drop(state);
        self.fill();
        Ok(())
    }

    /// Reads, on a thread of its own, the blocks that were not read yet.
    fn fill(self: &Arc<Self>) {
        if self.is_filling.swap(true, Ordering::AcqRel) {
            return;
        }
        let own = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("episodes".to_owned())
            .spawn(move || {
                while own.fill_next() {}
                own.is_filling.store(false, Ordering::Release);
                // Whoever refreshed meanwhile found it under way.
                if own.is_behind() {
                    own.fill();
                }
            });
        if let Err(error) = spawned {
            self.is_filling.store(false, Ordering::Release);
            tracing::warn!(%error, "what episodes came to is not read");
        }
    }

    fn is_behind(&self) -> bool {
        let state = self.read();
        state.fault.is_none() && state.table.filled() < state.blocks.count()
    }

    /// Reads one block; whether there may be more.
    fn fill_next(&self) -> bool {
        let (blocks, next) = {
            let state = self.read();
            if state.fault.is_some() {
                return false;
            }
            (Arc::clone(&state.blocks), state.table.filled())
        };
        if next >= blocks.count() {
            return false;
        }
        let told = blocks.records::<Told>(next);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&state.blocks, &blocks) {
            return true;
        }
        match told {
            Ok(told) => state.table.fill(&blocks, next, told),
            Err(error) => state.fault = Some(error.to_string()),
        }
        true
    }

    /// Calls with the table as it is, and with what reading it failed with.
    pub fn with<T>(&self, look: impl FnOnce(&Table, Option<&str>) -> T) -> T {
        let state = self.read();
        look(&state.table, state.fault.as_deref())
    }

    /// The record of an episode by its number in the journal, with its row.
    pub fn record(&self, number: usize) -> Result<Option<(Row, EpisodeRecord)>, JournalError> {
        let Some(row) = self.wait_for(|table| table.row(number)) else {
            return Ok(None);
        };
        let blocks = Arc::clone(&self.read().blocks);
        let records: Vec<EpisodeRecord> = blocks.records(row.block as usize)?;
        let record = records.into_iter().nth(row.line as usize);
        Ok(record.map(|record| (row, record)))
    }

    /// What these episodes came to, those not read yet read now: a page of them stands in few blocks.
    pub fn facts(&self, numbers: &[usize]) -> Result<Vec<Facts>, JournalError> {
        let (rows, blocks) = {
            let state = self.read();
            let rows: Vec<Row> = numbers
                .iter()
                .filter_map(|&number| state.table.row(number))
                .collect();
            (rows, Arc::clone(&state.blocks))
        };
        let mut read: Option<(u32, Vec<Told>)> = None;
        let mut facts = Vec::with_capacity(rows.len());
        for row in rows {
            if row.facts.is_known {
                facts.push(row.facts);
                continue;
            }
            if read.as_ref().is_none_or(|(block, _)| *block != row.block) {
                read = Some((row.block, blocks.records(row.block as usize)?));
            }
            let told = read
                .as_ref()
                .and_then(|(_, told)| told.get(row.line as usize));
            facts.push(told.map_or(row.facts, Told::facts));
        }
        Ok(facts)
    }

    /// The text of the prompt that a record names, where the journal holds it.
    pub fn prompt(&self, name: &str) -> Result<Option<String>, JournalError> {
        let blocks = Arc::clone(&self.read().blocks);
        blocks.prompt(name)
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

#[cfg(test)]
mod tests;
