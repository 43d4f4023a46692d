//! The judge against a fake runner: no sandbox, no Python; outcomes are scripted.

mod texts;

use std::collections::VecDeque;
use std::sync::Mutex;

use rlef_sandbox::{Batch, Cancel, Interaction, Job, Language, Limits, Outcome, Side, Usage};

use super::*;
use crate::comparator::Comparison;
use crate::program::Program;

mod asserted;
mod calls;
mod deciders;
mod many;

#[derive(Debug, thiserror::Error)]
#[error("the fake is out of order")]
struct Broken;

/// Answers each input of a batch with the next scripted outcome; `Err` breaks the whole call.
struct Fake {
    script: Mutex<VecDeque<Result<Outcome, Broken>>>,
    jobs: Mutex<Vec<Job>>,
}

impl Fake {
    fn new(script: impl IntoIterator<Item = Result<Outcome, Broken>>) -> Self {
        Self {
            script: Mutex::new(script.into_iter().collect()),
            jobs: Mutex::default(),
        }
    }

    fn next(&self) -> Result<Outcome, Broken> {
        self.script
            .lock()
            .unwrap()
            .pop_front()
            .expect("the script is long enough")
    }
}

impl Runner for Fake {
    type Error = Broken;

    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, Broken> {
        self.jobs.lock().unwrap().push(batch.job.clone());
        let mut outcomes = Vec::new();
        for index in 0..batch.inputs.len() {
            let outcome = self.next()?;
            let go_on = outcome.status != Status::CompileError && batch.goes_on(index, &outcome);
            outcomes.push(outcome);
            if !go_on {
                break;
            }
        }
        Ok(outcomes)
    }

