//! Two programs at once: of equal rank, or a program and the interactor that decides about it.

use super::{Sandbox, check};
use crate::cancel::Cancel;
use crate::error::SandboxError;
#[cfg(feature = "wasm")]
use crate::job::Job;
use crate::job::{Language, Side};
use crate::outcome::{Interaction, Outcome};
use crate::sandbox::Jails;
#[cfg(feature = "wasm")]
use crate::wasm::Wasm;

impl Sandbox {
    /// Runs two programs in isolation from each other, the standard output of each being the standard input of the
    /// other. Their `stdout` is empty: it went to the other side. When one ends, the other sees the end of its input
    /// and is given the grace period of the configuration.
    pub fn run_pair(
        &self,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        self.run_pair_until(&Cancel::never(), left, right)
    }

    /// The same, ended by [`Cancel::cancel`]; modules that run already end by themselves.
    pub fn run_pair_until(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        check(left.limits)?;
        check(right.limits)?;
        #[cfg(feature = "wasm")]
        let modules = (
            self.compiled(cancel, left.job, left.limits)?,
            self.compiled(cancel, right.job, right.limits)?,
        );
        #[cfg(feature = "wasm")]
        let (left, right) = match &modules {
            (Ok(first), Ok(second)) => (
                module_of(left, first.as_ref()),
                module_of(right, second.as_ref()),
            ),
            (Err(outcome), _) | (_, Err(outcome)) => return Ok((outcome.clone(), outcome.clone())),
        };
        match self.place(left, right)? {
            #[cfg(feature = "wasm")]
            Place::Wasm(wasm) => wasm.run_pair(cancel, left, right),
            Place::Jails(jails) => jails.run_pair(cancel, left, right),
        }
    }

    /// Runs a program and an interactor, which reads `preface` and then what the program prints, and answers to the
    /// program's standard input. Nothing of the preface lies where the program could open it.
    ///
    /// What becomes of them depends on what they say, not on which of them is faster. Writing never fails because the
    /// other has ended. The interactor sees the end of the program's words only if the program ended with exit code 0;
    /// if it failed, the interactor may go on as long as it does not wait for more. The program sees the end of the
    /// interactor's words; it is ended if the interactor ends otherwise than with exit code 0. What the program prints
    /// is bounded by its `output_bytes`.
    pub fn run_interactive(
        &self,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        self.run_interactive_until(&Cancel::never(), interactor, preface, program)
    }

    /// The same, ended by [`Cancel::cancel`]; modules that run already end by themselves.
    pub fn run_interactive_until(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        check(interactor.limits)?;
        check(program.limits)?;
        #[cfg(feature = "wasm")]
        let modules = (
            self.compiled(cancel, interactor.job, interactor.limits)?,
            self.compiled(cancel, program.job, program.limits)?,
        );
        #[cfg(feature = "wasm")]
        let (interactor, program) = match &modules {
            (Ok(first), Ok(second)) => (
                module_of(interactor, first.as_ref()),
                module_of(program, second.as_ref()),
            ),
            (Err(outcome), _) => return Ok(Interaction::without_interactor(outcome.clone())),
            (_, Err(outcome)) => return Ok(Interaction::without_program(outcome.clone())),
        };
        match self.place(interactor, program)? {
            #[cfg(feature = "wasm")]
            Place::Wasm(wasm) => wasm.run_interactive(cancel, interactor, preface, program),
            Place::Jails(jails) => jails.run_interactive(cancel, interactor, preface, program),
        }
    }

    /// Where two programs can talk with each other.
    fn place(&self, left: Side<'_>, right: Side<'_>) -> Result<Place<'_>, SandboxError> {
        #[cfg(feature = "wasm")]
        if self.runs_in_wasm(left.job) && self.runs_in_wasm(right.job) {
            return self.wasm().map(Place::Wasm);
        }
        let is_module = |side: &Side<'_>| side.job.language == Language::Wasm;
        match &self.jails {
            _ if [left, right].iter().any(is_module) => Err(SandboxError::ModuleInProcess),
            Some(jails) => Ok(Place::Jails(jails)),
            None => Err(SandboxError::NoProcess),
        }
    }
}

/// Where a pair runs.
enum Place<'a> {
    #[cfg(feature = "wasm")]
    Wasm(&'a Wasm),
    Jails(&'a Jails),
}

/// One of a pair, as the module that it became, if it did.
#[cfg(feature = "wasm")]
fn module_of<'a>(side: Side<'a>, module: Option<&'a Job>) -> Side<'a> {
    Side {
        job: module.unwrap_or(side.job),
        ..side
    }
}
