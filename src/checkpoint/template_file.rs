//! A chat template in a file of its own, which speaks in place of the one that a checkpoint brings.

use std::path::{Path, PathBuf};

use crate::checkpoint::chat_settings::TEMPLATE;
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};

/// A template that somebody named, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    path: PathBuf,
    text: String,
}

impl TemplateFile {
    /// Reads a file of Jinja. Whether it can be used depends on the tokenizer, and is found out with that.
    pub fn read(path: &Path) -> Result<Self, TokenizerError> {
        let failed = |reason: String| TokenizerError::Template {
            path: path.to_owned(),
            reason,
        };
        let text = crate::files::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        if text.trim().is_empty() {
            return Err(failed("expected Jinja, found an empty file".to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its Jinja.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file beside an adapter, if there is one: what was trained with it was asked by it.
    pub fn beside(adapter: &Path) -> Option<PathBuf> {
        let path = adapter.join(TEMPLATE);
        path.exists().then_some(path)
    }

    /// Writes the template that a tokenizer speaks by, where that is a file of its own, beside an adapter.
    pub fn write_beside(adapter: &Path, tokenizer: &Tokenizer) -> Result<(), TokenizerError> {
        let mut files = tokenizer.companions.iter();
        let Some((_, text)) = files.find(|(name, _)| name == TEMPLATE) else {
            return Ok(());
        };
        let path = adapter.join(TEMPLATE);
        crate::journal::write_atomically(&path, text).map_err(|error| TokenizerError::Write {
            path,
            reason: error.to_string(),
        })
    }

    /// Puts it among the files that travel with a tokenizer, where it is the template: what is trained keeps it.
    pub(super) fn put_into(&self, companions: &mut Vec<(String, Vec<u8>)>) {
        companions.retain(|(name, _)| name != TEMPLATE);
        companions.push((TEMPLATE.to_owned(), self.text.clone().into_bytes()));
    }
}
