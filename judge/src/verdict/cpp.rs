//! Asserted tests in C++: the tests in one sandbox, the program in another, calls across a pipe.
//!
//! The tests' program holds a stub in place of the function that is asked for, with the signature that the problem
//! declares. It sends each call's arguments to the program's process and rebuilds what comes back from bytes, with the
//! declared types and nothing else of the program. So no macro, operator, symbol or section of the program means anything
//! where results are compared, and nothing of the tests but the arguments is in the program's process. The tests'
//! program depends on the problem alone and is compiled once.
//!
//! What is left to a program: which values of the declared types it gives, and how much of the tests' time and memory they
//! take, which count as its own. The tests' containers check their bounds, so that no value makes them read past an end.
//! A type that has no form outside its process, a pointer for example, is refused by its name.

use rlef_sandbox::{Job, Language, Limits, Side, Start};

use self::declared::Declared;
use super::asserted;
use super::run::Run;
use super::{JudgeError, Runner};
use crate::problem::{Problem, Reference};
use crate::program::Program;

mod declared;
mod report;
mod scan;
mod sources;
mod types;
mod values;

/// An asserted test and what it needs of its problem.
pub(super) struct Case<'a> {
    /// Source put before the program.
    pub(super) preamble: &'a str,
    /// Name of the function the program must define.
    pub(super) entry_point: &'a str,
    /// The test code, with a `main`.
    pub(super) code: &'a str,
    /// Known solutions, which declare the function where the preamble does not.
    pub(super) references: &'a [Reference],
}

/// The function that is asked for, and who declares it.
struct Asked {
    declared: Declared,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The preamble, in whose names its types are.
    Preamble,
    /// The tests or a reference.
    Problem,
    /// The program alone.
    Program,
}

/// Whether no signature can be read where there should be one.
pub(super) fn lacks(problem: &Problem, entry_point: &str) -> bool {
    declared::is_open(&problem.preamble) && declared::find(&problem.preamble, entry_point).is_none()
}

/// Runs one asserted test.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    case: &Case<'_>,
    limits: &Limits,
) -> Result<(), JudgeError> {
    let asked = match asked(case, &program.source) {
        Ok(asked) => asked,
        Err(reason) => {
            run.refuse(&reason);
            return Ok(());
        }
    };
    let job = |source: String| Job {
        language: Language::Cpp,
        source: source.into_bytes(),
        start: Start::default(),
        files: None,
    };
    let tester = job(sources::tester(case, &asked));
    let candidate = job(sources::candidate(case, &asked, &program.source));
    let tester_limits = asserted::tester_limits(limits);
    run.pair(
        Side::new(&tester, &tester_limits),
        Side::new(&candidate, limits),
        &|tests, program| report::failure(&asked, tests, program),
    )
}

/// The signature: the problem's where it has one, else the program's, as far as it is understood without a compiler.
fn asked(case: &Case<'_>, program: &str) -> Result<Asked, String> {
    let name = case.entry_point;
    if let Some(declared) = declared::find(case.preamble, name) {
        let place = Place::Preamble;
        return Ok(Asked { declared, place });
    }
    let references = case.references.iter();
    let sources = references
        .filter(|reference| reference.language == Language::Cpp)
        .map(|reference| reference.source.as_str());
    let of_problem = [case.code].into_iter().chain(sources).find_map(|text| {
        let declared = declared::find(text, name).filter(|found| found.name == name)?;
        types::plain(&declared).ok()
    });
    if let Some(declared) = of_problem {
        let place = Place::Problem;
        return Ok(Asked { declared, place });
    }
    let declared = declared::find(program, name)
        .filter(|found| found.name == name)
        .ok_or_else(|| format!("the program defines no function `{name}`, which the tests call"))?;
    match types::plain(&declared) {
        Ok(declared) => {
            let place = Place::Program;
            Ok(Asked { declared, place })
        }
        Err(kind) => Err(format!(
            "the problem does not declare `{name}`, so its types must be numbers, std::string or containers of them; \
             the program has `{kind}`"
        )),
    }
}
