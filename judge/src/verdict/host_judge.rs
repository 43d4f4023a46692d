//! The judge of this machine: the sandbox with as many workers as it has cores.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rlef_sandbox::{
    Cancel, Isolation, Protection, Safeguard, Sandbox, SandboxConfig, SandboxError,
};

use super::{TestJudge, Verdict, VerdictCache};
use crate::judge::{
    self, Cached, Judge, JudgeCounts, JudgeError, Judgement, Keys, OnJudgement, Reruns, Submission,
    Tally, Wrapper,
};

/// Names the interpreter where the command line and the configuration don't.
const INTERPRETER: &str = "RLEF_PYTHON";
/// Names the header that C++ checkers of contest problems include.
const TESTLIB: &str = "RLEF_TESTLIB";

/// The judge of this machine.
pub struct HostJudge {
    tests: Arc<TestJudge<Sandbox>>,
    /// The tests, with re-runs and a cache where they were asked for.
    judge: Arc<dyn Judge>,
    cache: Option<Arc<VerdictCache>>,
    reruns: bool,
    tally: Arc<Tally>,
}

/// Starts the sandbox and wraps it in a judge. `workers` programs are judged side by side; 0 takes one a core.
pub fn host_judge(workers: usize) -> Result<HostJudge, SandboxError> {
    isolated_judge(Isolation::default(), workers)
}

/// The same with the isolation of choice.
pub fn isolated_judge(isolation: Isolation, workers: usize) -> Result<HostJudge, SandboxError> {
    chosen_judge(isolation, None, workers)
}

/// The same with the isolation and the interpreter of choice: a path, a name on the search path, or the folder of a
/// virtual environment. Without one it is what RLEF_PYTHON names, else the first usable `python3` on the search path.
pub fn chosen_judge(
    isolation: Isolation,
    python: Option<&Path>,
    workers: usize,
) -> Result<HostJudge, SandboxError> {
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    };
    let sandbox = Sandbox::new(SandboxConfig {
        isolation,
        workers,
        python: python.map(Path::to_owned).or_else(|| set_path(INTERPRETER)),
        ..SandboxConfig::default()
    })?;
    let protection = sandbox.protection();
    tracing::debug!(
        isolation = %protection.isolation,
        interpreter = %protection.interpreter,
        workers,
        "the sandbox has started"
    );
    let stamp = stamp(protection);
    let mut judge = TestJudge::new(sandbox)
        .with_stamp(&stamp)
        .with_workers(workers)
        .with_compiled_drivers();
    if let Some(path) = set_path(TESTLIB) {
        match std::fs::read_to_string(&path) {
            Ok(text) => judge = judge.with_testlib(text),
            // A checker that needs it says so again.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "{TESTLIB} is no readable file");
            }
        }
    }
    Ok(HostJudge::of(Arc::new(judge)))
}

/// The path that a variable of the environment holds, if it is set to one.
fn set_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

impl HostJudge {
    fn of(tests: Arc<TestJudge<Sandbox>>) -> Self {
        let host = Self {
            judge: Arc::clone(&tests) as Arc<dyn Judge>,
            tests,
            cache: None,
            reruns: false,
            tally: Arc::default(),
        };
        host.layered()
    }

    /// The same, with its layers put on anew: what is kept is what re-runs left standing.
    fn layered(mut self) -> Self {
        let tests = Arc::clone(&self.tests);
        let (cache, tally) = (self.cache.clone(), Arc::clone(&self.tally));
        self.judge = if self.reruns {
            let sure = Reruns::counting(tests, Arc::clone(&tally));
            Arc::new(Cached::counting(sure, cache, tally))
        } else {
            Arc::new(Cached::counting(tests, cache, tally))
        };
        self
    }

    /// The judge by tests alone, which keeps nothing and runs nothing twice.
    pub fn tests(&self) -> &TestJudge<Sandbox> {
        &self.tests
    }

    /// What stands between programs and this machine.
    pub fn protection(&self) -> &Protection {
        self.tests.runner().protection()
    }

    /// The same judge with a cache of verdicts.
    #[must_use]
    pub fn with_cache(mut self, cache: VerdictCache) -> Self {
        self.cache = Some(Arc::new(cache));
        self.layered()
    }

    /// The same judge, which judges timeouts near the limit again.
    #[must_use]
    pub fn with_reruns(mut self) -> Self {
        self.reruns = true;
        self.layered()
    }

    /// What was done so far.
    pub fn counts(&self) -> JudgeCounts {
        self.tally.counts()
    }

    /// The verdicts on all submissions, in their order.
    pub fn verdicts(&self, submissions: &[Submission<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        judge::all(self, submissions, &Cancel::never())
            .into_iter()
            .zip(submissions)
            .map(|(result, submission)| {
                result?.verdict.ok_or_else(|| JudgeError::NoVerdict {
                    judge: self.name().to_owned(),
                    id: submission.problem.id.clone(),
                })
            })
            .collect()
    }
}

impl Wrapper for HostJudge {
    type Inner = dyn Judge;

    fn inner(&self) -> &Self::Inner {
        &*self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.judge.judge_with(keys, submission, cancel)
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        self.judge.judge_all(submissions, cancel, on_judgement);
    }
}

/// Everything of a sandbox that verdicts depend on.
fn stamp(protection: &Protection) -> String {
    let means = |name| {
        protection
            .state(name)
            .map_or("", |state| state.means.as_str())
    };
    format!(
        "rlef {} {} {}; {}; {}",
        env!("CARGO_PKG_VERSION"),
        protection.isolation,
        protection.interpreter,
        means(Safeguard::MemoryLimit),
        means(Safeguard::CpuLimit)
    )
}
