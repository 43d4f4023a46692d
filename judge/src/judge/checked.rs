//! A judge whose numbers are looked at: one that is not finite is the judge's failure and never a score. Every judge that a
//! configuration names, every member of a mixture, and whoever judges for an environment stands behind this.

use std::sync::Arc;

use rlef_sandbox::Cancel;

use super::{Judge, JudgeError, Judgement, Keys, OnJudgement, Preference, Submission, Wrapper};

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
        let mut values = judgement
            .scores
            .iter()
            .filter_map(|score| Some((score, score.value?)));
        let bad = values.find(|(_, value)| !value.is_finite());
        match bad {
            Some((score, value)) => Err(self.not_finite(&score.judge, submission, value)),
            None => Ok(judgement),
        }
    }
}

/// Whether these are numbers from 0 to 1 for any two of so many answers, or nothing at all.
fn are_shares(beats: &[Vec<Option<f64>>], answers: usize) -> bool {
    let sound = |row: &Vec<Option<f64>>| {
        let mut known = row.iter().flatten();
        row.len() == answers && known.all(|share| (0.0..=1.0).contains(share))
    };
    beats.is_empty() || (beats.len() == answers && beats.iter().all(sound))
}

impl<J: Judge> Wrapper for Checked<J> {
    type Inner = J;

    fn inner(&self) -> &J {
        &self.0
    }

    fn ask(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        self.looked_at(self.0.judge_with(keys, submission, cancel)?, submission)
    }

    fn ask_all(
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

    /// One place an answer, and a certainty that is a number from 0 to 1.
    fn ask_which(
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
            _ if !are_shares(&said.beats, submissions.len()) => {
                "what it finds likely is no table of numbers from 0 to 1 with a row and a column for each answer".to_owned()
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
