//! What to run: one program's source. Knows nothing of tests or expected output.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// Language of a program. Its names are in `languages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// CPython 3, the host's interpreter.
    Python,
    /// C++17 with the GNU extensions, by g++ or clang++.
    Cpp,
    /// C17 with the GNU extensions, by gcc or clang.
    C,
    /// Rust 2021, by rustc.
    Rust,
    /// Java, by the host's JDK.
    Java,
    /// JavaScript, by Node.js.
    JavaScript,
    /// Go, by the host's go.
    Go,
    /// PHP, by the host's php.
    Php,
    /// Ruby, by the host's ruby.
    Ruby,
    /// Lua, by the host's lua.
    Lua,
    /// Perl 5, by the host's perl.
    Perl,
    /// Bash, with its own words and no other programs.
    Bash,
    /// TypeScript, by the host's compiler without its types, and Node.js.
    TypeScript,
    /// C#, by Mono's compiler and Mono.
    CSharp,
    /// Kotlin, by the host's kotlinc and its JVM.
    Kotlin,
    /// Scala 2, by the host's scalac and its JVM.
    Scala,
    /// Haskell, by the host's ghc.
    Haskell,
    /// A WebAssembly module that is a WASI command, binary or as text; runs under WebAssembly isolation only.
    Wasm,
}

/// How the program is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Python: a fork of a warm, jailed interpreter, about a millisecond. Other languages have only one way.
    #[default]
    Fork,
    /// Python: a fresh `python3` process in the same jail, the slow path the fast one is tested against.
    Exec,
}

/// Files that stand in for a program's standard streams, by names without folders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Holds the input; standard input is empty.
    pub input: String,
    /// Its content, once everything that the program started has ended, is the output; nothing if there is no such file.
    /// What is printed is not kept.
    pub output: String,
}

/// One program to run. Its inputs come beside it, so that one job serves many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Language of `source`.
    pub language: Language,
    /// The program's bytes, exactly as written; may be malformed.
    pub source: Vec<u8>,
    /// Fork or exec.
    pub start: Start,
    /// The files that the program reads and writes in its work directory in place of its standard streams, if it does.
    pub files: Option<Files>,
}

impl Files {
    /// Whether both are plain names of files, and different ones.
    pub fn are_plain(&self) -> bool {
        let plain = |name: &str| {
            !name.is_empty()
                && name.len() <= 200
                && name != "."
                && name != ".."
                && !name.contains(['/', '\0'])
        };
        plain(&self.input) && plain(&self.output) && self.input != self.output
    }
}

/// One of two programs that talk with each other.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The program.
    pub job: &'a Job,
    /// Its own limits.
    pub limits: &'a Limits,
    /// Exit code by which an interactor says that all is well so far. Any other ends the program that it talked with.
    pub content: i32,
}

impl<'a> Side<'a> {
    /// This program under these limits.
    pub const fn new(job: &'a Job, limits: &'a Limits) -> Self {
        Self {
            job,
            limits,
            content: 0,
        }
    }

    /// The same, an interactor that is content with what it heard where it ends with this exit code.
    #[must_use]
    pub const fn content_with(mut self, code: i32) -> Self {
        self.content = code;
        self
    }
}
