//! The boundary to the sandbox: what the judge needs of whatever runs programs.

use std::sync::Arc;

use rlef_sandbox::{Cancel, Interaction, Job, Language, Limits, Outcome, Side};

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
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, Self::Error>;

    /// Two programs, each one's standard output being the other's standard input; standard errors are kept.
    fn run_pair(&self, left: Side<'_>, right: Side<'_>) -> Result<(Outcome, Outcome), Self::Error>;

    /// A program and the interactor that talks with it, which reads `preface` first; what becomes of them depends on what
    /// they say, not on which of them is faster. Ends early, with an error, once it is cancelled.
    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, Self::Error>;

    /// `run_batch` that may end early, with an error, once it is cancelled. A runner that cannot ends in its own time.
    fn run_batch_until(
        &self,
        _cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, Self::Error> {
        self.run_batch(job, inputs, limits, keep_going)
    }

    /// `run_pair` that may end early, with an error, once it is cancelled.
    fn run_pair_until(
        &self,
        _cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), Self::Error> {
        self.run_pair(left, right)
    }

    /// What compiles and runs this language here, with its version; two that differ may give other verdicts.
    fn tools(&self, _language: Language) -> String {
        String::new()
    }
}

/// A runner whose runs end when they are cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until<'a, R> {
    pub(super) runner: &'a R,
    pub(super) cancel: &'a Cancel,
}

impl<R: Runner> Runner for Until<'_, R> {
    type Error = R::Error;

    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, Self::Error> {
        self.runner
            .run_batch_until(self.cancel, job, inputs, limits, keep_going)
    }

    fn run_pair(&self, left: Side<'_>, right: Side<'_>) -> Result<(Outcome, Outcome), Self::Error> {
        self.runner.run_pair_until(self.cancel, left, right)
    }

    fn run_interactive(
        &self,
        _cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, R::Error> {
        self.runner
            .run_interactive(self.cancel, interactor, preface, program)
    }

    fn tools(&self, language: Language) -> String {
        self.runner.tools(language)
    }
}

impl<R: Runner + ?Sized> Runner for Arc<R> {
    type Error = R::Error;

    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, Self::Error> {
        (**self).run_batch(job, inputs, limits, keep_going)
    }

    fn run_pair(&self, left: Side<'_>, right: Side<'_>) -> Result<(Outcome, Outcome), Self::Error> {
        (**self).run_pair(left, right)
    }

    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, R::Error> {
        (**self).run_interactive(cancel, interactor, preface, program)
    }

    fn run_batch_until(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, Self::Error> {
        (**self).run_batch_until(cancel, job, inputs, limits, keep_going)
    }

    fn run_pair_until(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), Self::Error> {
        (**self).run_pair_until(cancel, left, right)
    }

    fn tools(&self, language: Language) -> String {
        (**self).tools(language)
    }
}
