//! Many submissions at once: a few threads take them in order; judgements come back in the order of the submissions.
//!
//! Judgements that wait for an earlier one are bounded in number: nobody judges far ahead of whoever takes them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};

use rlef_sandbox::Cancel;

use super::{JudgeError, Judgement, OnJudgement, Submission};

/// How many submissions may be begun beyond the first whose judgement is not taken yet. Large, so that one slow program
/// keeps nobody idle.
pub(crate) const AHEAD: usize = 256;

/// Lets submissions begin as far as judgements are taken.
struct Gate {
    /// Submissions before this one may begin; none any more once it is closed.
    end: Mutex<Option<usize>>,
    moved: Condvar,
}

/// Closes the gate however the caller leaves. Where that is by a panic, nobody waits for what is under way.
struct Closing<'a>(&'a Gate, &'a Cancel);

/// Judges all submissions with `workers` of them in flight, and hands each judgement over in the order of the submissions as
/// soon as those before it are done. Once it is cancelled no further one is begun or handed over.
pub fn side_by_side<'a>(
    submissions: &[Submission<'a>],
    workers: usize,
    cancel: &Cancel,
    on_judgement: OnJudgement<'_>,
    judge: &(dyn Fn(&Submission<'a>, &Cancel) -> Result<Judgement, JudgeError> + Sync),
) {
    let next = AtomicUsize::new(0);
    let gate = Gate {
        end: Mutex::new(Some(AHEAD)),
        moved: Condvar::new(),
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|threads| {
        let _closing = Closing(&gate, cancel);
        for _ in 0..workers.clamp(1, submissions.len().max(1)) {
            let sender = sender.clone();
            let (next, gate) = (&next, &gate);
            threads.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(submission) = submissions.get(index) else {
                        return;
                    };
                    if !gate.lets_begin(index)
                        || cancel.is_cancelled()
                        || sender.send((index, judge(submission, cancel))).is_err()
                    {
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
                if cancel.is_cancelled() {
                    return;
                }
                on_judgement(due, result);
                due += 1;
                gate.move_to(due + AHEAD);
            }
        }
    });
}

impl Gate {
    /// Waits until the submission may begin; `false` if it never may.
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
        let Self(gate, cancel) = self;
        *gate.end.lock().unwrap_or_else(PoisonError::into_inner) = None;
        gate.moved.notify_all();
        if std::thread::panicking() {
            cancel.cancel();
        }
    }
}
