//! The files of one package: read below a folder, as text, as settings; and the error that names one.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::problem::tree::Tree;
use crate::problem::{Place, ProblemError, yaml};

/// One package as it is read.
pub(super) struct Package<'a> {
    pub(super) tree: &'a Tree,
    pub(super) root: PathBuf,
    pub(super) place: Place,
}

impl Package<'_> {
    pub(super) fn wrong(
        &self,
        field: &str,
        expected: &str,
        found: impl Into<String>,
    ) -> ProblemError {
        ProblemError::Field {
            place: self.place.clone(),
            field: field.to_owned(),
            expected: expected.to_owned(),
            found: found.into(),
        }
    }

    /// Files below a folder of the package, with their paths below it.
    pub(super) fn below<'b>(&'b self, folder: &str) -> Vec<(&'b Path, &'b [u8])> {
        let folder = self.root.join(folder);
        let files = self.tree.files().iter();
        files
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder).ok()?, bytes.as_slice())))
            .collect()
    }

    /// Bytes of a file that must be text.
    pub(super) fn text(&self, path: &Path, bytes: &[u8]) -> Result<String, ProblemError> {
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            self.wrong(
                &path.to_string_lossy(),
                "UTF-8, which tests of rlef are kept as",
                "other bytes",
            )
        })
    }

    pub(super) fn settings(&self, path: &str) -> Result<Map<String, Value>, ProblemError> {
        let Some(bytes) = self.tree.files().get(&self.root.join(path)) else {
            return Ok(Map::new());
        };
        let text = self.text(Path::new(path), bytes)?;
        match yaml::parse(&text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(self.wrong(path, "settings by name", "a list")),
            Err(words) => Err(self.wrong(path, "settings in plain YAML", words)),
        }
    }
}
