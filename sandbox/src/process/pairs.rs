//! Two programs at once, each in a jail: of equal rank, or a program and the interactor that decides about it.

use std::os::fd::{AsFd, OwnedFd};

use super::builder::Built;
use super::drive::drive;
use super::interaction::{Channel, converse};
use super::jails::Jails;
use super::run::Run;
use super::single::run_in;
use super::stream::{self, Capture};
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::job::Side;
use crate::outcome::{Interaction, Outcome};

impl Jails {
    /// Runs two programs in two jails; see [`crate::Sandbox::run_pair`].
    pub(super) fn pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        let sides = (left, right);
        let (mut left, mut right) = match (
            self.builder.build(left.job, left.limits, cancel)?,
            self.builder.build(right.job, right.limits, cancel)?,
        ) {
            (Built::Ready(left), Built::Ready(right)) => (left, right),
            (left, right) => {
                let left = self.without_partner(left, &sides.0, cancel)?;
                return Ok((left, self.without_partner(right, &sides.1, cancel)?));
            }
        };
        let (left_limits, right_limits) =
            (&left.limits(sides.0.limits), &right.limits(sides.1.limits));
        let (mut first, mut second) = (self.take_worker(&mut left)?, self.take_worker(&mut right)?);
        let outcomes = {
            let (left_input, right_output) = stream::pipe("pipe to the left program", first.owner)?;
            let (right_input, left_output) =
                stream::pipe("pipe to the right program", second.owner)?;
            let (left_words, left_error) = stream::pipe("error pipe", first.owner)?;
            let (right_words, right_error) = stream::pipe("error pipe", second.owner)?;
            first.bound(left_limits)?;
            second.bound(right_limits)?;
            first.start_program(&left, left_limits)?;
            second.start_program(&right, right_limits)?;
            let left_run = Run::start(
                &mut first,
                left_limits,
                &[left_input.as_fd(), left_output.as_fd(), left_error.as_fd()],
                Capture::nothing(),
                Capture::new(left_words, left_limits.output_bytes)?,
            )?;
            let right_run = Run::start(
                &mut second,
                right_limits,
                &[
                    right_input.as_fd(),
                    right_output.as_fd(),
                    right_error.as_fd(),
                ],
                Capture::nothing(),
                Capture::new(right_words, right_limits.output_bytes)?,
            )?;
            // Only the programs may hold the pipes, or none would see the other's end.
            drop((
                left_input,
                left_output,
                left_error,
                right_input,
                right_output,
                right_error,
            ));
            drive([left_run, right_run], self.pair_grace, cancel)
        };
        if matches!(outcomes, Ok(_) | Err(SandboxError::Cancelled)) {
            first.give_back();
            second.give_back();
        }
        let [left_outcome, right_outcome] = outcomes?;
        Ok((left_outcome, right_outcome))
    }

    /// Runs a program and the interactor that talks with it in two jails; see [`crate::Sandbox::run_interactive`].
    pub(super) fn interaction(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        let _permit = self.admission.enter(cancel)?;
        let sides = (interactor, program);
        let (mut interactor, mut program) = match (
            self.builder.build(sides.0.job, sides.0.limits, cancel)?,
            self.builder.build(sides.1.job, sides.1.limits, cancel)?,
        ) {
            (Built::Ready(interactor), Built::Ready(program)) => (interactor, program),
            (Built::Refused(outcome), _) => {
                return Ok(Interaction::without_interactor(outcome));
            }
            (_, Built::Refused(outcome)) => return Ok(Interaction::without_program(outcome)),
        };
        let (patience, limits) = (
            interactor.limits(sides.0.limits),
            program.limits(sides.1.limits),
        );
        let (mut first, mut second) = (
            self.take_worker(&mut interactor)?,
            self.take_worker(&mut program)?,
        );
        let result = {
            let (questions, asks) = stream::pipe("pipe to the program", second.owner)?;
            let (words, says) = stream::pipe("standard output", second.owner)?;
            let (hears, ear) = stream::pipe("pipe to the interactor", first.owner)?;
            let (first_words, first_error) = stream::pipe("error pipe", first.owner)?;
            let (second_words, second_error) = stream::pipe("error pipe", second.owner)?;
            let again = |descriptor: &OwnedFd| {
                descriptor
                    .try_clone()
                    .map_err(|source| SandboxError::MakeStream {
                        what: "pipe between two programs",
                        source,
                    })
            };
            let channel = Channel::new(words, ear, again(&hears)?, again(&questions)?, preface)?;
            first.bound(&patience)?;
            second.bound(&limits)?;
            first.start_program(&interactor, &patience)?;
            second.start_program(&program, &limits)?;
            let listens = Run::start(
                &mut first,
                &patience,
                &[hears.as_fd(), asks.as_fd(), first_error.as_fd()],
                Capture::nothing(),
                Capture::new(first_words, patience.output_bytes)?,
            )?;
            let speaks = Run::start(
                &mut second,
                &limits,
                &[questions.as_fd(), says.as_fd(), second_error.as_fd()],
                Capture::nothing(),
                Capture::new(second_words, limits.output_bytes)?,
            )?;
            // Held open here they would never be seen to end.
            drop((questions, asks, says, hears, first_error, second_error));
            let listens = (listens, sides.0.content);
            converse(listens, speaks, channel, self.pair_grace, cancel)
        };
        if matches!(result, Ok(_) | Err(SandboxError::Cancelled)) {
            first.give_back();
            second.give_back();
        }
        result
    }

    /// One of a pair whose other does not compile: it sees the end of its input at once.
    fn without_partner(
        &self,
        built: Built<'_>,
        side: &Side<'_>,
        cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        let mut image = match built {
            Built::Ready(image) => image,
            Built::Refused(outcome) => return Ok(outcome),
        };
        let mut worker = self.take_worker(&mut image)?;
        let limits = &image.limits(side.limits);
        let outcome = run_in(&mut worker, &image, b"", limits, None, cancel)?;
        worker.give_back();
        Ok(Outcome {
            stdout: Vec::new(),
            ..outcome
        })
    }
}
