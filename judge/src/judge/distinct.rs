//! Submissions → each one judged once, however often it was made: a group of episodes often says the same thing.

use std::collections::HashMap;

use rlef_sandbox::Cancel;

use super::checked::Checked;
use super::{Asks, Judge, JudgeError, Judgement, Reads, Submission};
use crate::program::Program;
use crate::verdict::{Scope, StopAt};

/// What two submissions must have in common to be judged as one.
#[derive(PartialEq, Eq, Hash)]
struct Same<'a> {
    problem_id: &'a str,
    program: Option<&'a Program>,
    /// Text and turn, where the judge reads them.
    text: Option<(&'a str, usize)>,
    tests: (Scope, StopAt, Asks),
}

/// Judges all submissions, in whatever order; the results are in their order. What was cancelled is
/// [`JudgeError::Stopped`].
pub fn all(
    judge: &(impl Judge + ?Sized),
    submissions: &[Submission<'_>],
    cancel: &Cancel,
) -> Vec<Result<Judgement, JudgeError>> {
    let mut found = vec![Err(JudgeError::Stopped); submissions.len()];
    if !submissions.is_empty() {
        Checked(judge).judge_all(submissions, cancel, &mut |index, result| {
            found[index] = result;
        });
    }
    found
}

/// [`all`], but submissions that agree in what the judge reads are judged once and share the result.
pub fn distinct(
    judge: &(impl Judge + ?Sized),
    submissions: &[Submission<'_>],
    cancel: &Cancel,
) -> Vec<Result<Judgement, JudgeError>> {
    let reads = judge.reads();
    let mut once = Vec::new();
    let mut places: HashMap<Same<'_>, usize> = HashMap::new();
    let place_of: Vec<usize> = submissions
        .iter()
        .map(|submission| {
            let same = Same {
                problem_id: &submission.problem.id,
                program: submission.program,
                text: (reads == Reads::Text).then_some((submission.text, submission.turn)),
                tests: (submission.scope, submission.stop, submission.asks),
            };
            *places.entry(same).or_insert_with(|| {
                once.push(*submission);
                once.len() - 1
            })
        })
        .collect();
    let found = all(judge, &once, cancel);
    place_of
        .into_iter()
        .map(|place| found[place].clone())
        .collect()
}
