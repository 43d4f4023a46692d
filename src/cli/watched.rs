//! A judge that is watched: how much it has judged is counted for whoever looks, and an interrupt ends what is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rlef_judge::counted::counted;
use rlef_sandbox::Cancel;

use super::judging::Interrupts;
use crate::judge::{Judge, JudgeError, Judgement, Keys, OnJudgement, Submission, Wrapper};
use crate::train::Phase;

/// What a run is doing just now, told from several threads.
#[derive(Debug, Default)]
pub(super) struct Doing {
    phase: AtomicUsize,
    part: AtomicUsize,
    parts: AtomicUsize,
    judged: AtomicUsize,
    under_way: AtomicUsize,
}

impl Doing {
    /// A phase begins.
    pub(super) fn begin(&self, phase: Phase) {
        let (number, part, parts) = match phase {
            Phase::Playing => (1, 0, 0),
            Phase::Scoring => (2, 0, 0),
            Phase::Updating { update, updates } => (3, update, updates),
            Phase::Done => (0, 0, 0),
        };
        for (at, value) in [
            (&self.part, part),
            (&self.parts, parts),
            (&self.phase, number),
        ] {
            at.store(value, Ordering::Relaxed);
        }
        if phase == Phase::Playing {
            self.judged.store(0, Ordering::Relaxed);
        }
    }

    /// In a few words.
    pub(super) fn words(&self) -> String {
        let read = |at: &AtomicUsize| at.load(Ordering::Relaxed);
        match read(&self.phase) {
            1 => {
                let verb = if read(&self.under_way) > 0 {
                    "judging"
                } else {
                    "sampling"
                };
                format!("{verb}, {} judged", counted(read(&self.judged), "answer"))
            }
            2 => "scoring".to_owned(),
            3 => format!(
                "learning, update {} of {}",
                read(&self.part),
                read(&self.parts)
            ),
            _ => String::new(),
        }
    }
}

/// A judge, watched.
pub(super) struct Watched<'a> {
    pub(super) judge: &'a dyn Judge,
    pub(super) doing: Arc<Doing>,
    /// What ends it, where it should be ended.
    pub(super) interrupts: Option<Interrupts>,
}

impl Watched<'_> {
    fn under_way<T>(&self, count: usize, cancel: &Cancel, judge: impl FnOnce() -> T) -> T {
        if let Some(interrupts) = &self.interrupts {
            interrupts.end(cancel);
        }
        self.doing.under_way.fetch_add(count, Ordering::Relaxed);
        let result = judge();
        self.doing.under_way.fetch_sub(count, Ordering::Relaxed);
        result
    }
}

impl<'a> Wrapper for Watched<'a> {
    type Inner = dyn Judge + 'a;

    fn inner(&self) -> &Self::Inner {
        self.judge
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.under_way(1, cancel, || {
            let judged = self.judge.judge_with(keys, submission, cancel);
            self.doing.judged.fetch_add(1, Ordering::Relaxed);
            judged
        })
    }

    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        self.under_way(submissions.len(), cancel, || {
            self.judge
                .judge_all(submissions, cancel, &mut |place, judged| {
                    self.doing.judged.fetch_add(1, Ordering::Relaxed);
                    on_judgement(place, judged);
                });
        });
    }
}
