//! Judge: a program and a problem → jobs for the sandbox, one batch for each kind of test in a row.
//!
//! A sandbox that fails is tried again, then is an error; it never becomes a verdict.

use std::error::Error;
use std::sync::Arc;

use rlef_sandbox::{Cancel, Language};

use super::run::Run;
use super::settle::Tally;
use super::{
    PublicVerdict, Runner, Scope, StopAt, Verdict, VerdictCache, asserted, call, checker, cpp,
    interact, source, stdin,
};
use crate::comparator::{Comparison, Decider};
use crate::problem::{Problem, TestCase, printable};
use crate::program::Program;

/// Why there is no verdict. Every message completes "failed to ...".
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

/// A module that the tests import and this host lacks is nothing to correct in the test.
fn remedy_of_test(detail: &str) -> &'static str {
    if detail.contains("ModuleNotFoundError") {
        "install the module for the Python that `rlef doctor` names, or name another by --python"
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

/// How often a failing sandbox is tried again by default.
const RETRIES: u32 = 2;

/// Judges programs with a runner; shared freely between threads.
#[derive(Debug)]
pub struct Judge<R> {
    runner: R,
    retries: u32,
    pub(super) cache: Option<Arc<VerdictCache>>,
    pub(super) stamp: String,
    pub(super) reruns: bool,
    pub(super) tally: Arc<Tally>,
    pub(super) testlib: Option<Arc<str>>,
}

impl<R: Runner> Judge<R> {
    /// A judge that runs programs with `runner` and retries a failing one twice.
    pub fn new(runner: R) -> Self {
        Self {
            runner,
            retries: RETRIES,
            cache: None,
            stamp: String::new(),
            reruns: false,
            tally: Arc::default(),
            testlib: None,
        }
    }

    /// The same judge with this many retries.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The same judge with the text of `testlib.h`, which is put where a checker in C++ includes it.
    #[must_use]
    pub fn with_testlib(mut self, header: String) -> Self {
        self.testlib = Some(header.into());
        self
    }

    /// How often a failing sandbox is tried again.
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// The runner.
    pub const fn runner(&self) -> &R {
        &self.runner
    }

    /// Whether this judge can give verdicts by the tests of `problem` in `scope`. Runs nothing.
    pub fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        let tests = scope.tests(problem);
        if tests.is_empty() {
            return Err(JudgeError::NoTests {
                id: problem.id.clone(),
                scope,
            });
        }
        let what = match (&problem.comparison, &problem.files) {
            (Comparison::Interactor(_), Some(_)) => Some("an interactive problem with files"),
            (Comparison::Checker(_) | Comparison::Interactor(_), _)
                if tests
                    .iter()
                    .any(|test| !matches!(test, TestCase::Stdin { .. })) =>
            {
                Some("a checker of anything but standard output")
            }
            (rule, _)
                if problem
                    .labels
                    .get("interactive")
                    .is_some_and(|what| what == "no interactor")
                    && !matches!(rule, Comparison::Interactor(_)) =>
            {
                Some("an interactive problem without its interactor")
            }
            _ if tests.iter().any(|test| unreadable(problem, test)) => {
                Some("a C++ declaration that is no plain function")
            }
            (rule, _) => checker::lacks(rule, self.testlib.as_deref()),
        };
        what.map_or(Ok(()), |what| {
            Err(JudgeError::Unsupported {
                id: problem.id.clone(),
                what,
            })
        })
    }

    /// The verdict on `program` by the tests of `problem` in `scope`.
    pub fn judge(
        &self,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<Verdict, JudgeError> {
        self.judge_cancellable(&Cancel::never(), program, problem, scope, stop)
    }

    /// The same, which has an error soon after it is cancelled.
    pub(super) fn judge_cancellable(
        &self,
        cancel: &Cancel,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<Verdict, JudgeError> {
        self.supports(problem, scope)?;
        let tests = scope.tests(problem);
        // Indices count public tests first whatever the scope, so that a failure always names the same test.
        let first = if scope == Scope::Private {
            problem.public_tests.len()
        } else {
            0
        };
        let mut run = Run::new(self, cancel, problem, stop, first);
        let mut rest = tests.as_slice();
        while let (Some(test), false) = (rest.first(), run.is_done()) {
            let alike = rest
                .iter()
                .take_while(|other| same_batch(test, other))
                .count()
                .max(1);
            let (batch, others) = rest.split_at(alike);
            run_batch(&mut run, program, problem, batch)?;
            rest = others;
        }
        Ok(run.verdict(tests.len()))
    }

    /// The verdict on the public tests, all of them, in the only form that feedback accepts.
    pub fn judge_public(
        &self,
        program: &Program,
        problem: &Problem,
    ) -> Result<PublicVerdict, JudgeError> {
        let verdict = self.judge(program, problem, Scope::Public, StopAt::Never)?;
        Ok(PublicVerdict::of(verdict, problem))
    }

    /// What `run` gives, tried again while the runner fails.
    pub(super) fn attempt<T>(
        &self,
        id: &str,
        mut run: impl FnMut(&R) -> Result<T, R::Error>,
    ) -> Result<T, JudgeError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match run(&self.runner) {
                Ok(done) => return Ok(done),
                Err(_) if attempts <= self.retries => {}
                Err(cause) => {
                    return Err(JudgeError::Sandbox {
                        id: id.to_owned(),
                        attempts,
                        cause: Arc::new(cause),
                    });
                }
            }
        }
    }
}

