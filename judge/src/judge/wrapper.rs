//! Judges over one other judge: each says what it does differently, and the rest is the other's. Pointers to judges are the
//! plainest of them.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Preference, Reads, Submission,
};
use crate::problem::Problem;
use crate::verdict::Scope;

/// A judge over one other judge, such as a cache or a journal.
pub trait Wrapper: Send + Sync {
    /// The judge that is wrapped.
    type Inner: Judge + ?Sized;

    /// The judge that is wrapped.
    fn inner(&self) -> &Self::Inner;

    /// What [`Judge::judge_with`], and [`Judge::judge`] without a caller's keys, is to do.
    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError>;

    /// What [`Judge::judge_all`] is to do.
    fn ask_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    );

    /// What [`Judge::compare`] is to do.
    fn ask_which(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        self.inner().compare(submissions, cancel)
    }
}

impl<W: Wrapper> Judge for W {
    fn name(&self) -> &str {
        self.inner().name()
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.inner().supports(problem, scope)
    }

    fn stamp(&self) -> String {
        self.inner().stamp()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        self.ask(&Keys::default(), submission, cancel)
    }

    fn judge_with(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.ask(keys, submission, cancel)
    }

    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        self.inner().stamp_on(submission)
    }

    fn key<'a>(&self, keys: &Keys<'a>, submission: &Submission<'a>) -> Option<JudgementKey> {
        self.inner().key(keys, submission)
    }

    fn reads(&self) -> Reads {
        self.inner().reads()
    }

    fn gives_verdicts(&self) -> bool {
        self.inner().gives_verdicts()
    }

    fn workers(&self) -> usize {
        self.inner().workers()
    }

    fn is_batched(&self) -> bool {
        self.inner().is_batched()
    }

    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        self.ask_all(submissions, cancel, on_judgement);
    }

    fn told(&self, submission: &Submission<'_>, all: &Judgement) {
        self.inner().told(submission, all);
    }

    fn notes(&self) -> Vec<String> {
        self.inner().notes()
    }

    fn compares(&self) -> bool {
        self.inner().compares()
    }

    fn only_compares(&self) -> bool {
        self.inner().only_compares()
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        self.ask_which(submissions, cancel)
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<J: Judge + ?Sized> Wrapper for $pointer {
            type Inner = J;

            fn inner(&self) -> &J {
                self
            }

            fn ask(
                &self,
                keys: &Keys<'_>,
                submission: &Submission<'_>,
                cancel: &Cancel,
            ) -> Result<Judgement, JudgeError> {
                (**self).judge_with(keys, submission, cancel)
            }

            fn ask_all(
                &self,
                submissions: &[Submission<'_>],
                cancel: &Cancel,
                on_judgement: OnJudgement<'_>,
            ) {
                (**self).judge_all(submissions, cancel, on_judgement);
            }
        }
    )*};
}

pointers!(&J, Box<J>, Arc<J>);
