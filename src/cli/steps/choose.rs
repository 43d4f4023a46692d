//! Which answers are labelled, where a process reward model chooses them.

use std::path::Path;

use anyhow::Context as _;

use super::Args;
use crate::cli::output::say;
use crate::judge::Judge;
use crate::pairs::{Answer, Asked};
use crate::problem::Problem;
use crate::process_model::choose::{self, Candidate};
use crate::process_model::{Aggregate, ProcessModel, label};

/// The convincing ones, wrong ones first. Those that could not be judged are left out, for nobody knows whether they are wrong.
pub(super) fn convincing(
    args: &Args,
    folder: &Path,
    answers: Vec<Answer>,
    (problems, asked): (&[Problem], &[Asked]),
    judge: &dyn Judge,
) -> anyhow::Result<Vec<Answer>> {
    let model = ProcessModel::load(folder, &args.device.open()?)
        .with_context(|| format!("failed to use --convincing {}", folder.display()))?;
    let (mut judged, mut right, mut lost) = (Vec::new(), Vec::new(), 0);
    for answer in answers {
        let text = std::slice::from_ref(&answer.text);
        match label::passed(&problems[answer.problem], text, judge) {
            Ok(passed) => {
                right.push(passed == [true]);
                judged.push(answer);
            }
            Err(_) => lost += 1,
        }
    }
    let scores = choose::scores(&model, Aggregate::default(), &judged, asked)?;
    let candidates: Vec<Candidate> = (judged.iter().zip(scores).zip(right))
        .map(|((answer, score), is_right)| Candidate {
            problem: answer.problem,
            score,
            is_right,
        })
        .collect();
    let chosen = choose::convincing(&judged, &candidates, args.most);
    let wrong = chosen
        .iter()
        .filter(|&&place| !candidates[place].is_right)
        .count();
    say!(
        "{} of {} answers are chosen, {wrong} of them wrong; {lost} could not be judged",
        chosen.len(),
        judged.len()
    );
    Ok(chosen
        .into_iter()
        .map(|place| judged[place].clone())
        .collect())
}
