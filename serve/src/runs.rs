//! Programs that run without a verdict. Whoever sends one program with one input a request, as SandboxFusion's clients do, has it
//! compiled and started once: requests of the same program that wait are run as one batch of inputs, each answered as soon as
//! its own input is done.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rlef_sandbox::{Batch, Folder, FoundFiles, Job, Limits, Outcome, SandboxError};
use tokio::sync::oneshot;

use crate::caller::Caller;
use crate::failure::{Failure, is_of_request};
use crate::machine::{self, Machine};
use crate::metrics::Metrics;
use crate::pool::{Task, What};

/// How often a failing sandbox is asked for a run.
const ATTEMPTS: u32 = 3;
/// Inputs of one program that are run as one batch.
const TOGETHER: usize = 32;

/// What became of a run, with the files that were asked for.
pub(crate) type Ran = Result<(Outcome, FoundFiles), Failure>;

/// A program on one input.
pub(crate) struct Run {
    pub(crate) program: Arc<Job>,
    pub(crate) limits: Limits,
    pub(crate) input: Vec<u8>,
    /// What lies in its work directory, and what of it is wanted back. Such runs are each alone.
    pub(crate) folder: Option<Folder>,
    pub(crate) answer: oneshot::Sender<Ran>,
}

/// Takes those of the same program and limits out of a line, as many as are one worker's share: the others run the rest beside
/// it.
pub(crate) fn alike(run: &Run, line: &mut VecDeque<Task>, workers: usize) -> Vec<Task> {
    if run.folder.is_some() {
        return Vec::new();
    }
    let is_alike = |task: &Task| match &task.what {
        What::Run(other) => {
            other.folder.is_none() && other.limits == run.limits && other.program == run.program
        }
        What::Work(_) => false,
    };
    let all = 1 + line.iter().filter(|task| is_alike(task)).count();
    let share = all.div_ceil(workers.max(1)).min(TOGETHER);
    if share < 2 {
        return Vec::new();
    }
    let (mut found, mut rest) = (Vec::new(), VecDeque::new());
    for task in line.drain(..) {
        if found.len() + 1 < share && is_alike(&task) {
            found.push(task);
        } else {
            rest.push_back(task);
        }
    }
    *line = rest;
    found
}

/// One who waits for his input's outcome.
struct Waiter {
    caller: Arc<Caller>,
    input: Vec<u8>,
    answer: Mutex<Option<oneshot::Sender<Ran>>>,
}

impl Waiter {
    fn answer(&self, ran: Ran) {
        let answer = self
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(answer) = answer {
            // Nobody to be told.
            drop(answer.send(ran));
        }
    }

    fn is_due(&self) -> bool {
        let waits = self
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        waits && !self.caller.is_gone()
    }
}

/// Runs one program on the inputs of all of them, and answers each. Who has left is passed over; who leaves while his input
/// runs ends it, and the others go on.
pub(crate) fn together(machine: &dyn Machine, all: Vec<(Arc<Caller>, Run)>, metrics: &Metrics) {
    let Some((_, first)) = all.first() else {
        return;
    };
    let (program, limits) = (Arc::clone(&first.program), first.limits.clone());
    let count = |number: &AtomicU64, by| number.fetch_add(by, Ordering::Relaxed);
    if first.folder.is_some() {
        for (caller, run) in all {
            count(&metrics.runs, 1);
            alone(machine, &caller, run);
        }
        return;
    }
    count(&metrics.runs, all.len() as u64);
    count(&metrics.runs_together, all.len() as u64 - 1);
    let mut waiters: Vec<Waiter> = all
        .into_iter()
        .map(|(caller, run)| Waiter {
            caller,
            input: run.input,
            answer: Mutex::new(Some(run.answer)),
        })
        .collect();
    let mut attempts = 0;
    loop {
        waiters.retain(Waiter::is_due);
        let Some(first) = waiters.first() else { return };
        match pass(machine, &program, &limits, &waiters) {
            // Whoever is left was behind one who had left.
            Ok(()) => attempts = 0,
            Err(SandboxError::Cancelled) => {}
            Err(error) if is_of_request(&error) => {
                let failure = Failure::from(error);
                for waiter in &waiters {
                    waiter.answer(Err(failure.clone()));
                }
            }
            Err(error) => {
                attempts += 1;
                // What failed so often is the fault of none of the others.
                if attempts >= ATTEMPTS {
                    first.answer(Err(error.into()));
                    attempts = 0;
                }
            }
        }
    }
}

/// One batch of all inputs, until one comes whose caller has left.
fn pass(
    machine: &dyn Machine,
    program: &Job,
    limits: &Limits,
    waiters: &[Waiter],
) -> Result<(), SandboxError> {
    let cancel = machine::cancel()?;
    if !waiters
        .first()
        .is_some_and(|first| first.caller.start(&cancel))
    {
        return Ok(());
    }
    let inputs: Vec<&[u8]> = waiters.iter().map(|waiter| &*waiter.input).collect();
    let go_on = |index: usize, outcome: &Outcome| {
        let Some(waiter) = waiters.get(index) else {
            return false;
        };
        waiter.caller.end();
        let Some(next) = waiters.get(index + 1) else {
            return false;
        };
        waiter.answer(Ok((outcome.clone(), FoundFiles::new())));
        next.caller.start(&cancel)
    };
    let batch = Batch::new(program, &inputs, limits)
        .cancelled_by(&cancel)
        .going_on_while(&go_on);
    let ran = machine.run(&batch);
    for waiter in waiters {
        waiter.caller.end();
    }
    // The last one, or the one before somebody who left.
    for (waiter, outcome) in waiters.iter().zip(ran?) {
        waiter.answer(Ok((outcome, FoundFiles::new())));
    }
    Ok(())
}

/// One run with its files.
fn alone(machine: &dyn Machine, caller: &Caller, run: Run) {
    let folder = run.folder.unwrap_or_default();
    let inputs = [&*run.input];
    let mut attempts = 0;
    let ran = loop {
        attempts += 1;
        let Ok(cancel) = machine::cancel() else {
            break Err(Failure::lost());
        };
        if !caller.start(&cancel) {
            return;
        }
        let batch = Batch::new(&run.program, &inputs, &run.limits).cancelled_by(&cancel);
        let ran = machine.run_among(&batch, &folder);
        caller.end();
        match ran {
            Ok(ran) => break Ok(ran),
            Err(error) if attempts >= ATTEMPTS || is_of_request(&error) => break Err(error.into()),
            Err(_) => {}
        }
    };
    drop(run.answer.send(ran));
}
