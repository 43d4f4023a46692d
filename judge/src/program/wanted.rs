//! Problem → what its answers have to be.

use rlef_sandbox::Language;

use super::lexer::{code_only, is_word};
use crate::problem::{Problem, TestCase};

/// What is asked of a program, as far as its text can show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It reads and prints.
    ToPrint,
    /// It defines a function, or a class with a method.
    ToDefine {
        /// The class, if any.
        class: Option<String>,
        /// The function or method.
        function: String,
    },
    /// Nothing is known.
    Anything,
}

/// What an answer is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Languages it may be in; a block without a tag is in the first.
    pub(super) languages: Vec<Language>,
    pub(super) asked: Asked,
    /// What is put in front of the program, which may be its continuation.
    pub(super) head: String,
}

impl Wanted {
    /// What this problem wants, in its own language.
    pub fn of(problem: &Problem) -> Self {
        let tests = problem.public_tests.iter().chain(&problem.private_tests);
        let asked = tests
            .into_iter()
            .next()
            .map_or(Asked::Anything, |test| match test {
                TestCase::Stdin { .. } => Asked::ToPrint,
                TestCase::Call { function: name, .. }
                | TestCase::Asserted {
                    entry_point: name, ..
                } => Asked::to_define(name),
            });
        Self {
            languages: vec![problem.language()],
            asked,
            head: problem.preamble.clone(),
        }
    }

    /// Any program in this language.
    pub fn any(language: Language) -> Self {
        Self {
            languages: vec![language],
            asked: Asked::Anything,
            head: String::new(),
        }
    }

    /// The same in another language, which somebody named.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        self.languages = vec![language];
        self
    }

    /// The same in whichever language a block names, where the problem's programs only read and print and its own language
    /// is not said. Neither WebAssembly nor Bash, in which answers show
    /// sessions, is chosen so.
    #[must_use]
    pub fn in_any_language(mut self, problem: &Problem) -> Self {
        if self.asked == Asked::ToPrint && !problem.labels.contains_key("language") {
            let others = Language::ALL
                .into_iter()
                .filter(|&other| !matches!(other, Language::Wasm | Language::Bash));
            for language in others {
                if !self.languages.contains(&language) {
                    self.languages.push(language);
                }
            }
        }
        self
    }

    /// The head, where it ends inside a function that a program may go on with; empty where it is whole, as imports are.
    pub(super) fn open_head(&self) -> &str {
        const HEADS: [&str; 9] = [
            "def ", "async ", "class ", "if ", "for ", "while ", "with ", "try:", "else:",
        ];
        if self.language() != Language::Python || self.head.trim().is_empty() {
            return self.head.trim_start_matches(char::is_whitespace);
        }
        let code = code_only(&self.head, Language::Python);
        let is_at_margin = |line: &&str| line.starts_with(|first| is_word(first) || first == '@');
        let last = code.lines().rfind(is_at_margin).unwrap_or_default();
        if HEADS.iter().any(|word| last.starts_with(word)) {
            &self.head
        } else {
            ""
        }
    }

    /// The language of a block without a tag.
    pub fn language(&self) -> Language {
        // There is always one.
        self.languages.first().copied().unwrap_or(Language::Python)
    }
}

impl Asked {
    /// `f`, `Solution.f`, `Solution().f`.
    fn to_define(name: &str) -> Self {
        let clean = |part: &str| part.trim().trim_end_matches("()").to_owned();
        match name.rsplit_once('.') {
            Some((class, function)) => Self::ToDefine {
                class: Some(clean(class)),
                function: clean(function),
            },
            None => Self::ToDefine {
                class: None,
                function: clean(name),
            },
        }
    }
}
