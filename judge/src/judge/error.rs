//! Why there is no judgement.

use std::error::Error;
use std::sync::Arc;

use crate::problem::printable;
use crate::verdict::Scope;

/// Why there is no judgement. Every message completes "failed to ...".
#[derive(Clone, Debug, thiserror::Error)]
pub enum JudgeError {
    /// A problem without tests in this scope would accept every program.
    #[error(
        "judge a program on problem `{name}`: it has no {scope:?} tests; judge it on a scope that has tests", name = printable(id)
    )]
    NoTests {
        /// The problem.
        id: String,
        /// The scope asked for.
        scope: Scope,
    },
    /// The sandbox failed, this many times in a row.
    #[error(
        "run a program on problem `{name}` in the sandbox ({attempts} attempts): {}; see `rlef doctor`", chain(cause.as_ref()), name = printable(id)
    )]
    Sandbox {
        /// The problem.
        id: String,
        /// How often it was tried.
        attempts: u32,
        /// What the sandbox said last.
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// The sandbox reported fewer outcomes than there were inputs.
    #[error(
        "run a program on problem `{name}` in the sandbox: {got} of {expected} outcomes came back; see `rlef doctor`", name = printable(id)
    )]
    Incomplete {
        /// The problem.
        id: String,
        /// Outcomes that came back.
        got: usize,
        /// Inputs there were.
        expected: usize,
    },
    /// The side of an asserted test that holds the test code ended without a report, this many times in a row.
    #[error("run test {test} of problem `{name}` ({attempts} attempts): {detail}; see `rlef doctor`", name = printable(id))]
    Tester {
        /// The problem.
        id: String,
        /// Index of the test.
        test: usize,
        /// How often it was tried.
        attempts: u32,
        /// How it ended.
        detail: String,
    },
    /// The program that decides fails by itself.
    #[error(
        "check test {test} of problem `{name}`: the checker can't tell: {detail}; correct the checker", name = printable(id)
    )]
    BrokenChecker {
        /// The problem.
        id: String,
        /// Index of the test.
        test: usize,
        /// How it ended.
        detail: String,
    },
    /// The program that talks with the one judged fails by itself.
    #[error(
        "run test {test} of problem `{name}`: the interactor can't tell, whatever the program says: {detail}; correct the \
         interactor", name = printable(id)
    )]
    BrokenInteractor {
        /// The problem.
        id: String,
        /// Index of the test.
        test: usize,
        /// How it ended.
        detail: String,
    },
    /// The user stopped it.
    #[error("judge a program: it was told to stop")]
    Stopped,
    /// A judge that runs no tests failed.
    #[error("ask judge `{judge}` about an answer to problem `{name}`: {}", chain(cause.as_ref()), name = printable(id))]
    Failed {
        /// The judge.
        judge: String,
        /// The problem.
        id: String,
        /// What it said.
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// A judge gave a number that is none.
    #[error("ask judge `{judge}` about an answer to problem `{name}`: it gave {found} where a finite number is expected; mend the judge, or leave it out", name = printable(id))]
    NotFinite {
        /// The judge.
        judge: String,
        /// The problem.
        id: String,
        /// The number.
        found: f64,
    },
    /// Whoever asked needs a verdict.
    #[error("judge an answer to problem `{name}`: judge `{judge}` gives no verdict; add a judge that does, such as tests", name = printable(id))]
    NoVerdict {
        /// The judge.
        judge: String,
        /// The problem.
        id: String,
    },
    /// The judge has looked, and can't say which of several answers is better.
    #[error("compare answers to problem `{name}`: judge `{judge}` has no opinion: {reason}", name = printable(id))]
    NoOpinion {
        /// The judge.
        judge: String,
        /// The problem.
        id: String,
        /// What it said instead.
        reason: String,
    },
    /// The judge is known not to be trusted any more: what is wrong with it is measured, and past its bound.
    #[error("trust judge `{judge}`: {reason}")]
    Distrusted {
        /// The judge.
        judge: String,
        /// What was measured, and what to do.
        reason: String,
    },
    /// The judge can't say which of several answers is better.
    #[error("compare {answers} answers: judge `{judge}` gives no preferences; ask one that does")]
    NoComparison {
        /// The judge.
        judge: String,
        /// Answers there were.
        answers: usize,
    },
    /// The problem asks for something that this judge can't do.
    #[error("judge a program on problem `{name}`: {what} is not supported; leave the problem out", name = printable(id))]
    Unsupported {
        /// The problem.
        id: String,
        /// What it asks for.
        what: &'static str,
    },
    /// The test code fails by itself.
    #[error(
        "run test {test} of problem `{name}`: the test code fails before it calls the program: {detail}; {remedy}",
        name = printable(id), remedy = remedy_of_test(detail)
    )]
    BrokenTest {
        /// The problem.
        id: String,
        /// Index of the test.
        test: usize,
        /// What the interpreter, or the compiler, said.
        detail: String,
    },
    /// Tests and program exchange values of a type that has no form outside its process.
    #[error(
        "run test {test} of problem `{name}`: a value of the type `{kind}` cannot cross between the process of the tests and that of the program; leave the problem out", name = printable(id)
    )]
    Crossing {
        /// The problem.
        id: String,
        /// Index of the test.
        test: usize,
        /// The type, as the compiler names it.
        kind: String,
    },
}

/// How compilers and interpreters, Python aside, say that a library is not there.
const NO_LIBRARY: [&str; 7] = [
    "Cannot find module '",
    " does not exist",
    "unresolved import `",
    "undeclared crate or module `",
    "can't find crate for `",
    "cannot find package \"",
    "is not in GOROOT",
];

/// Whether a program failed for want of a library, in its own last words or its compiler's.
pub(crate) fn is_of_library(said: &str) -> bool {
    NO_LIBRARY.iter().any(|words| said.contains(words))
}

/// A module that the tests import and this host lacks is nothing to correct in the test.
fn remedy_of_test(detail: &str) -> &'static str {
    if detail.contains("ModuleNotFoundError") {
        "install the module for the Python that `rlef doctor` names, or name another by --python"
    } else if is_of_library(detail) {
        "install the library where the language finds it, or leave the problem out"
    } else {
        "correct the test"
    }
}

impl JudgeError {
    /// Whether the problem is at fault, so that trying again elsewhere changes nothing.
    pub const fn is_of_problem(&self) -> bool {
        match self {
            Self::NoTests { .. }
            | Self::BrokenChecker { .. }
            | Self::BrokenInteractor { .. }
            | Self::Unsupported { .. }
            | Self::Crossing { .. }
            | Self::BrokenTest { .. } => true,
            Self::Sandbox { .. }
            | Self::Incomplete { .. }
            | Self::Tester { .. }
            | Self::Failed { .. }
            | Self::NotFinite { .. }
            | Self::NoVerdict { .. }
            | Self::NoComparison { .. }
            | Self::NoOpinion { .. }
            | Self::Distrusted { .. }
            | Self::Stopped => false,
        }
    }
}

/// An error and what caused it, on one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
