//! How much a file may hold once it is unpacked: a few kilobytes can stand for gigabytes.
//!
//! Counted is what a text costs in memory, about: its bytes, and [`VALUE`] for every value that a comma parts from another.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Place, Problem, ProblemError, TestCase, printable};

/// What a file may hold in any case.
const FLOOR: u64 = 1 << 30;

/// What it may hold for each of its own bytes: no text that isn't packed reaches it.
const PER_BYTE: u64 = 24;

/// What one row may hold.
pub(super) const ROW: u64 = 256 << 20;

/// Bytes of a JSON value in memory.
const VALUE: u64 = 32;

/// The budget of one file.
#[derive(Debug)]
pub(super) struct Budget {
    path: PathBuf,
    most: u64,
    row: u64,
    left: Cell<u64>,
}

impl Budget {
    /// That of a file of this many bytes.
    pub(super) fn of(path: &Path, bytes: u64) -> Self {
        Self::with(path, FLOOR.max(bytes.saturating_mul(PER_BYTE)), ROW)
    }

    /// One of `most` for all and `row` for each row.
    pub(super) fn with(path: &Path, most: u64, row: u64) -> Self {
        Self {
            path: path.to_owned(),
            most,
            row,
            left: Cell::new(most),
        }
    }

    /// What may still be unpacked, at most what a row may hold.
    pub(super) fn of_a_row(&self) -> u64 {
        self.left.get().min(self.row)
    }

    /// What may still be unpacked of the file.
    pub(super) const fn left(&self) -> u64 {
        self.left.get()
    }

    /// Takes what a file's own bytes cost.
    pub(super) fn take(&self, cost: u64) -> Result<(), ProblemError> {
        match self.left.get().checked_sub(cost) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.file_too_large()),
        }
    }

    /// Takes what a row costs.
    pub(super) fn take_row(&self, place: &Place, cost: u64) -> Result<(), ProblemError> {
        self.check_row(place, cost)?;
        self.take(cost)
    }

    /// Refuses a row that costs too much, where it is paid for already.
    pub(super) fn check_row(&self, place: &Place, cost: u64) -> Result<(), ProblemError> {
        if cost > self.row {
            return Err(self.row_too_large(place));
        }
        Ok(())
    }

    /// The error for a row that holds too much.
    pub(super) fn row_too_large(&self, place: &Place) -> ProblemError {
        if self.left.get() < self.row {
            return self.file_too_large();
        }
        ProblemError::TooLarge {
            what: place.to_string(),
            most: self.row >> 20,
        }
    }

    /// The error for a file that does.
    pub(super) fn file_too_large(&self) -> ProblemError {
        ProblemError::TooLarge {
            what: printable(&self.path.to_string_lossy()).into_owned(),
            most: self.most >> 20,
        }
    }
}

/// What a text of JSON costs.
#[expect(
    clippy::naive_bytecount,
    reason = "parsing the same text takes many times as long"
)]
pub(super) fn cost_of_text(text: &[u8]) -> u64 {
    let commas = text.iter().filter(|&&byte| byte == b',').count() as u64;
    text.len() as u64 + VALUE * commas
}

/// What a value costs.
pub(super) fn cost_of_value(value: &Value) -> u64 {
    let within: u64 = match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(cost_of_value).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| name.len() as u64 + cost_of_value(value))
            .sum(),
        _ => 0,
    };
    VALUE + within
}

/// What a problem costs.
pub(super) fn cost_of_problem(problem: &Problem) -> u64 {
    let test = |test: &TestCase| {
        VALUE
            + match test {
                TestCase::Stdin { input, expected } => (input.len() + expected.len()) as u64,
                TestCase::Call {
                    function,
                    arguments,
                    expected,
                } => {
                    let values = arguments.iter().chain([expected]);
                    function.len() as u64 + values.map(cost_of_value).sum::<u64>()
                }
                TestCase::Asserted {
                    entry_point, code, ..
                } => (entry_point.len() + code.len()) as u64,
            }
    };
    let tests = problem.public_tests.iter().chain(&problem.private_tests);
    let sources = problem.references.iter().chain(&problem.wrong);
    let texts = [&problem.id, &problem.statement, &problem.preamble];
    VALUE
        + texts.iter().map(|text| text.len() as u64).sum::<u64>()
        + tests.map(test).sum::<u64>()
        + sources
            .map(|one| VALUE + one.source.len() as u64)
            .sum::<u64>()
        + problem
            .labels
            .iter()
            .map(|(name, value)| 2 * VALUE + (name.len() + value.len()) as u64)
            .sum::<u64>()
}
