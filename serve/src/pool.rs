//! Threads that do what blocks: judging and running programs. Everybody's work is taken in turn (`line`), and what nobody waits
//! for any more is not begun.
//!
//! There are more threads than programs run at once: the sandbox lets those who wait have their turn between two inputs of a
//! long program, which it can only do for those who wait at its door.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rlef_sandbox::Cancel;

use crate::caller::Caller;
use crate::line::{Line as _, Turns};
use crate::machine::{self, Machine};
use crate::metrics::{Gauge, Metrics};
use crate::runs::{self, Run};

/// Threads for each program that runs at once.
const PER_WORKER: usize = 4;

/// Whose work it is: who it is by token or address, and the name that they give themselves, which wins nobody more turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    pub(crate) who: Arc<str>,
    pub(crate) name: Arc<str>,
}

type Work = Box<dyn FnOnce(&dyn Machine, &Cancel) + Send>;

/// What a thread is to do.
pub(crate) struct Task {
    pub(crate) caller: Arc<Caller>,
    pub(crate) since: Instant,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// Anything; it answers by itself.
    Work(Work),
    /// A program on one input, which others of the same program may join.
    Run(Run),
}

type Waiting = Turns<Arc<str>, Turns<Arc<str>, VecDeque<Task>>>;

struct Shared {
    waiting: Mutex<(Waiting, bool)>,
    changed: Condvar,
    machine: Arc<dyn Machine>,
    metrics: Arc<Metrics>,
    /// Programs that run at once.
    workers: usize,
}

/// The threads. They end when this is dropped, after what they are at.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(crate) fn new(machine: Arc<dyn Machine>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let workers = machine.judge().workers().max(1);
        let mut pool = Self {
            shared: Arc::new(Shared {
                waiting: Mutex::default(),
                changed: Condvar::new(),
                machine,
                metrics,
                workers,
            }),
            threads: Vec::new(),
        };
        for number in 0..workers * PER_WORKER {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("judge-{number}"));
            pool.threads.push(thread.spawn(move || shared.serve())?);
        }
        Ok(pool)
    }

    /// Puts it into the line of its client.
    pub(crate) fn put(&self, client: &Client, caller: &Arc<Caller>, what: What) {
        let task = Task {
            caller: Arc::clone(caller),
            since: Instant::now(),
            what,
        };
        self.shared.metrics.waiting.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.shared.lock();
        waiting.0.of(&client.who).of(&client.name).push_back(task);
        drop(waiting);
        self.shared.changed.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().1 = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // What a thread panicked with was said when it did.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Waiting, bool)> {
        // Nothing is left half done under the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, with others that are better done with it; nothing once all is to end.
    fn next(&self) -> Option<(Task, Vec<Task>)> {
        let mut waiting = self.lock();
        loop {
            if waiting.1 {
                return None;
            }
            if let Some((who, (name, task))) = waiting.0.take() {
                let mut others = Vec::new();
                if let What::Run(run) = &task.what {
                    let line = waiting.0.get_mut(&who).and_then(|line| line.get_mut(&name));
                    if let Some(line) = line {
                        others = runs::alike(run, line, self.workers);
                    }
                }
                return Some((task, others));
            }
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn serve(&self) {
        while let Some((task, others)) = self.next() {
            let _working = Gauge::up(&self.metrics.working);
            let taken = 1 + others.len() as u64;
            self.metrics.waiting.fetch_sub(taken, Ordering::Relaxed);
            for task in others.iter().chain([&task]) {
                self.metrics.queued.add(task.since.elapsed());
            }
            let begun = Instant::now();
            // Whoever waits for an answer that never comes is told so: the answer's sender is dropped.
            let done = catch_unwind(AssertUnwindSafe(|| self.work(task, others)));
            if done.is_err() {
                tracing::error!("a worker panicked; its callers were told that it failed");
            }
            self.metrics.worked.add(begun.elapsed());
        }
    }

    fn work(&self, task: Task, others: Vec<Task>) {
        match task.what {
            What::Work(work) => {
                let Ok(cancel) = machine::cancel() else {
                    return;
                };
                if task.caller.start(&cancel) {
                    work(&*self.machine, &cancel);
                    task.caller.end();
                }
            }
            What::Run(run) => {
                let more = others.into_iter().filter_map(|other| match other.what {
                    What::Run(run) => Some((other.caller, run)),
                    What::Work(_) => None,
                });
                let all = [(task.caller, run)].into_iter().chain(more).collect();
                runs::together(&*self.machine, all, &self.metrics);
            }
        }
    }
}