    fn run_pair(
        &self,
        _: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), Broken> {
        self.jobs
            .lock()
            .unwrap()
            .extend([left.job.clone(), right.job.clone()]);
        let mut tester = self.next()?;
        // The script can't know the nonce; the tester's source does.
        let source = String::from_utf8(left.job.source.clone()).unwrap();
        let nonce = source
            .split("\"nonce\":\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        tester.stderr = String::from_utf8(tester.stderr)
            .unwrap()
            .replace("NONCE", nonce)
            .into_bytes();
        Ok((tester, self.next()?))
    }

    /// An interactor that says `WAITED` was ended for that.
    fn run_interactive(
        &self,
        _: &Cancel,
        interactor: Side<'_>,
        _: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, Broken> {
        self.jobs
            .lock()
            .unwrap()
            .extend([interactor.job.clone(), program.job.clone()]);
        let interactor = self.next()?;
        Ok(Interaction {
            waited: interactor.stderr == b"WAITED",
            interactor,
            program: self.next()?,
        })
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a script mixes outcomes and failures"
)]
fn ended(status: Status, stdout: &str, stderr: &str) -> Result<Outcome, Broken> {
    let usage = Usage {
        cpu_us: 1500,
        wall_us: 2500,
        memory_bytes: 1 << 20,
        fuel: None,
    };
    Ok(Outcome {
        status,
        stdout: stdout.into(),
        stderr: stderr.into(),
        usage,
    })
}

fn printed(stdout: &str) -> Result<Outcome, Broken> {
    ended(Status::Exited(0), stdout, "")
}

fn problem(public: Vec<TestCase>, private: Vec<TestCase>) -> Problem {
    Problem {
        id: "p".into(),
        statement: String::new(),
        public_tests: public,
        private_tests: private,
        limits: Limits::default(),
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: std::collections::BTreeMap::default(),
    }
}

fn stdin_test(input: &str, expected: &str) -> TestCase {
    TestCase::Stdin {
        input: input.into(),
        expected: expected.into(),
    }
}

fn three() -> Problem {
    problem(
        vec![stdin_test("1", "1"), stdin_test("2", "2")],
        vec![stdin_test("3", "3")],
    )
}

fn program() -> Program {
    Program::bare("print(input())", Language::Python)
}

fn judged(
    script: impl IntoIterator<Item = Result<Outcome, Broken>>,
    problem: &Problem,
    scope: Scope,
    stop: StopAt,
) -> Result<Verdict, JudgeError> {
    TestJudge::new(Fake::new(script))
        .with_retries(1)
        .verdict(&program(), problem, scope, stop)
}

#[test]
fn all_tests_passed_is_accepted_and_costs_add_up() {
    let verdict = judged(
        ["1", "2\n", "3 "].map(printed),
        &three(),
        Scope::All,
        StopAt::Never,
    )
    .unwrap();
    assert_eq!(
        (verdict.grade, verdict.passed, verdict.total),
        (Grade::Accepted, 3, 3)
    );
    assert_eq!((verdict.cpu_ms, verdict.wall_ms), (4.5, 7.5));
    assert_eq!(verdict.failures, []);
}

#[test]
fn the_first_failure_gives_the_grade_and_stops_where_asked() {
    let script = || [printed("1"), printed("x"), ended(Status::TimeLimit, "", "")];
    let whole = judged(script(), &three(), Scope::All, StopAt::Never).unwrap();
    assert_eq!((whole.grade, whole.passed), (Grade::WrongAnswer, 1));
    let grades: Vec<(usize, Grade)> = whole
        .failures
        .iter()
        .map(|failure| (failure.test, failure.grade))
        .collect();
    assert_eq!(grades, [(1, Grade::WrongAnswer), (2, Grade::TimeLimit)]);
    assert_eq!(
        (
            whole.failures[0].input.as_str(),
            whole.failures[0].got.as_str()
        ),
        ("2", "x")
    );
    let short = judged(script(), &three(), Scope::All, StopAt::FirstFailure).unwrap();
    assert_eq!((short.failures.len(), short.passed, short.total), (1, 1, 3));
}

#[test]
fn every_status_has_its_grade_and_an_exit_code_never_accepts() {
    let cases = [
        (Status::Exited(0), Grade::WrongAnswer),
        (Status::Exited(1), Grade::RuntimeError),
        (Status::Signalled(11), Grade::RuntimeError),
        (Status::Denied, Grade::RuntimeError),
        (Status::TimeLimit, Grade::TimeLimit),
        (Status::MemoryLimit, Grade::MemoryLimit),
        (Status::OutputLimit, Grade::OutputLimit),
        (Status::CompileError, Grade::CompileError),
    ];
    for (status, grade) in cases {
        let set = problem(vec![stdin_test("", "1")], vec![]);
        let verdict = judged([ended(status, "", "")], &set, Scope::All, StopAt::Never).unwrap();
        assert_eq!(
            (verdict.grade, verdict.passed, verdict.total),
            (grade, 0, 1)
        );
    }
    // The right answer printed before a crash is a crash.
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let verdict = judged(
        [ended(Status::Exited(3), "1", "")],
        &set,
        Scope::All,
        StopAt::Never,
    )
    .unwrap();
    assert_eq!(verdict.grade, Grade::RuntimeError);
    assert_eq!(
        verdict.failures[0].trace,
        "the program ended with exit code 3"
    );
}

/// A program can't get rid of a wrong answer by asking for what its isolation lacks.
#[test]
fn what_was_wrong_before_something_was_lacking_stays_wrong() {
    for (printed, grade) in [
        ("", Grade::Unsupported),
        ("1", Grade::Unsupported),
        ("1\n", Grade::Unsupported),
        ("2", Grade::WrongAnswer),
        ("wrong\n", Grade::WrongAnswer),
        ("1\n2\n", Grade::WrongAnswer),
    ] {
        let set = problem(vec![stdin_test("", "1")], vec![]);
        let script = [ended(Status::Unsupported, printed, "no file")];
        let verdict = judged(script, &set, Scope::All, StopAt::Never).unwrap();
        assert_eq!(verdict.grade, grade, "{printed:?}");
    }
}

#[test]
fn a_compile_error_is_said_once() {
    let script = [ended(
        Status::CompileError,
        "",
        "SyntaxError: invalid syntax",
    )];
    let verdict = judged(script, &three(), Scope::All, StopAt::Never).unwrap();
    assert_eq!(
        (
            verdict.grade,
            verdict.passed,
            verdict.total,
            verdict.failures.len()
        ),
        (Grade::CompileError, 0, 3, 1)
    );
}

#[test]
fn a_failing_sandbox_is_retried_then_an_error() {
    let recovered = [Err(Broken), printed("1"), printed("2")];
    assert!(
        judged(recovered, &three(), Scope::Public, StopAt::Never)
            .unwrap()
            .is_accepted()
    );
    let error = judged(
        [printed("1"), Err(Broken), Err(Broken)],
        &three(),
        Scope::Public,
        StopAt::Never,
    )
    .unwrap_err();
    assert!(
        matches!(error, JudgeError::Sandbox { attempts: 2, .. }),
        "{error}"
    );
}

#[test]
fn a_problem_without_tests_in_scope_is_an_error() {
    let error = judged(
        [],
        &problem(vec![], vec![stdin_test("", "")]),
        Scope::Public,
        StopAt::Never,
    )
    .unwrap_err();
    assert!(matches!(error, JudgeError::NoTests { .. }), "{error}");
}

#[test]
fn scopes_choose_tests_and_keep_their_index() {
    let verdict = judged([printed("x")], &three(), Scope::Private, StopAt::Never).unwrap();
    assert_eq!((verdict.total, verdict.failures[0].test), (1, 2));
}
