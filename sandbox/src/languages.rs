//! One file per language: what of the host it needs, how a program is compiled, and how it is started.
//!
//! Adding a language is one such file or a row of `table`, its variant of [`Language`] and its line in `definition`.

mod c;
mod cpp;
mod gcc;
mod go;
mod java;
mod javascript;
mod jvm;
pub(crate) mod python;
mod rust;
mod table;
mod toolchain;
#[cfg(feature = "wasm")]
pub(crate) mod wasi;
mod wasm;

use serde::{Deserialize, Serialize};

use crate::job::Language;

pub(crate) use self::toolchain::{Compile, Launch, Library, Output, Precompiled, Toolchain, Tools};

/// A language as its own file describes it.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Name for people.
    title: &'static str,
    /// Names in a fence's tag or a field, lower case, the canonical one first.
    tags: &'static [&'static str],
    /// Extensions of source files.
    extensions: &'static [&'static str],
    /// Looks for its tools on this host, or says what is missing. Python has its own way.
    pub(crate) find: fn() -> Result<Toolchain, String>,
    /// What takes the place of `{unit}` in file names and commands: the name of the main class, for example.
    pub(crate) unit: fn(&[u8]) -> String,
    /// Whether a program that was given memory by no one else says with its last words that it had too little.
    pub(crate) wanted_memory: fn(&LastWords<'_>) -> bool,
}

/// How a program ended that the kernel did not kill for want of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastWords<'a> {
    /// Exit code, if it was no signal.
    pub(crate) exit_code: Option<i32>,
    /// Signal, or 0.
    pub(crate) signal: i32,
    /// Standard error.
    pub(crate) stderr: &'a [u8],
}

impl LastWords<'_> {
    /// Whether standard error contains these words.
    pub(crate) fn contain(&self, words: &str) -> bool {
        self.stderr
            .windows(words.len())
            .any(|part| part == words.as_bytes())
    }
}

/// What is known of a language on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageState {
    /// Which one.
    pub language: Language,
    /// Whether programs in it can be run here.
    pub usable: bool,
    /// Compiler or interpreter with its version, or what is missing.
    pub tools: String,
}

pub(crate) fn definition(language: Language) -> &'static Definition {
    match language {
        Language::Python => &python::DEFINITION,
        Language::Cpp => &cpp::DEFINITION,
        Language::C => &c::DEFINITION,
        Language::Rust => &rust::DEFINITION,
        Language::Java => &java::DEFINITION,
        Language::JavaScript => &javascript::DEFINITION,
        Language::Go => &go::DEFINITION,
        Language::Php => const { &table::definition::<0>() },
        Language::Ruby => const { &table::definition::<1>() },
        Language::Lua => const { &table::definition::<2>() },
        Language::Perl => const { &table::definition::<3>() },
        Language::Bash => const { &table::definition::<4>() },
        Language::TypeScript => const { &table::definition::<5>() },
        Language::CSharp => const { &table::definition::<6>() },
        Language::Kotlin => const { &table::definition::<7>() },
        Language::Scala => const { &table::definition::<8>() },
        Language::Haskell => const { &table::definition::<9>() },
        Language::Wasm => &wasm::DEFINITION,
    }
}

impl Language {
    /// Every language, usable here or not.
    pub const ALL: [Self; 18] = [
        Self::Python,
        Self::Cpp,
        Self::C,
        Self::Rust,
        Self::Java,
        Self::JavaScript,
        Self::Go,
        Self::Php,
        Self::Ruby,
        Self::Lua,
        Self::Perl,
        Self::Bash,
        Self::TypeScript,
        Self::CSharp,
        Self::Kotlin,
        Self::Scala,
        Self::Haskell,
        Self::Wasm,
    ];

    /// Its name, as in JSON: "python", "cpp", ...
    pub fn name(self) -> &'static str {
        definition(self).tags[0]
    }

    /// Its name for people: "Python", "C++", ...
    pub fn title(self) -> &'static str {
        definition(self).title
    }

    /// The language that a fence's tag or a field names, whatever its case.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|&language| definition(language).tags.contains(&tag.as_str()))
    }

    /// The language of source files with this extension.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|&language| definition(language).extensions.contains(&extension))
    }
}

/// The unit of languages whose files may be called anything.
fn always_main(_: &[u8]) -> String {
    "main".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_those_of_json_and_no_two_languages_share_one() {
        let mut seen = HashSet::new();
        for language in Language::ALL {
            let json = serde_json::to_value(language).unwrap();
            assert_eq!(json, language.name());
            let definition = definition(language);
            for name in definition.tags {
                assert_eq!(Language::from_tag(&name.to_uppercase()), Some(language));
                assert!(seen.insert(*name), "{name}");
            }
            for extension in definition.extensions {
                assert_eq!(Language::from_extension(extension), Some(language));
            }
        }
        assert_eq!(Language::from_tag("cobol"), None);
    }
}
