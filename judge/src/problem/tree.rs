//! A folder or tar archive → rows: the layouts that data sets have on disk.
//!
//! - APPS: a folder a problem with `question.txt` and `input_output.json`; the row is the one of `apps`.
//! - IntroClass: see `introclass`, which makes native rows.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::budget::Budget;
use super::{Place, ProblemError, Row, Where, introclass, printable};

/// Where a tar archive has its magic number.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// The largest tree that is read into memory, in bytes: APPS has 10,000 problems in 1.3 GB.
const LARGEST: u64 = 2 << 30;

/// Files by their path below the folder or archive.
pub(super) struct Tree(BTreeMap<PathBuf, Vec<u8>>);

impl Tree {
    /// Every file below a folder.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, ProblemError> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![folder.to_owned()];
        let mut size = 0;
        while let Some(next) = waiting.pop() {
            let failed = |cause| ProblemError::Read {
                path: next.clone(),
                cause,
            };
            for entry in std::fs::read_dir(&next).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                let kind = std::fs::symlink_metadata(&path).map_err(failed)?;
                if kind.is_dir() {
                    waiting.push(path);
                } else if kind.is_file() {
                    size += kind.len();
                    if size > LARGEST {
                        return Err(ProblemError::TooLarge {
                            what: printable(&folder.to_string_lossy()).into_owned(),
                            most: LARGEST >> 20,
                        });
                    }
                    let bytes = std::fs::read(&path).map_err(failed)?;
                    let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                    files.insert(name, bytes);
                }
            }
        }
        Ok(Self(files))
    }

    /// Whether these bytes are a tar archive.
    pub(super) fn is_archive(bytes: &[u8]) -> bool {
        bytes.get(TAR_MAGIC) == Some(b"ustar")
    }

    /// Every file of a tar archive; nothing is written anywhere.
    pub(super) fn of_archive(
        path: &Path,
        bytes: impl Read,
        budget: &Budget,
    ) -> Result<Self, ProblemError> {
        let failed = |cause| ProblemError::Read {
            path: path.to_owned(),
            cause,
        };
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes).entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            // What is skipped is unpacked, too, and may be endless zeros.
            budget.take(entry.size().saturating_add(512))?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(failed)?.into_owned();
            let mut content = Vec::new();
            let most = entry.size();
            (&mut entry)
                .take(most)
                .read_to_end(&mut content)
                .map_err(failed)?;
            files.insert(name, content);
        }
        Ok(Self(files))
    }

    /// The files, by path.
    pub(super) const fn files(&self) -> &BTreeMap<PathBuf, Vec<u8>> {
        &self.0
    }

    /// Bytes of all files together.
    pub(super) fn size(&self) -> u64 {
        self.0.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// A file as text; bytes that are none become the replacement character.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        self.0
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Calls `take` for every problem found, in the order of their paths.
pub(super) fn for_each_row(
    path: &Path,
    tree: &Tree,
    budget: &Budget,
    take: &mut dyn FnMut(Row, &Budget) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    let rows = if let Some(rows) = introclass::rows(tree) {
        rows
    } else {
        apps_rows(tree)
    };
    if rows.is_empty() {
        let found = match tree.files().keys().next() {
            None => "it is empty".to_owned(),
            Some(first) => format!(
                "{} files, the first of them {}",
                tree.files().len(),
                first.display()
            ),
        };
        return Err(ProblemError::Layout {
            path: path.to_owned(),
            found,
            expected: "the layout of APPS (<problem>/question.txt and input_output.json) or of IntroClass \
                       (<program>/tests/blackbox/1.in)",
        });
    }
    for (index, (folder, value)) in rows.into_iter().enumerate() {
        let place = Place {
            path: path.join(folder),
            at: Where::Row(index + 1),
        };
        take(Row { place, value }, budget)?;
    }
    Ok(())
}

/// Files of a problem in the layout of APPS that become fields of its row.
const KNOWN_FILES: [&str; 5] = [
    "question.txt",
    "input_output.json",
    "solutions.json",
    "starter_code.py",
    "metadata.json",
];

/// A row of `apps` for each folder with a question.
fn apps_rows(tree: &Tree) -> Vec<(PathBuf, Value)> {
    let questions = tree
        .files()
        .keys()
        .filter(|path| path.file_name().is_some_and(|name| name == "question.txt"));
    questions
        .map(|question| {
            let folder = question.parent().unwrap_or(Path::new("")).to_owned();
            let name = match folder.components().next_back() {
                Some(Component::Normal(name)) => name.to_string_lossy().into_owned(),
                _ => "0".to_owned(),
            };
            let text = |file: &str| {
                tree.text(&folder.join(file))
                    .map_or(Value::Null, Value::String)
            };
            let mut row = Map::new();
            row.insert("problem_id".to_owned(), name.into());
            row.insert("question".to_owned(), text("question.txt"));
            row.insert("input_output".to_owned(), text("input_output.json"));
            row.insert("solutions".to_owned(), text("solutions.json"));
            row.insert("starter_code".to_owned(), text("starter_code.py"));
            if let Some(Ok(Value::Object(metadata))) = tree
                .text(&folder.join("metadata.json"))
                .map(|text| super::unique::parse(&text))
            {
                for (name, value) in metadata {
                    row.entry(name).or_insert(value);
                }
            }
            // A checker, say, that the layout doesn't know: as a field it is refused or named.
            let others = tree
                .files()
                .range(folder.clone()..)
                .take_while(|(path, _)| path.starts_with(&folder))
                .filter(|(path, _)| path.parent() == Some(&folder))
                .filter_map(|(path, _)| path.file_name()?.to_str())
                .filter(|name| !KNOWN_FILES.contains(name));
            for name in others {
                row.insert(name.to_owned(), text(name));
            }
            (folder, Value::Object(row))
        })
        .collect()
}
