//! The boundary to the sandbox: what the judge needs of whatever runs programs.

use rlef_sandbox::{Batch, Cancel, Interaction, Language, Outcome, Side};

/// Runs programs under limits. The sandbox in earnest, a fake in tests. What is cancelled ends early, with an error; a runner
/// that can't end it does so in its own time.
pub trait Runner: Send + Sync {
    /// A failure of the runner itself; never the program's.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One program, many inputs; the batch is asked after each outcome whether to go on.
    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, Self::Error>;

    /// Two programs, each one's standard output being the other's standard input; standard errors are kept.
    fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), Self::Error>;

    /// A program and the interactor that talks with it, which reads `preface` first; what becomes of them depends on what
    /// they say, not on which of them is faster.
    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, Self::Error>;

    /// What compiles and runs this language here, with its version; two that differ may give other verdicts.
    fn tools(&self, _language: Language) -> String {
        String::new()
    }
}
