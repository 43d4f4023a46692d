//! The sandbox as a runner.

use rlef_sandbox::{Batch, Cancel, Interaction, Language, Outcome, Sandbox, SandboxError, Side};

use super::Runner;

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
