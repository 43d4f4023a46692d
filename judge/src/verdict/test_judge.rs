//! The judge by tests: a program and a problem → jobs for the sandbox, one batch for each kind of test in a row.
//!
//! A sandbox that fails is tried again, then is an error; it never becomes a verdict.

use std::sync::{Arc, OnceLock};

use rlef_sandbox::{Cancel, Language};

use super::python::Compiled;
use super::run::Run;
use super::{PublicVerdict, Runner, Scope, StopAt, Verdict, batch, checker, cpp, foreign};
use crate::comparator::Comparison;
use crate::judge::{Judge, JudgeError, Judgement, Reads, Submission, timeout};
use crate::problem::{Problem, TestCase};
use crate::program::Program;

/// How often a failing sandbox is tried again by default.
const RETRIES: u32 = 2;

/// Judges programs with a runner; shared freely between threads.
#[derive(Debug)]
pub struct TestJudge<R> {
    runner: R,
    retries: u32,
    stamp: Arc<str>,
    workers: usize,
    pub(super) testlib: Option<Arc<str>>,
    /// Whether the drivers are compiled once, and what they became.
    compiles: bool,
    compiled: OnceLock<Option<Compiled>>,
}

impl<R: Runner> TestJudge<R> {
    /// A judge that runs programs with `runner` and retries a failing one twice.
    pub fn new(runner: R) -> Self {
        Self {
            runner,
            retries: RETRIES,
            stamp: Arc::default(),
            workers: 1,
            testlib: None,
            compiles: false,
            compiled: OnceLock::new(),
        }
    }

    /// The same judge with the name of whatever verdicts depend on besides tests and programs: versions, isolation,
    /// interpreter.
    #[must_use]
    pub fn with_stamp(mut self, stamp: &str) -> Self {
        self.stamp = stamp.into();
        self
    }

    /// The same judge, which runs this many programs side by side.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
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

    /// The same judge, which has its runner compile once what drives each test of a function: the first such test costs a
    /// job more, all others less. For a runner whose Python programs all have the same interpreter.
    #[must_use]
    pub fn with_compiled_drivers(mut self) -> Self {
        self.compiles = true;
        self
    }

    /// The drivers' code, if they are to be compiled and could be.
    pub(super) fn compiled(&self) -> Option<&Compiled> {
        let compile = || Compiled::by(&self.runner);
        self.compiles
            .then(|| self.compiled.get_or_init(compile).as_ref())
            .flatten()
    }

    /// How often a failing sandbox is tried again.
    pub const fn retries(&self) -> u32 {
        self.retries
    }

    /// The runner.
    pub const fn runner(&self) -> &R {
        &self.runner
    }

    /// Whether this judge can give verdicts by the tests of `problem` in `scope`.
    fn can_judge(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
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
            (rule, _) => tests
                .iter()
                .find_map(|test| foreign::lacks(problem, test))
                .or_else(|| checker::lacks(rule, self.testlib.as_deref())),
        };
        what.map_or(Ok(()), |what| {
            Err(JudgeError::Unsupported {
                id: problem.id.clone(),
                what,
            })
        })
    }

    /// The verdict on `program` by the tests of `problem` in `scope`.
    pub fn verdict(
        &self,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<Verdict, JudgeError> {
        self.verdict_until(&Cancel::never(), program, problem, scope, stop)
    }

    /// The same, which has an error soon after it is cancelled.
    fn verdict_until(
        &self,
        cancel: &Cancel,
        program: &Program,
        problem: &Problem,
        scope: Scope,
        stop: StopAt,
    ) -> Result<Verdict, JudgeError> {
        self.can_judge(problem, scope)?;
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
                .take_while(|other| batch::is_one(test, other))
                .count()
                .max(1);
            let (batch, others) = rest.split_at(alike);
            batch::run(&mut run, program, problem, batch)?;
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
        let verdict = self.verdict(program, problem, Scope::Public, StopAt::Never)?;
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

impl<R: Runner> Judge for TestJudge<R> {
    fn name(&self) -> &'static str {
        "tests"
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.can_judge(problem, scope)
    }

    fn stamp(&self) -> String {
        self.stamp.to_string()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let Submission {
            problem,
            scope,
            stop,
            ..
        } = *submission;
        let Some(program) = submission.program else {
            return Ok(Verdict::no_program(scope.tests(problem).len()).into());
        };
        match self.verdict_until(cancel, program, problem, scope, stop) {
            Ok(verdict) => Ok(Judgement {
                // A program that is stopped at its limit might end in time in another run.
                repeatable: timeout(&verdict).is_none(),
                ..verdict.into()
            }),
            Err(_) if cancel.is_cancelled() => Err(JudgeError::Stopped),
            Err(error) => Err(error),
        }
    }

    /// With the compilers that the program, and the one that decides, are run by.
    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        let problem = submission.problem;
        let decider = match &problem.comparison {
            Comparison::Checker(one) | Comparison::Interactor(one) => Some(one.language),
            _ => None,
        };
        let program = submission.program.map(|program| program.language);
        let tools: Vec<String> = (program.into_iter().chain(decider))
            .map(|language| self.runner.tools(language))
            .collect();
        let header = self.testlib.as_deref().filter(|_| decider.is_some());
        format!(
            "{} {} {}",
            self.stamp,
            tools.join(" "),
            header.unwrap_or_default()
        )
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn gives_verdicts(&self) -> bool {
        true
    }

    fn workers(&self) -> usize {
        self.workers
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
