//! Drives tests to their ends: waits until one of them speaks, prints or is due to be looked at.
//!
//! One loop for any number of runs, so that two programs that talk to each other need no second thread.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::run::{LONGEST_CHECK, Run};
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::outcome::Outcome;

/// Drives the runs to their ends. When one ends, the others are given `grace` to end too; when they are cancelled,
/// all are ended at once.
pub(crate) fn drive<const N: usize>(
    mut runs: [Run<'_>; N],
    grace: Duration,
    cancel: &Cancel,
) -> Result<[Outcome; N], SandboxError> {
    while runs.iter().any(|run| !run.is_over()) {
        let ready = wait(runs.each_ref(), Vec::new(), LONGEST_CHECK, cancel)?;
        if cancel.is_cancelled() {
            for run in runs.iter_mut().filter(|run| !run.is_over()) {
                run.give_up()?;
            }
            return Err(SandboxError::Cancelled);
        }
        let now = Instant::now();
        for (run, ready) in runs.iter_mut().zip(ready) {
            if run.is_over() {
                continue;
            }
            if ready {
                run.hear()?;
            }
            if !run.is_over() && (run.is_due(now)) {
                run.look(now)?;
            }
        }
        if runs.iter().any(Run::is_over) {
            for run in runs.iter_mut().filter(|run| !run.has_grace()) {
                run.end_by(now + grace);
            }
        }
    }
    let mut outcomes = Vec::with_capacity(N);
    for run in runs {
        outcomes.push(run.outcome()?);
    }
    outcomes.try_into().map_err(|_| SandboxError::JailDied {
        reason: "a run had no outcome".to_owned(),
    })
}

/// Waits until something happens, also to `watched`, or is due, after `longest` at the latest; tells of which runs the
/// program's process has spoken.
pub(super) fn wait<'a, const N: usize>(
    runs: [&'a Run<'_>; N],
    mut watched: Vec<PollFd<'a>>,
    longest: Duration,
    cancel: &'a Cancel,
) -> Result<[bool; N], SandboxError> {
    let now = Instant::now();
    let mut sockets = [None; N];
    let mut due = now + longest;
    for (run, socket) in runs
        .into_iter()
        .zip(&mut sockets)
        .filter(|(run, _)| !run.is_over())
    {
        due = due.min(run.next_look(now));
        for (kind, descriptor) in run.descriptors(now).into_iter().enumerate() {
            let Some(descriptor) = descriptor else {
                continue;
            };
            if kind == 0 {
                *socket = Some(watched.len());
            }
            watched.push(PollFd::new(descriptor, PollFlags::POLLIN));
        }
    }
    watched.extend(
        cancel
            .descriptor()
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN)),
    );
    let timeout_ms = due
        .saturating_duration_since(now)
        .as_micros()
        .div_ceil(1000) as u16;
    match poll(&mut watched, PollTimeout::from(timeout_ms)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(SandboxError::ReadStream(errno.into())),
    }
    let spoken = |index: usize| {
        watched[index]
            .revents()
            .is_some_and(|events| !events.is_empty())
    };
    Ok(sockets.map(|socket| socket.is_some_and(spoken)))
}
