//! The judge of this machine: the sandbox with as many workers as it has cores.

use std::path::{Path, PathBuf};

use rlef_sandbox::{
    Batch, Cancel, Interaction, Isolation, Language, Outcome, Protection, Safeguard, Sandbox,
    SandboxConfig, SandboxError, Side,
};

use super::{
    Judge, JudgeCounts, JudgeError, Keys, Runner, Task, Verdict, VerdictCache, VerdictKey,
};

impl Runner for Sandbox {
    type Error = SandboxError;

    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        Self::run_batch(self, batch)
    }

    fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        Self::run_pair(self, cancel, left, right)
    }

    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        Self::run_interactive(self, cancel, interactor, preface, program)
    }

    fn tools(&self, language: Language) -> String {
        // The interpreter is in the stamp; asking every compiler takes a while.
        if language == Language::Python {
            return String::new();
        }
        let states = self.languages();
        let state = states.into_iter().find(|state| state.language == language);
        state.map_or_else(String::new, |state| state.tools)
    }
}

/// Names the interpreter where the command line and the configuration don't.
const INTERPRETER: &str = "RLEF_PYTHON";
/// Names the header that C++ checkers of contest problems include.
const TESTLIB: &str = "RLEF_TESTLIB";

/// The judge of this machine.
#[derive(Debug)]
pub struct HostJudge {
    judge: Judge<Sandbox>,
    workers: usize,
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
    let mut judge = Judge::new(sandbox);
    if let Some(path) = set_path(TESTLIB) {
        match std::fs::read_to_string(&path) {
            Ok(text) => judge = judge.with_testlib(text),
            // A checker that needs it says so again.
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "{TESTLIB} is no readable file");
            }
        }
    }
    Ok(HostJudge { judge, workers })
}

/// The path that a variable of the environment holds, if it is set to one.
fn set_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

impl HostJudge {
    /// The judge itself.
    pub const fn judge(&self) -> &Judge<Sandbox> {
        &self.judge
    }

    /// Programs judged side by side.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// What stands between programs and this machine.
    pub fn protection(&self) -> &Protection {
        self.judge.runner().protection()
    }

    /// The same judge with a cache of verdicts.
    #[must_use]
    pub fn with_cache(self, cache: VerdictCache) -> Self {
        let stamp = stamp(self.protection());
        Self {
            judge: self.judge.with_cache(cache, stamp),
            workers: self.workers,
        }
    }

    /// The same judge, which judges timeouts near the limit again.
    #[must_use]
    pub fn with_reruns(self) -> Self {
        Self {
            judge: self.judge.with_reruns(),
            workers: self.workers,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> JudgeCounts {
        self.judge.counts()
    }

    /// What the verdict on each task depends on; `None` where there is no program.
    pub fn keys(&self, tasks: &[Task<'_>]) -> Vec<Option<VerdictKey>> {
        let keys = Keys::default();
        tasks
            .iter()
            .map(|task| Some(self.judge.key(&keys, task.program?, task)))
            .collect()
    }

    /// Judges all tasks; results in their order.
    pub fn judge_tasks(&self, tasks: &[Task<'_>]) -> Vec<Result<Verdict, JudgeError>> {
        let mut results = Vec::with_capacity(tasks.len());
        self.judge.judge_all(tasks, self.workers, &mut |_, result| {
            results.push(result);
            true
        });
        results
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
