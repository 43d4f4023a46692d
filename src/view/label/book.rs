//! The file of labels: lines of JSON that are only ever added to. What was said is on the disk before the labeller is told so; what is
//! taken back is another line. An item's answers stand before its first label, so that the file says all by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sound::check;
use super::task::{Item, Kind};
use crate::journal::{JournalError, Lines};
use crate::preference::Mark;

/// Form of the file; another one is refused.
const SCHEMA: &str = "rlef-labels/1";

/// Why labels can't be kept. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file can't be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A line is not one of a label.
    #[error("use {}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It has labels of another kind.
    #[error("add labels of {asked} to {}: it holds labels of {found}; name another file with --out", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// What is asked now.
        asked: &'static str,
        /// What it holds.
        found: &'static str,
    },
}

/// What a labeller said, in the order in which the item holds its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// This answer is better.
    Better(usize),
    /// Both are as good.
    Tie,
    /// Both are bad.
    BothBad,
    /// Nothing: the item is passed over.
    Skip,
    /// The place of each answer: lower is better, equal is a tie.
    Places(Vec<usize>),
    /// What each step is, to the last that was labelled.
    Marks(Vec<Mark>),
}

/// One label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The item.
    pub item: String,
    /// Whose it is, by the name that was chosen.
    pub labeler: String,
    /// What was said.
    pub said: Said,
    /// Which answer stood where: the first of these was shown first.
    pub order: Vec<usize>,
    /// How sure, from 1 to 9, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// Why, in the labeller's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How long it took.
    pub seconds: f64,
    /// Whether what execution said was looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saw_execution: bool,
    /// Whether it was asked to measure agreement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeat: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    /// What is labelled here: the first line.
    Labels {
        /// Form of the file.
        schema: String,
        /// What is asked.
        kind: Kind,
    },
    /// Something to label, before its first label.
    Item(Item),
    /// What somebody said of it.
    Label(Label),
    /// The labeller's last label that holds is taken back.
    Undo {
        /// Whose.
        labeler: String,
    },
}

/// The open file.
pub struct Book {
    lines: Option<Lines>,
    kind: Kind,
    items: BTreeMap<String, Item>,
    labels: Vec<Label>,
    /// Items that each labeller has taken back and not labelled since.
    again: BTreeMap<String, String>,
}

impl Book {
    /// Opens a file to add labels of a kind.
    pub fn open(path: &Path, kind: Kind) -> Result<Self, BookError> {
        let (lines, whole) = Lines::continued(path)?;
        let mut book = Self::empty(kind);
        book.read(path, whole.iter().map(String::as_str), Some(kind))?;
        let mut lines = lines;
        if whole.is_empty() {
            lines.append(&[Event::Labels {
                schema: SCHEMA.to_owned(),
                kind,
            }])?;
            lines.sync()?;
        }
        book.lines = Some(lines);
        Ok(book)
    }

    /// Reads a file that nobody adds to.
    pub fn load(path: &Path) -> Result<Self, BookError> {
        let text =
            crate::files::read_to_string(path).map_err(JournalError::of_file("read", path))?;
        // What was not ended was not promised to be kept.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut book = Self::empty(Kind::Pairs);
        book.read(path, whole.lines(), None)?;
        Ok(book)
    }

    fn empty(kind: Kind) -> Self {
        Self {
            lines: None,
            kind,
            items: BTreeMap::new(),
            labels: Vec::new(),
            again: BTreeMap::new(),
        }
    }

    fn read<'a>(
        &mut self,
        path: &Path,
        lines: impl Iterator<Item = &'a str>,
        asked: Option<Kind>,
    ) -> Result<(), BookError> {
        let mut is_begun = false;
        for (number, line) in lines.enumerate() {
            let wrong = |reason: String| BookError::Line {
                path: path.to_owned(),
                line: number + 1,
                reason,
            };
            let event: Event = serde_json::from_str(line).map_err(|error| {
                wrong(format!(
                    "{error}; expected a line that rlef label has written"
                ))
            })?;
            if !is_begun && !matches!(event, Event::Labels { .. }) {
                return Err(wrong(
                    "the first line does not say that these are labels".to_owned(),
                ));
            }
            match event {
                Event::Labels { schema, kind } => {
                    if schema != SCHEMA || is_begun {
                        return Err(wrong(format!(
                            "the form is {schema}; expected {SCHEMA}, once"
                        )));
                    }
                    if let Some(asked) = asked.filter(|asked| *asked != kind) {
                        return Err(BookError::Kind {
                            path: path.to_owned(),
                            asked: asked.name(),
                            found: kind.name(),
                        });
                    }
                    (self.kind, is_begun) = (kind, true);
                }
                Event::Item(item) => drop(self.items.insert(item.id.clone(), item)),
                Event::Label(label) => {
                    let item = self
                        .items
                        .get(&label.item)
                        .ok_or_else(|| wrong(format!("there is no item {}", label.item)))?;
                    check(&label, item, self.kind).map_err(wrong)?;
                    self.take(label);
                }
                Event::Undo { labeler } => drop(self.take_back(&labeler)),
            }
        }
        if asked.is_none() && !is_begun {
            return Err(BookError::Line {
                path: path.to_owned(),
                line: 1,
                reason: "there is none; expected labels that rlef label has written".to_owned(),
            });
        }
        Ok(())
    }

    fn take(&mut self, label: Label) {
        self.again.remove(&label.labeler);
        self.labels.push(label);
    }

    fn take_back(&mut self, labeler: &str) -> Option<Label> {
        let place = self
            .labels
            .iter()
            .rposition(|label| label.labeler == labeler)?;
        let label = self.labels.remove(place);
        self.again.insert(labeler.to_owned(), label.item.clone());
        Some(label)
    }

    /// Keeps a label; it is on the disk when this returns.
    pub fn add(&mut self, label: Label, item: &Item) -> Result<(), BookError> {
        let mut events = Vec::new();
        if !self.items.contains_key(&item.id) {
            events.push(Event::Item(item.clone()));
        }
        events.push(Event::Label(label.clone()));
        self.write(&events)?;
        self.items.insert(item.id.clone(), item.clone());
        self.take(label);
        Ok(())
    }

    /// Takes back a labeller's last label; nothing where there is none.
    pub fn undo(&mut self, labeler: &str) -> Result<Option<Label>, BookError> {
        if self.labels.iter().all(|label| label.labeler != labeler) {
            return Ok(None);
        }
        self.write(&[Event::Undo {
            labeler: labeler.to_owned(),
        }])?;
        Ok(self.take_back(labeler))
    }

    fn write(&mut self, events: &[Event]) -> Result<(), BookError> {
        if let Some(lines) = &mut self.lines {
            lines.append(events)?;
            lines.sync()?;
        }
        Ok(())
    }

    /// What is asked of labellers.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The labels that hold, in the order they were given.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The item of a name, where somebody labelled it.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }

    /// The item that a labeller took back last, and has not labelled since.
    pub fn again(&self, labeler: &str) -> Option<&str> {
        self.again.get(labeler).map(String::as_str)
    }

    /// All who have labelled.
    pub fn labelers(&self) -> BTreeSet<&str> {
        self.labels
            .iter()
            .map(|label| label.labeler.as_str())
            .collect()
    }
}
