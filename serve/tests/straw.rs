//! A machine that runs nothing: what a program does is what its source says.
//!
//! `print X` prints X; `fill N` prints N letters; `echo` prints its input; `wait` takes until it is cancelled or let go; `sleep MS`
//! takes that long; `break` breaks the sandbox; `panic` panics.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rlef_judge::judge::{Judge, JudgeCounts, JudgeError, Judgement, Submission};
use rlef_judge::problem::{Problem, TestCase};
use rlef_judge::verdict::{Failure, Grade, Scope, Verdict};
use rlef_sandbox::{
    Batch, Cancel, Folder, FoundFiles, Language, LanguageState, Outcome, Protection, SandboxError,
    Status, Usage,
};
use rlef_serve::{Bounds, Config, Machine, Server, Set, Sets};

/// What it did.
#[derive(Default)]
pub(crate) struct Straw {
    /// Sources that were begun.
    pub(crate) begun: Mutex<Vec<String>>,
    pub(crate) cancelled: AtomicUsize,
    /// Runs that are under way.
    pub(crate) running: AtomicUsize,
    pub(crate) batches: AtomicUsize,
    open: Mutex<bool>,
    opened: Condvar,
    pub(crate) workers: usize,
}

impl Straw {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers,
            ..Self::default()
        })
    }

    /// Lets all go that wait.
    pub(crate) fn let_go(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn act(&self, source: &str, input: &[u8], cancel: &Cancel) -> Result<Vec<u8>, SandboxError> {
        self.begun.lock().unwrap().push(source.to_owned());
        self.running.fetch_add(1, Ordering::SeqCst);
        let done = self.done(source.trim(), input, cancel);
        self.running.fetch_sub(1, Ordering::SeqCst);
        if matches!(done, Err(SandboxError::Cancelled)) {
            self.cancelled.fetch_add(1, Ordering::SeqCst);
        }
        done
    }

    fn done(&self, source: &str, input: &[u8], cancel: &Cancel) -> Result<Vec<u8>, SandboxError> {
        let (word, rest) = source.split_once(' ').unwrap_or((source, ""));
        match word {
            "print" => return Ok(rest.as_bytes().to_vec()),
            "fill" => return Ok(vec![b'x'; rest.parse().unwrap()]),
            "echo" => return Ok(input.to_vec()),
            "break" => {
                return Err(SandboxError::JailDied {
                    reason: "it was of straw, at /secret/place".to_owned(),
                });
            }
            "panic" => panic!("a machine of straw panics"),
            "wait" => {
                let mut open = self.open.lock().unwrap();
                while !*open && !cancel.is_cancelled() {
                    open = self
                        .opened
                        .wait_timeout(open, Duration::from_millis(2))
                        .unwrap()
                        .0;
                }
            }
            "sleep" => {
                let end = Instant::now() + Duration::from_millis(rest.parse().unwrap());
                while Instant::now() < end && !cancel.is_cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        if cancel.is_cancelled() {
            return Err(SandboxError::Cancelled);
        }
        Ok(Vec::new())
    }
}

fn outcome(stdout: Vec<u8>) -> Outcome {
    Outcome {
        status: Status::Exited(0),
        stdout,
        stderr: Vec::new(),
        usage: Usage::default(),
    }
}

impl Judge for Straw {
    fn name(&self) -> &'static str {
        "straw"
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        if scope.tests(problem).is_empty() {
            let id = problem.id.clone();
            return Err(JudgeError::NoTests { id, scope });
        }
        Ok(())
    }

    fn stamp(&self) -> String {
        "straw".to_owned()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        let problem = submission.problem;
        let tests = submission.scope.tests(problem);
        // An answer without a program is judged as every judge does: nothing runs.
        let Some(program) = submission.program else {
            return Ok(Verdict::no_program(tests.len()).into());
        };
        let source = &program.source;
        let printed = self.act(source, b"", cancel).map_err(|error| match error {
            SandboxError::Cancelled => JudgeError::Stopped,
            error => JudgeError::Sandbox {
                id: problem.id.clone(),
                attempts: 1,
                cause: Arc::new(error),
            },
        })?;
        let got = String::from_utf8(printed).unwrap();
        let failures: Vec<Failure> = tests
            .iter()
            .enumerate()
            .filter_map(|(test, case)| match case {
                TestCase::Stdin { input, expected } if *expected != got => Some(Failure {
                    test,
                    grade: Grade::WrongAnswer,
                    input: input.clone(),
                    expected: expected.clone(),
                    got: got.clone(),
                    trace: String::new(),
                }),
                _ => None,
            })
            .collect();
        Ok(Verdict {
            grade: failures
                .first()
                .map_or(Grade::Accepted, |first| first.grade),
            passed: tests.len() - failures.len(),
            total: tests.len(),
            failures,
            cpu_ms: 1.0,
            wall_ms: 1.0,
            fuel: None,
        }
        .into())
    }

    fn gives_verdicts(&self) -> bool {
        true
    }

    fn workers(&self) -> usize {
        self.workers
    }
}

impl Machine for Straw {
    fn judge(&self) -> &dyn Judge {
        self
    }

    fn run(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        let source = String::from_utf8(batch.job.source.clone()).unwrap();
        let mut outcomes = Vec::new();
        for (index, input) in batch.inputs.iter().enumerate() {
            let done = outcome(self.act(&source, input, batch.cancel)?);
            let goes_on = batch.goes_on(index, &done);
            outcomes.push(done);
            if !goes_on {
                break;
            }
        }
        Ok(outcomes)
    }

    fn run_among(
        &self,
        batch: &Batch<'_>,
        folder: &Folder,
    ) -> Result<(Outcome, FoundFiles), SandboxError> {
        let source = String::from_utf8(batch.job.source.clone()).unwrap();
        let done = outcome(self.act(&source, batch.inputs[0], batch.cancel)?);
        let given = folder.given.iter();
        let found = given.filter(|(name, _)| folder.wanted.contains(name));
        Ok((done, found.cloned().collect()))
    }

    fn languages(&self) -> Vec<LanguageState> {
        let state = |language| LanguageState {
            language,
            usable: matches!(language, Language::Python | Language::Cpp),
            tools: "/opt/straw/bin/straw (3.11.2)".to_owned(),
        };
        Language::ALL.into_iter().map(state).collect()
    }

    fn protection(&self) -> Protection {
        Protection {
            isolation: "straw".to_owned(),
            interpreter: "/opt/straw/bin/straw (3.11.2)".to_owned(),
            safeguards: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn counts(&self) -> JudgeCounts {
        JudgeCounts::default()
    }
}

/// A problem whose public tests want `public`, and whose private one wants `private`.
pub(crate) fn problem(id: &str, public: &[&str], private: &[&str]) -> Problem {
    let test = |expected: &&str| TestCase::Stdin {
        input: "in".to_owned(),
        expected: (*expected).to_owned(),
    };
    Problem {
        id: id.to_owned(),
        statement: "Say it.".to_owned(),
        public_tests: public.iter().map(test).collect(),
        private_tests: private.iter().map(test).collect(),
        ..Problem::default()
    }
}

/// What tests serve.
pub(crate) fn sets() -> Sets {
    Sets::new(vec![Set::new(
        "toy",
        vec![
            problem("toy/1", &["1"], &["1"]),
            problem("toy/2", &["2"], &["secret"]),
            problem("7", &["7"], &[]),
        ],
    )])
}

/// A configuration for this machine alone, on any port.
pub(crate) fn config() -> Config {
    Config::of(SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// A server of straw.
pub(crate) fn server(straw: &Arc<Straw>, bounds: Bounds) -> Server {
    let config = Config { bounds, ..config() };
    Server::start(config, Arc::clone(straw) as Arc<dyn Machine>, sets()).unwrap()
}

/// Waits until it holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "{what} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}