/// Whether the function of an asserted C++ test should be declared, but cannot be read.
fn unreadable(problem: &Problem, test: &TestCase) -> bool {
    match test {
        TestCase::Asserted {
            entry_point,
            language: Language::Cpp,
            ..
        } => cpp::lacks(problem, entry_point),
        _ => false,
    }
}

/// Whether two neighbouring tests can be run by one job.
fn same_batch(one: &TestCase, other: &TestCase) -> bool {
    match (one, other) {
        (TestCase::Stdin { .. }, TestCase::Stdin { .. }) => true,
        (
            TestCase::Call { function: one, .. },
            TestCase::Call {
                function: other, ..
            },
        ) => one == other,
        _ => false,
    }
}

fn run_batch<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    problem: &Problem,
    batch: &[&TestCase],
) -> Result<(), JudgeError> {
    let called = batch.iter().find_map(|test| match test {
        TestCase::Stdin { .. } => None,
        TestCase::Call { .. } => Some(Language::Python),
        TestCase::Asserted { language, .. } => Some(*language),
    });
    if let Some(language) = called.filter(|&language| program.language != language) {
        let title = language.title();
        run.refuse(&format!(
            "the tests of this problem call a {title} function; write it in {title}"
        ));
        return Ok(());
    }
    let joined = |entry_point| source::judged(&problem.preamble, &program.source, entry_point);
    match batch.first() {
        None => Ok(()),
        Some(TestCase::Stdin { .. }) => {
            let cases: Vec<stdin::Case<'_>> = batch
                .iter()
                .filter_map(|test| match test {
                    TestCase::Stdin { input, expected } => Some(stdin::Case { input, expected }),
                    _ => None,
                })
                .collect();
            let program = Program {
                language: program.language,
                source: joined(None),
            };
            let (limits, files) = (&problem.limits, problem.files.as_ref());
            match problem.comparison.decider() {
                Decider::Checker(checker) => {
                    checker::judge(run, &program, &cases, limits, checker, files)
                }
                Decider::Interactor(interactor) => {
                    interact::judge(run, &program, &cases, limits, interactor)
                }
                Decider::Bytes(rule) => stdin::judge(run, &program, &cases, limits, rule, files),
            }
        }
        Some(TestCase::Call { function, .. }) => {
            let cases: Vec<call::Case<'_>> = batch
                .iter()
                .filter_map(|test| match test {
                    TestCase::Call {
                        function,
                        arguments,
                        expected,
                    } => Some(call::Case {
                        function,
                        arguments,
                        expected,
                    }),
                    _ => None,
                })
                .collect();
            call::judge(
                run,
                &joined(Some(function)),
                &cases,
                &problem.limits,
                &problem.comparison,
            )
        }
        Some(TestCase::Asserted {
            entry_point,
            code,
            language: Language::Cpp,
        }) => {
            let case = cpp::Case {
                preamble: &problem.preamble,
                entry_point,
                code,
                references: &problem.references,
            };
            cpp::judge(run, program, &case, &problem.limits)
        }
        Some(TestCase::Asserted {
            entry_point, code, ..
        }) => {
            let case = asserted::Case {
                preamble: &problem.preamble,
                entry_point,
                code,
            };
            asserted::judge(run, &program.source, &case, &problem.limits)
        }
    }
}
