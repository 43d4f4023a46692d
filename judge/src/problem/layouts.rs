//! A folder or tar archive → rows: the layouts that data sets have on disk.
//!
//! - APPS: a folder a problem with `question.txt` and `input_output.json`; the row is the one of `apps`.
//! - IntroClass: see `introclass`, which makes native rows.
//! - Kattis packages: see `kattis`, which makes native rows.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::budget::Budget;
use super::tree::Tree;
use super::{Place, ProblemError, Row, Where, introclass, kattis};

/// Calls `take` for every problem found, in the order of their paths.
pub(super) fn for_each_row(
    path: &Path,
    tree: &Tree,
    budget: &Budget,
    take: &mut dyn FnMut(Row, &Budget) -> Result<(), ProblemError>,
) -> Result<(), ProblemError> {
    let rows = if let Some(rows) = introclass::rows(tree) {
        rows
    } else if let Some(rows) = kattis::rows(path, tree) {
        rows?
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
            expected: "the layout of APPS (<problem>/question.txt and input_output.json), of IntroClass \
                       (<program>/tests/blackbox/1.in) or of a Kattis package (problem.yaml and data/)",
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
