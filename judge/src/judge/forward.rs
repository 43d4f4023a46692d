//! Pointers to judges are judges: they hand every call on.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Preference, Reads, Submission,
};
use crate::problem::Problem;
use crate::verdict::Scope;

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<J: Judge + ?Sized> Judge for $pointer {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
                (**self).supports(problem, scope)
            }

            fn stamp(&self) -> String {
                (**self).stamp()
            }

            fn judge(
                &self,
                submission: &Submission<'_>,
                cancel: &Cancel,
            ) -> Result<Judgement, JudgeError> {
                (**self).judge(submission, cancel)
            }

            fn judge_with(
                &self,
                keys: &Keys<'_>,
                submission: &Submission<'_>,
                cancel: &Cancel,
            ) -> Result<Judgement, JudgeError> {
                (**self).judge_with(keys, submission, cancel)
            }

            fn stamp_on(&self, submission: &Submission<'_>) -> String {
                (**self).stamp_on(submission)
            }

            fn key<'a>(
                &self,
                keys: &Keys<'a>,
                submission: &Submission<'a>,
            ) -> Option<JudgementKey> {
                (**self).key(keys, submission)
            }

            fn reads(&self) -> Reads {
                (**self).reads()
            }

            fn gives_verdicts(&self) -> bool {
                (**self).gives_verdicts()
            }

            fn workers(&self) -> usize {
                (**self).workers()
            }

            fn is_batched(&self) -> bool {
                (**self).is_batched()
            }

            fn judge_all(
                &self,
                submissions: &[Submission<'_>],
                cancel: &Cancel,
                on_judgement: OnJudgement<'_>,
            ) {
                (**self).judge_all(submissions, cancel, on_judgement);
            }

            fn compares(&self) -> bool {
                (**self).compares()
            }

            fn compare(
                &self,
                submissions: &[Submission<'_>],
                cancel: &Cancel,
            ) -> Result<Preference, JudgeError> {
                (**self).compare(submissions, cancel)
            }
        }
    )*};
}

forward!(&J, Box<J>, Arc<J>);
