//! What this host has for each language, looked for once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::SandboxError;
use crate::job::Language;
use crate::languages::{LanguageState, Toolchain, definition};

/// A toolchain or why there is none, once looked for.
type Found = Arc<OnceLock<Result<Toolchain, String>>>;

/// The tools of each language that somebody asked for.
#[derive(Debug, Default)]
pub(crate) struct Toolchains(Mutex<HashMap<Language, Found>>);

impl Toolchains {
    /// The tools of a language, if this host has them.
    pub(crate) fn get(&self, language: Language) -> Result<Toolchain, SandboxError> {
        self.found(language)
            .map_err(|reason| SandboxError::MissingLanguage { language, reason })
    }

    /// What there is, for people.
    pub(crate) fn state(&self, language: Language) -> LanguageState {
        let found = self.found(language);
        LanguageState {
            language,
            usable: found.is_ok(),
            tools: found.map_or_else(|reason| reason, |toolchain| toolchain.version),
        }
    }

    fn found(&self, language: Language) -> Result<Toolchain, String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = all.entry(language).or_default().clone();
        // Looking takes a while, and others may look for other languages.
        drop(all);
        cell.get_or_init(|| (definition(language).find)()).clone()
    }
}
