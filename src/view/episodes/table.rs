//! Rows of episodes: where each stands and what it came to. Grows with its journal.

use std::collections::HashMap;

use super::facts::{Facts, Told};
use super::order::{self, Query};
use crate::journal::Blocks;

/// An episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Policy version that played it.
    pub step: u32,
    /// The problem, as a number.
    pub problem: u32,
    /// Which of the group's episodes.
    pub sample: u32,
    /// The block it stands in.
    pub(super) block: u32,
    /// Which of the block's.
    pub(super) line: u32,
    /// What it came to.
    pub facts: Facts,
}

/// The episodes of a journal, in its order.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
    names: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Where the blocks that are known begin and end, and which row their first is.
    blocks: Vec<((u64, u64), usize)>,
    filled: usize,
}

/// What a query finds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Episodes it holds for.
    pub count: usize,
    /// Numbers of those of the page, in order.
    pub numbers: Vec<usize>,
}

impl Table {
    /// Keeps what still holds of a journal that has grown or was cut back, and adds the names that its heads tell.
    pub(super) fn keep(&mut self, blocks: &Blocks) {
        let same = self.blocks.iter().enumerate();
        let same = same
            .take_while(|(block, (place, _))| blocks.place(*block) == Some(*place))
            .count();
        if let Some((_, first)) = self.blocks.get(same) {
            self.rows.truncate(*first);
            self.blocks.truncate(same);
        }
        self.filled = self.filled.min(same);
        for block in same..blocks.count() {
            let Some(names) = blocks.names(block) else {
                break;
            };
            self.begin(blocks, block);
            for (line, (step, id, sample)) in names.iter().enumerate() {
                let problem = self.number(id);
                self.rows.push(Row {
                    step: *step as u32,
                    problem,
                    sample: *sample as u32,
                    block: block as u32,
                    line: line as u32,
                    facts: Facts::default(),
                });
            }
        }
    }

    fn begin(&mut self, blocks: &Blocks, block: usize) {
        let place = blocks.place(block).unwrap_or_default();
        self.blocks.push((place, self.rows.len()));
    }

    /// The number of a problem.
    fn number(&mut self, id: &str) -> u32 {
        if let Some(&known) = self.numbers.get(id) {
            return known;
        }
        let number = self.names.len() as u32;
        self.names.push(id.to_owned());
        self.numbers.insert(id.to_owned(), number);
        number
    }

    /// Takes in what the next block's lines tell.
    pub(super) fn fill(&mut self, blocks: &Blocks, block: usize, told: Vec<Told>) {
        if block == self.blocks.len() {
            // Of lines nobody knew the names.
            self.begin(blocks, block);
            for (line, told) in told.iter().enumerate() {
                let problem = self.number(&told.problem_id);
                self.rows.push(Row {
                    step: told.step as u32,
                    problem,
                    sample: told.sample as u32,
                    block: block as u32,
                    line: line as u32,
                    facts: told.facts(),
                });
            }
        } else if let Some(&(_, first)) = self.blocks.get(block) {
            for (row, told) in self.rows[first..].iter_mut().zip(&told) {
                row.facts = told.facts();
            }
        }
        self.filled = block + 1;
    }

    /// Blocks whose episodes' facts are known.
    pub(super) const fn filled(&self) -> usize {
        self.filled
    }

    /// Episodes there are, and those of which is known what they came to.
    pub fn counts(&self) -> (usize, usize) {
        let known = self
            .blocks
            .get(self.filled)
            .map_or(self.rows.len(), |(_, first)| *first);
        (self.rows.len(), known)
    }

    /// An episode by its number.
    pub fn row(&self, number: usize) -> Option<Row> {
        self.rows.get(number).copied()
    }

    /// All episodes.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The id of a problem.
    pub fn problem(&self, number: u32) -> &str {
        self.names.get(number as usize).map_or("", String::as_str)
    }

    /// Ids of all problems, by their numbers.
    pub fn problems(&self) -> &[String] {
        &self.names
    }

    /// The number of an id, where it was played.
    pub fn number_of(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The number of an episode by its name: the last one, where a journal holds it twice.
    pub fn named(&self, step: usize, id: &str, sample: usize) -> Option<usize> {
        let problem = self.number_of(id)?;
        let wanted = (step as u32, problem, sample as u32);
        self.rows
            .iter()
            .rposition(|row| (row.step, row.problem, row.sample) == wanted)
    }

    /// The episodes of a page.
    pub fn find(&self, query: &Query) -> Found {
        order::find(&self.rows, &self.names, query)
    }
}
