//! Outcomes of one program's tests, job by job → its verdict.

use rlef_sandbox::{Batch, Cancel, Interaction, Job, Limits, Outcome, Side, Status};

use super::python::Compiled;
use super::{Failure, Grade, JudgeError, Runner, StopAt, TestJudge, Verdict};
use crate::problem::Problem;

/// What the outcomes of tester and program say of the program, or what is wrong with the tester.
type PairFailure<'a> = &'a dyn Fn(&Outcome, &Outcome) -> Result<Option<Failure>, Fault>;

/// What may be wrong on our side of the pipe.
pub(super) enum Fault {
    /// The tester ended without a report.
    Tester(String),
    /// The test code failed before it called the program.
    Tests(String),
    /// A value of this type has no form outside its process.
    Crossing(String),
}

/// A verdict in the making.
pub(super) struct Run<'a, R> {
    judge: &'a TestJudge<R>,
    cancel: &'a Cancel,
    id: &'a str,
    stop: StopAt,
    /// Index of the next test.
    next: usize,
    passed: usize,
    failures: Vec<Failure>,
    cpu_us: u64,
    wall_us: u64,
    fuel: Option<u64>,
    done: bool,
}

impl<'a, R: Runner> Run<'a, R> {
    pub(super) fn new(
        judge: &'a TestJudge<R>,
        cancel: &'a Cancel,
        problem: &'a Problem,
        stop: StopAt,
        first: usize,
    ) -> Self {
        let id = problem.id.as_str();
        Self {
            judge,
            cancel,
            id,
            stop,
            next: first,
            passed: 0,
            failures: Vec::new(),
            cpu_us: 0,
            wall_us: 0,
            fuel: None,
            done: false,
        }
    }

    /// One job on many inputs; `failure_of` is pure and may be asked more than once.
    pub(super) fn batch(
        &mut self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        failure_of: &(dyn Fn(usize, &Outcome) -> Option<Failure> + Sync),
    ) -> Result<(), JudgeError> {
        let stop = self.stop;
        let go_on = |index, outcome: &Outcome| {
            stop == StopAt::Never || failure_of(index, outcome).is_none()
        };
        let outcomes = self.run_batch(Batch::new(job, inputs, limits).going_on_while(&go_on))?;
        for (index, outcome) in outcomes.iter().take(inputs.len()).enumerate() {
            self.record(failure_of(index, outcome), outcome);
            if self.done {
                return Ok(());
            }
        }
        if outcomes.len() < inputs.len() {
            return Err(JudgeError::Incomplete {
                id: self.id.to_owned(),
                got: outcomes.len(),
                expected: inputs.len(),
            });
        }
        Ok(())
    }

