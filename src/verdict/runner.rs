//! The boundary to the sandbox: what the judge needs of whatever runs programs.

use std::sync::Arc;

use rlef_sandbox::{Job, Limits, Outcome};

/// Runs programs under limits. The sandbox in earnest, a fake in tests.
pub trait Runner: Send + Sync {
    /// A failure of the runner itself; never the program's.
    type Error: std::error::Error + Send + Sync + 'static;

    /// One program, many inputs; after each outcome `keep_going(index, &outcome)` decides whether to go on.
    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, Self::Error>;

    /// Two programs, each one's standard output being the other's standard input; standard errors are kept.
    fn run_pair(
        &self,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), Self::Error>;
}

impl<R: Runner + ?Sized> Runner for Arc<R> {
    type Error = R::Error;

    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, Self::Error> {
        (**self).run_batch(job, inputs, limits, keep_going)
    }

    fn run_pair(
        &self,
        left: &Job,
        left_limits: &Limits,
        right: &Job,
        right_limits: &Limits,
    ) -> Result<(Outcome, Outcome), Self::Error> {
        (**self).run_pair(left, left_limits, right, right_limits)
    }
}
