//! Rows → a file of comma-separated values. The columns are those of all its rows: where one brings a new column, the file is
//! written anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::replace;
use super::rows::Row;

#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    columns: BTreeSet<String>,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            columns: BTreeSet::new(),
            rows: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, row: &Row) -> std::io::Result<()> {
        let known = row.numbers.keys().all(|name| self.columns.contains(name));
        let begun = !self.rows.is_empty();
        self.rows.push(row.clone());
        if known && begun {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            return file.write_all(self.line(row).as_bytes());
        }
        self.columns.extend(row.numbers.keys().cloned());
        let mut text = "round".to_owned();
        for name in &self.columns {
            let _ = write!(text, ",{}", quoted(name));
        }
        text.push('\n');
        for row in &self.rows {
            text += &self.line(row);
        }
        replace(&self.path, &text)
    }

    fn line(&self, row: &Row) -> String {
        let mut line = row.round.to_string();
        for name in &self.columns {
            line.push(',');
            if let Some(value) = row.numbers.get(name) {
                let _ = write!(line, "{value}");
            }
        }
        line.push('\n');
        line
    }
}

/// A name as RFC 4180 has it: an objective of another crate may call its numbers anything.
fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", name.replace('"', "\"\""))
    } else {
        name.to_owned()
    }
}
