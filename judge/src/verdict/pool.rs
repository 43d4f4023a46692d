//! Many programs at once: a few threads take tasks in order; verdicts come back in the order of the tasks.
//!
//! Verdicts that wait for an earlier one are bounded in number: nobody judges far ahead of whoever takes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};

use rlef_sandbox::Cancel;

use super::cache::Keys;
use super::{Judge, JudgeError, Runner, Scope, StopAt, Verdict};
use crate::problem::Problem;
use crate::program::Program;

/// A program to judge and the problem it is for.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The program; `None` where the completion held none.
    pub program: Option<&'a Program>,
    /// The problem.
    pub problem: &'a Problem,
    /// Which of its tests decide.
    pub scope: Scope,
    /// When judging ends before the last of them.
    pub stop: StopAt,
}

/// How many tasks may be begun beyond the first whose verdict is not taken yet. Large, so that one slow program
/// keeps nobody idle.
pub(super) const AHEAD: usize = 256;

/// Whether to go on after a verdict.
type OnVerdict<'a> = &'a mut dyn FnMut(usize, Result<Verdict, JudgeError>) -> bool;

/// Lets tasks begin as far as verdicts are taken.
struct Gate {
    /// Tasks before this one may begin; none any more once it is closed.
    end: Mutex<Option<usize>>,
    moved: Condvar,
    cancel: Cancel,
}

/// Closes the gate however the caller leaves, be it by a panic.
struct Closing<'a>(&'a Gate);

impl<R: Runner> Judge<R> {
    /// Judges all tasks with `workers` of them in flight, and hands each result to `on_verdict` in the order of
    /// the tasks as soon as those before it are done. `on_verdict` returns whether to go on; after `false` no
    /// further task is started, and those under way are ended where the runner can end them.
    pub fn judge_all(&self, tasks: &[Task<'_>], workers: usize, on_verdict: OnVerdict<'_>) {
        let next = AtomicUsize::new(0);
        let gate = Gate {
            end: Mutex::new(Some(AHEAD)),
            moved: Condvar::new(),
            // Without descriptors for it, those under way end by themselves.
            cancel: Cancel::new().unwrap_or_default(),
        };
        let keys = Keys::default();
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|threads| {
            let _closing = Closing(&gate);
            for _ in 0..workers.clamp(1, tasks.len().max(1)) {
                let sender = sender.clone();
                let (next, gate, keys) = (&next, &gate, &keys);
                threads.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(index) else { return };
                        if !gate.lets_begin(index) {
                            return;
                        }
                        let result = self.judge_task(&gate.cancel, keys, task);
                        if sender.send((index, result)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut due = 0;
            for (index, result) in receiver {
                waiting.insert(index, result);
                while let Some(result) = waiting.remove(&due) {
                    if !on_verdict(due, result) {
                        return;
                    }
                    due += 1;
                    gate.move_to(due + AHEAD);
                }
            }
        });
    }
}

impl Gate {
    /// Waits until the task may begin; `false` if it never may.
    fn lets_begin(&self, index: usize) -> bool {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let end = self
            .moved
            .wait_while(end, |end| end.is_some_and(|end| index >= end))
            .unwrap_or_else(PoisonError::into_inner);
        end.is_some()
    }

    fn move_to(&self, end: usize) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        self.moved.notify_all();
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let gate = self.0;
        *gate.end.lock().unwrap_or_else(PoisonError::into_inner) = None;
        gate.moved.notify_all();
        gate.cancel.cancel();
    }
}
