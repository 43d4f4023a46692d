//! A judge that judges what is equal once, however often and from how many threads it is asked: episodes of a group often say
//! the same thing at different times.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rlef_sandbox::Cancel;

use crate::judge::{
    Asks, Judge, JudgeError, Judgement, Keys, OnJudgement, Reads, Submission, Wrapper,
};
use crate::program::Program;
use crate::verdict::{Scope, StopAt};

/// What two submissions to one problem must have in common to be judged as one.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Same {
    program: Option<Program>,
    /// Text and turn, where the judge reads them.
    text: Option<(String, usize)>,
    tests: (Scope, StopAt, Asks),
}

enum Known {
    /// Somebody is finding out.
    UnderWay,
    Judged(Box<Judgement>),
}

type Memory = HashMap<String, HashMap<Same, Known>>;

/// The judge, and what it said of the problems that are being played.
pub(super) struct Once<'a> {
    judge: &'a dyn Judge,
    /// Of the problems that are being played.
    keys: Keys<'a>,
    known: Mutex<Memory>,
    changed: Condvar,
}

impl<'a> Once<'a> {
    pub(super) fn new(judge: &'a dyn Judge, keys: Keys<'a>) -> Self {
        Self {
            judge,
            keys,
            known: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Forgets what was said of a problem that nobody plays any more.
    pub(super) fn forget(&self, problem_id: &str) {
        self.lock().remove(problem_id);
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a submission; nothing where the caller is the one to find out.
    fn recalled(&self, problem_id: &str, same: &Same) -> Option<Judgement> {
        let mut known = self.lock();
        loop {
            let of_problem = known.entry(problem_id.to_owned()).or_default();
            match of_problem.get(same) {
                Some(Known::Judged(judgement)) => return Some((**judgement).clone()),
                Some(Known::UnderWay) => {
                    known = (self.changed.wait(known)).unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    of_problem.insert(same.clone(), Known::UnderWay);
                    return None;
                }
            }
        }
    }
}

/// Lets others find out themselves, however whoever was to find out ends without an answer.
struct Finding<'a> {
    once: &'a Once<'a>,
    problem_id: &'a str,
    same: Same,
    found: Option<Judgement>,
}

impl Drop for Finding<'_> {
    fn drop(&mut self) {
        let mut known = self.once.lock();
        if let Some(of_problem) = known.get_mut(self.problem_id) {
            match self.found.take() {
                Some(judgement) => {
                    let judged = Known::Judged(Box::new(judgement));
                    of_problem.insert(self.same.clone(), judged);
                }
                None => {
                    of_problem.remove(&self.same);
                }
            }
        }
        drop(known);
        self.once.changed.notify_all();
    }
}

impl<'a> Wrapper for Once<'a> {
    type Inner = dyn Judge + 'a;

    fn inner(&self) -> &Self::Inner {
        self.judge
    }

    fn ask(
        &self,
        _: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let reads_text = self.judge.reads() == Reads::Text;
        let same = Same {
            program: submission.program.cloned(),
            text: reads_text.then(|| (submission.text.to_owned(), submission.turn)),
            tests: (submission.scope, submission.stop, submission.asks),
        };
        let problem_id = &submission.problem.id;
        if let Some(judgement) = self.recalled(problem_id, &same) {
            return Ok(judgement);
        }
        let mut finding = Finding {
            once: self,
            problem_id,
            same,
            found: None,
        };
        let result = self.judge.judge_with(&self.keys, submission, cancel);
        finding.found = result.as_ref().ok().cloned();
        result
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        if self.is_batched() {
            return self.judge.judge_all(submissions, cancel, on_judgement);
        }
        // Its callers are the workers.
        for (place, submission) in submissions.iter().enumerate() {
            if cancel.is_cancelled() {
                return;
            }
            on_judgement(place, self.judge(submission, cancel));
        }
    }
}
