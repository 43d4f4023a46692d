//! The judge of this machine: the sandbox with as many workers as it has cores.

use rlef_sandbox::{
    Cancel, Isolation, Job, Limits, Outcome, Protection, Sandbox, SandboxConfig, SandboxError,
};

use super::{Judge, JudgeError, Runner, Task, Verdict};

impl Runner for Sandbox {
    type Error = SandboxError;

    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, SandboxError> {
        Self::run_batch(self, job, inputs, limits, keep_going)
    }

    fn run_pair(
        &self,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        Self::run_pair(self, left, left_limits, right, right_limits)
    }

    fn run_batch_until(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, SandboxError> {
        Self::run_batch_until(self, cancel, job, inputs, limits, keep_going)
    }

    fn run_pair_until(
        &self,
        cancel: &Cancel,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        Self::run_pair_until(self, cancel, left, left_limits, right, right_limits)
    }
}

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
    let workers = match workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    };
    let sandbox = Sandbox::new(SandboxConfig {
        isolation,
        workers,
        ..SandboxConfig::default()
    })?;
    Ok(HostJudge {
        judge: Judge::new(sandbox),
        workers,
    })
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