    /// The text of `testlib.h`, where it was given.
    pub(super) fn testlib(&self) -> Option<&'a str> {
        self.judge.testlib.as_deref()
    }

    /// The drivers' code, where they were compiled before.
    pub(super) fn compiled(&self) -> Option<&'a Compiled> {
        self.judge.compiled()
    }

    /// When judging ends.
    pub(super) const fn stop(&self) -> StopAt {
        self.stop
    }

    /// Outcomes of one job on many inputs, of which nothing is recorded yet; fewer where judging stops at the first
    /// outcome that is not `good`.
    pub(super) fn outcomes(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        good: &(dyn Fn(&Outcome) -> bool + Sync),
    ) -> Result<Vec<Outcome>, JudgeError> {
        let stop = self.stop;
        let go_on = |_, outcome: &Outcome| stop == StopAt::Never || good(outcome);
        self.run_batch(Batch::new(job, inputs, limits).going_on_while(&go_on))
    }

    /// Outcomes of the checker, all of them.
    pub(super) fn checks(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
    ) -> Result<Vec<Outcome>, JudgeError> {
        self.run_batch(Batch::new(job, inputs, limits))
    }

    fn run_batch(&self, batch: Batch<'_>) -> Result<Vec<Outcome>, JudgeError> {
        let batch = batch.cancelled_by(self.cancel);
        self.judge
            .attempt(self.id, |runner| runner.run_batch(&batch))
    }

    /// Fewer outcomes than there were inputs.
    pub(super) fn incomplete(&self, expected: usize) -> JudgeError {
        JudgeError::Incomplete {
            id: self.id.to_owned(),
            got: self.next,
            expected,
        }
    }

    /// What can't be judged here, whatever the program.
    pub(super) fn unsupported(&self, what: &'static str) -> JudgeError {
        JudgeError::Unsupported {
            id: self.id.to_owned(),
            what,
        }
    }

    /// A checker that can't tell.
    pub(super) fn broken_checker(&self, detail: String) -> JudgeError {
        JudgeError::BrokenChecker {
            id: self.id.to_owned(),
            test: self.next,
            detail,
        }
    }

    /// What becomes of the program and the interactor that talks with it; nothing of it is recorded yet.
    pub(super) fn interaction(
        &self,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, JudgeError> {
        self.judge.attempt(self.id, |runner| {
            runner.run_interactive(self.cancel, interactor, preface, program)
        })
    }

    /// An interactor that can't tell.
    pub(super) fn broken_interactor(&self, detail: String) -> JudgeError {
        JudgeError::BrokenInteractor {
            id: self.id.to_owned(),
            test: self.next,
            detail,
        }
    }

    /// A tester and the program; the tester is ours, so its failure is tried again like the sandbox's.
    pub(super) fn pair(
        &mut self,
        tester: Side<'_>,
        candidate: Side<'_>,
        failure_of: PairFailure<'_>,
    ) -> Result<(), JudgeError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (tests, program) = self.judge.attempt(self.id, |runner| {
                runner.run_pair(self.cancel, tester, candidate)
            })?;
            let (id, test) = (self.id.to_owned(), self.next);
            match failure_of(&tests, &program) {
                Ok(failure) => {
                    self.record(failure, &program);
                    return Ok(());
                }
                Err(Fault::Tests(detail)) => {
                    return Err(JudgeError::BrokenTest { id, test, detail });
                }
                Err(Fault::Crossing(kind)) => {
                    return Err(JudgeError::Crossing { id, test, kind });
                }
                Err(Fault::Tester(_)) if attempts <= self.judge.retries() => {}
                Err(Fault::Tester(detail)) => {
                    return Err(JudgeError::Tester {
                        id,
                        test,
                        attempts,
                        detail,
                    });
                }
            }
        }
    }

    /// Counts a test and what it cost.
    pub(super) fn record(&mut self, failure: Option<Failure>, outcome: &Outcome) {
        self.cpu_us += outcome.usage.cpu_us;
        self.wall_us += outcome.usage.wall_us;
        if let Some(fuel) = outcome.usage.fuel {
            self.fuel = Some(self.fuel.unwrap_or(0).saturating_add(fuel));
        }
        match failure {
            None => self.passed += 1,
            Some(failure) => {
                // What doesn't compile fails every test in the same way; once is enough.
                self.done =
                    self.stop == StopAt::FirstFailure || failure.grade == Grade::CompileError;
                self.failures.push(Failure {
                    test: self.next,
                    ..failure
                });
            }
        }
        self.next += 1;
    }

    /// Whether no further test is to be run.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    /// A program that none of the tests can be run on.
    pub(super) fn refuse(&mut self, reason: &str) {
        let empty = String::new;
        self.failures.push(Failure {
            test: self.next,
            grade: Grade::CompileError,
            input: empty(),
            expected: empty(),
            got: empty(),
            trace: reason.to_owned(),
        });
        self.done = true;
    }

    /// What it adds up to, of `total` tests.
    pub(super) fn verdict(self, total: usize) -> Verdict {
        Verdict {
            grade: self
                .failures
                .first()
                .map_or(Grade::Accepted, |failure| failure.grade),
            passed: self.passed,
            total,
            failures: self.failures,
            cpu_ms: self.cpu_us as f64 / 1000.0,
            wall_ms: self.wall_us as f64 / 1000.0,
            fuel: self.fuel,
        }
    }
}

/// What is said of a run that didn't end well: its standard error, else how it ended; nothing for limits.
pub(super) fn trace_of(outcome: &Outcome, stderr: String) -> String {
    let how = match outcome.status {
        Status::Exited(code) => format!("the program ended with exit code {code}"),
        Status::Signalled(signal) => format!("the program was killed by signal {signal}"),
        Status::Denied => "the program was killed for a system call that is not allowed".to_owned(),
        Status::CompileError => "the program does not compile".to_owned(),
        Status::Unsupported => "the program needs what this isolation lacks".to_owned(),
        Status::TimeLimit | Status::MemoryLimit | Status::OutputLimit => return String::new(),
    };
    if stderr.trim().is_empty() {
        how
    } else {
        stderr
    }
}
