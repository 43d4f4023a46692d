//! A judge whose numbers are looked at: one that is not finite is the judge's failure and never a score. Every judge that a
//! configuration names, every member of a mixture, and whoever judges for an environment stands behind this.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{
    Judge, JudgeError, Judgement, JudgementKey, Keys, OnJudgement, Preference, Reads, Submission,
};
use crate::problem::Problem;
use crate::verdict::Scope;

/// A judge, looked at.
#[derive(Debug)]
pub(super) struct Checked<J>(pub(super) J);

impl<J: Judge> Checked<J> {
    fn not_finite(&self, judge: &str, submission: &Submission<'_>, found: f64) -> JudgeError {
        let judge = if judge.is_empty() {
            self.0.name()
        } else {
            judge
        };
        JudgeError::NotFinite {
            judge: judge.to_owned(),
            id: submission.problem.id.clone(),
            found,
        }
    }

    fn looked_at(
        &self,
        judgement: Judgement,
        submission: &Submission<'_>,
    ) -> Result<Judgement, JudgeError> {
        let bad = (judgement.scores.iter()).find(|score| !score.value.is_finite());
        match bad {
            Some(score) => Err(self.not_finite(&score.judge, submission, score.value)),
            None => Ok(judgement),
        }
    }
}

impl<J: Judge> Judge for Checked<J> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        self.0.supports(problem, scope)
    }

    fn stamp(&self) -> String {
        self.0.stamp()
    }

    fn judge(&self, submission: &Submission<'_>, cancel: &Cancel) -> Result<Judgement, JudgeError> {
        self.looked_at(self.0.judge(submission, cancel)?, submission)
    }

    fn stamp_on(&self, submission: &Submission<'_>) -> String {
        self.0.stamp_on(submission)
    }

    fn key<'a>(&self, keys: &Keys<'a>, submission: &Submission<'a>) -> Option<JudgementKey> {
        self.0.key(keys, submission)
    }

    fn reads(&self) -> Reads {
        self.0.reads()
    }

    fn gives_verdicts(&self) -> bool {
        self.0.gives_verdicts()
    }

    fn workers(&self) -> usize {
        self.0.workers()
    }

    fn is_batched(&self) -> bool {
        self.0.is_batched()
    }

    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        (self.0).judge_all(submissions, cancel, &mut |place, result| {
            let looked_at = |judgement| self.looked_at(judgement, &submissions[place]);
            on_judgement(place, result.and_then(looked_at));
        });
    }

    fn compares(&self) -> bool {
        self.0.compares()
    }

    /// One place an answer, and a certainty that is a number from 0 to 1.
    fn compare(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let said = self.0.compare(submissions, cancel)?;
        let fault = match said.certainty {
            _ if said.places.len() != submissions.len() => format!(
                "it placed {} of {} answers",
                said.places.len(),
                submissions.len()
            ),
            Some(certainty) if !(0.0..=1.0).contains(&certainty) => {
                format!("it is certain by {certainty}; expected a number from 0 to 1")
            }
            _ => return Ok(said),
        };
        Err(JudgeError::Failed {
            judge: self.0.name().to_owned(),
            id: (submissions.first()).map_or_else(String::new, |first| first.problem.id.clone()),
            cause: Arc::new(std::io::Error::other(fault)),
        })
    }
}
