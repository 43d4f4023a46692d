//! The sandbox as a runner.

use rlef_sandbox::{
    Cancel, Interaction, Job, Language, Limits, Outcome, Sandbox, SandboxError, Side,
};

use super::Runner;

impl Runner for Sandbox {
    type Error = SandboxError;

    fn run_batch(
        &self,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, SandboxError> {
        Self::run_batch(self, job, inputs, limits, keep_going)
    }

    fn run_pair(
        &self,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        Self::run_pair(self, left, right)
    }

    fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        Self::run_interactive_until(self, cancel, interactor, preface, program)
    }

    fn run_batch_until(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut (dyn FnMut(usize, &Outcome) -> bool + Send),
    ) -> Result<Vec<Outcome>, SandboxError> {
        Self::run_batch_until(self, cancel, job, inputs, limits, keep_going)
    }

    fn run_pair_until(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        Self::run_pair_until(self, cancel, left, right)
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
