//! Asserted tests in JavaScript, Java, Go and Rust: the tests in one sandbox, the program in another, calls across a pipe.
//!
//! As in C++, the tests' program holds a stub in place of the function, made after the head that the problem declares. It
//! sends each call's arguments and rebuilds what comes back; changes that a program makes to lists, maps and arrays come
//! back, too. What the tests expect is in their own process alone, and their exit code decides, which nothing that a program
//! returns can choose.
//!
//! A library may be missing here. A problem that imports it without need is judged. Tests that need it are an error of the
//! test. A program that uses it, because its problem imports it, gets the grade `unsupported`.

use rlef_sandbox::{Job, Language, Limits, Side, Start};

use super::asserted;
use super::run::Run;
use super::{JudgeError, Runner};
use crate::problem::{Problem, TestCase};
use crate::program::Program;

mod mask;
mod report;
mod signature;
mod sources;

/// An asserted test and what it needs of its problem.
pub(super) struct Case<'a> {
    /// Its language, and the program's.
    pub(super) language: Language,
    /// Source put before the program.
    pub(super) preamble: &'a str,
    /// Name of the function the program must define.
    pub(super) entry_point: &'a str,
    /// The test code.
    pub(super) code: &'a str,
}

impl Case<'_> {
    /// Whether the tests close what the preamble opens.
    fn closes(&self) -> bool {
        self.code.trim_start().starts_with('}')
    }

    /// The head of the function in the preamble.
    fn signature(&self) -> Option<signature::Signature> {
        let (name, language) = (self.entry_point, self.language);
        if let Some(found) = signature::find(self.preamble, name, language) {
            return found.open.then_some(found);
        }
        // Any arguments do.
        (language == Language::JavaScript).then(|| signature::Signature {
            start: self.preamble.len(),
            parameters: Vec::new(),
            result: String::new(),
            head: String::new(),
            open: false,
            depth: 0,
        })
    }
}

/// Languages that this is for.
pub(super) const fn is_foreign(language: Language) -> bool {
    matches!(
        language,
        Language::JavaScript | Language::Java | Language::Go | Language::Rust
    )
}

/// What of a test can't be judged, if anything.
pub(super) fn lacks(problem: &Problem, test: &TestCase) -> Option<&'static str> {
    let TestCase::Asserted {
        entry_point,
        code,
        language,
    } = test
    else {
        return None;
    };
    if !is_foreign(*language) {
        return None;
    }
    let case = Case {
        language: *language,
        preamble: &problem.preamble,
        entry_point,
        code,
    };
    let Some(signature) = case.signature() else {
        return Some(
            "a function whose head does not end the problem's preamble, which declares its types,",
        );
    };
    if *language == Language::Rust && signature.head.contains("&mut ") {
        return Some("a Rust function that changes what it borrows");
    }
    if *language == Language::Rust
        && (signature.head.contains("impl ") || signature.head.contains("dyn "))
    {
        return Some("a Rust function whose types are traits");
    }
    if *language == Language::Go && code.contains(".Parallel()") {
        return Some("a Go test that runs beside others");
    }
    if *language == Language::Rust && code.contains("#[should_panic") {
        return Some("a Rust test that is to panic");
    }
    None
}

/// Runs one asserted test.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    case: &Case<'_>,
    limits: &Limits,
) -> Result<(), JudgeError> {
    let Some(signature) = case.signature() else {
        return Err(run.unsupported("a function that the problem does not declare"));
    };
    let job = |source: String| Job {
        language: case.language,
        source: source.into_bytes(),
        start: Start::default(),
        files: None,
    };
    let tester = job(sources::tester(case, &signature));
    let candidate = job(sources::candidate(case, &signature, &program.source));
    let tester_limits = asserted::tester_limits(limits);
    run.pair(
        Side::new(&tester, &tester_limits),
        Side::new(&candidate, limits),
        &|tests, program| report::failure(case, tests, program),
    )
}
