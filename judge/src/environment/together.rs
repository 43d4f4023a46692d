//! Answers of many plays, judged together: each distinct one once.

use rlef_sandbox::Cancel;

use super::Play;
use crate::judge::{self, Judge, JudgeError, Judgement, Submission};
use crate::program::{Found, NoProgram, Program, Wanted};
use crate::verdict::Verdict;

/// What became of answers that were judged together.
#[derive(Debug, Default)]
pub struct Together {
    /// Programs among them, repetitions of one program included.
    pub programs: usize,
    /// The plays that the judge lost, by their place, and why: they are over and no data.
    pub lost: Vec<(usize, JudgeError)>,
}

impl Together {
    /// The first failure of the judge, if there was one.
    pub(super) fn whole(self) -> Result<(), JudgeError> {
        let first = self.lost.into_iter().next();
        first.map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// Has one answer of each play judged by the tests of a turn, and gives it to the play.
pub fn judge_answers(
    judge: &dyn Judge,
    plays: &mut [&mut Play<'_>],
    texts: Vec<String>,
    cancel: &Cancel,
) -> Together {
    let found: Vec<Result<Found, NoProgram>> = texts
        .iter()
        .zip(plays.iter())
        .map(|(text, play)| Program::find(text, &Wanted::of(play.problem())))
        .collect();
    let submissions: Vec<Submission<'_>> = (plays.iter().zip(&texts).zip(&found))
        .map(|((play, text), found)| play.submission(text, found))
        .collect();
    let mut all = Together {
        programs: found.iter().filter(|found| found.is_ok()).count(),
        lost: Vec::new(),
    };
    let results = judge::distinct(judge, &submissions, cancel);
    let answers = texts.into_iter().zip(found);
    for (place, (result, (text, found))) in results.into_iter().zip(answers).enumerate() {
        let play = &mut *plays[place];
        let taken = result.and_then(|judgement| play.take(text, found, judgement, judge.name()));
        if let Err(error) = taken {
            play.abort();
            all.lost.push((place, error));
        }
    }
    all
}

/// Has all tests say what plays that are over are worth: what fails a public test has failed; the rest meets the private
/// ones. Answers before the last are graded where passing did not end the episode.
pub fn judge_ends(judge: &dyn Judge, plays: &mut [&mut Play<'_>], cancel: &Cancel) -> Together {
    let mut all = Together::default();
    let (places, due): (Vec<usize>, Vec<Submission<'_>>) = (plays.iter().enumerate())
        .filter_map(|(place, play)| Some((place, play.due_last()?)))
        .unzip();
    all.programs += due.len();
    let results = judge::distinct(judge, &due, cancel);
    drop(due);
    let mut verdicts: Vec<Option<Result<Verdict, JudgeError>>> = vec![None; plays.len()];
    for (&place, result) in places.iter().zip(results) {
        verdicts[place] = Some(verdict_of(result, judge, plays[place]));
    }
    for (place, verdict) in verdicts.into_iter().enumerate() {
        match verdict.transpose() {
            Ok(verdict) => plays[place].grade(verdict),
            Err(error) => {
                plays[place].abort();
                all.lost.push((place, error));
            }
        }
    }
    let (places, due): (Vec<usize>, Vec<Submission<'_>>) = (plays.iter().enumerate())
        .flat_map(|(place, play)| {
            let earlier = play.due_earlier().into_iter();
            earlier.map(move |submission| (place, submission))
        })
        .unzip();
    all.programs += due.len();
    let turns: Vec<usize> = due.iter().map(|submission| submission.turn).collect();
    let results = judge::distinct(judge, &due, cancel);
    drop(due);
    for ((place, turn), result) in places.into_iter().zip(turns).zip(results) {
        match verdict_of(result, judge, plays[place]) {
            Ok(verdict) => plays[place].grade_earlier(turn, verdict),
            Err(error) => {
                plays[place].abort();
                all.lost.push((place, error));
            }
        }
    }
    all
}

/// The verdict of a judgement, without which nothing is graded.
fn verdict_of(
    result: Result<Judgement, JudgeError>,
    judge: &dyn Judge,
    play: &Play<'_>,
) -> Result<Verdict, JudgeError> {
    result?.verdict.ok_or_else(|| JudgeError::NoVerdict {
        judge: judge.name().to_owned(),
        id: play.problem().id.clone(),
    })
}
