//! Many programs at once: a few threads take tasks in order; verdicts come back in the order of the tasks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

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

/// Whether to go on after a verdict.
type OnVerdict<'a> = &'a mut dyn FnMut(usize, Result<Verdict, JudgeError>) -> bool;

impl<R: Runner> Judge<R> {
    /// Judges all tasks with `workers` of them in flight, and hands each result to `on_verdict` in the order of
    /// the tasks as soon as those before it are done. `on_verdict` returns whether to go on; after `false` no
    /// further task is started.
    pub fn judge_all(&self, tasks: &[Task<'_>], workers: usize, on_verdict: OnVerdict<'_>) {
        let next = AtomicUsize::new(0);
        let cancelled = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|threads| {
            for _ in 0..workers.clamp(1, tasks.len().max(1)) {
                let sender = sender.clone();
                let (next, cancelled) = (&next, &cancelled);
                threads.spawn(move || {
                    while !cancelled.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(index) else { return };
                        if sender.send((index, self.judge_task(*task))).is_err() {
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
                        cancelled.store(true, Ordering::Relaxed);
                        return;
                    }
                    due += 1;
                }
            }
        });
    }

    fn judge_task(&self, task: Task<'_>) -> Result<Verdict, JudgeError> {
        match task.program {
            Some(program) => self.judge(program, task.problem, task.scope, task.stop),
            None => Ok(Verdict::no_program(task.scope.tests(task.problem).len())),
        }
    }
}
