//! The boundary to whatever judges and runs programs: this machine in earnest, a fake in tests.

use rlef_judge::judge::{Judge, JudgeCounts};
use rlef_judge::verdict::HostJudge;
use rlef_sandbox::{
    Batch, Cancel, Folder, FoundFiles, LanguageState, Outcome, Protection, Sandbox, SandboxError,
};

/// Judges and runs programs. Blocking; asked by the threads of the pool alone.
pub trait Machine: Send + Sync + 'static {
    /// Whoever gives verdicts.
    fn judge(&self) -> &dyn Judge;

    /// A program on its inputs, without a verdict.
    fn run(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError>;

    /// A program on one input, with files around it.
    fn run_among(
        &self,
        batch: &Batch<'_>,
        folder: &Folder,
    ) -> Result<(Outcome, FoundFiles), SandboxError>;

    /// What there is for each language. Slow the first time.
    fn languages(&self) -> Vec<LanguageState>;

    /// What stands between programs and this machine.
    fn protection(&self) -> Protection;

    /// What was judged so far, and what of it was found in the cache.
    fn counts(&self) -> JudgeCounts;
}

/// What there is of a sandbox that can't be given what it needs to be cancelled by.
pub(crate) fn cancel() -> Result<Cancel, SandboxError> {
    Cancel::new()
}

fn sandbox(host: &HostJudge) -> &Sandbox {
    host.tests().runner()
}

impl Machine for HostJudge {
    fn judge(&self) -> &dyn Judge {
        self
    }

    fn run(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        sandbox(self).run_batch(batch)
    }

    fn run_among(
        &self,
        batch: &Batch<'_>,
        folder: &Folder,
    ) -> Result<(Outcome, FoundFiles), SandboxError> {
        sandbox(self).run_among(batch, folder)
    }

    fn languages(&self) -> Vec<LanguageState> {
        sandbox(self).languages()
    }

    fn protection(&self) -> Protection {
        Self::protection(self).clone()
    }

    fn counts(&self) -> JudgeCounts {
        Self::counts(self)
    }
}
