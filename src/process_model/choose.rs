//! Answers → those that are worth labelling next: wrong ones that a process reward model finds convincing, for there it is known to
//! be mistaken (Lightman et al. 2023, arXiv 2305.20050, section 4.2).

use std::collections::{BTreeMap, HashSet};

use super::{Aggregate, ProcessModel, Read, of_answer};
use crate::checkpoint::tokenizer::TokenizerError;
use crate::pairs::{Answer, Asked};
use crate::preference::Said;

/// Share of what is chosen that are the most convincing wrong answers; the rest are the most convincing of all that are left.
const WRONG: f64 = 0.8;

/// An answer as it is chosen by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Which problem, by its place.
    pub problem: usize,
    /// How convincing it is.
    pub score: f64,
    /// Whether it passes the tests.
    pub is_right: bool,
}

/// How likely the model finds each answer right; 0 for one that has no step or that it has no room for.
pub fn scores(
    model: &ProcessModel,
    aggregate: Aggregate,
    answers: &[Answer],
    asked: &[Asked],
) -> Result<Vec<f64>, TokenizerError> {
    let context = model.decoder.config.max_position_embeddings;
    let read = |answer: &Answer| -> Result<Read, TokenizerError> {
        let steps = of_answer(&answer.text).into_iter();
        let steps = steps.map(|step| &answer.text[step]);
        let read = model.read(&Said::plain(&asked[answer.problem].prompt), steps)?;
        Ok(read.unwrap_or_default())
    };
    let score = |answer: &Answer| {
        let read = read(answer)?;
        if read.ends.is_empty() || read.ids.len() > context {
            return Ok(0.0);
        }
        let shares = model.shares(&[&read], 1).pop().unwrap_or_default();
        Ok(aggregate.of(&shares).unwrap_or(0.0))
    };
    answers.iter().map(score).collect()
}

/// The places of those to be labelled, `most` of each problem, in their order; what was said before is no other answer.
pub fn convincing(answers: &[Answer], candidates: &[Candidate], most: usize) -> Vec<usize> {
    let mut known = HashSet::new();
    let mut of_problems: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, answer) in answers.iter().enumerate() {
        if known.insert((answer.problem, answer.text.trim())) {
            of_problems.entry(answer.problem).or_default().push(place);
        }
    }
    let mut chosen = Vec::new();
    for mut places in of_problems.into_values() {
        let score = |place: &usize| candidates[*place].score;
        places.sort_by(|one, other| score(other).total_cmp(&score(one)));
        let wrong = places.iter().filter(|&&place| !candidates[place].is_right);
        let count = (WRONG * most as f64).ceil() as usize;
        let first: Vec<usize> = wrong.take(count).copied().collect();
        let rest = places.iter().filter(|place| !first.contains(place));
        chosen.extend(first.iter().chain(rest).take(most));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convincing_wrong_answers_come_first() {
        let said = [
            (0, "a", 0.9, true),
            (0, "b", 0.8, false),
            (0, "c", 0.1, false),
            (0, "b", 0.8, false),
            (0, "d", 0.7, false),
            (1, "b", 0.2, true),
            (1, "e", 0.3, true),
        ];
        let answers = said.map(|(problem, text, _, _)| Answer {
            problem,
            text: text.to_owned(),
            step: 0,
            sample: 0,
        });
        let candidates = said.map(|(problem, _, score, is_right)| Candidate {
            problem,
            score,
            is_right,
        });
        let of = |most| convincing(&answers, &candidates, most);
        // One of one, two of two, and of three the last is the most convincing that is left, right or not.
        assert_eq!(of(1), [1, 6]);
        assert_eq!(of(2), [1, 4, 5, 6]);
        assert_eq!(of(5), [0, 1, 2, 4, 5, 6]);
        let few = convincing(&answers[..5], &candidates[..5], 3);
        assert_eq!(few, [1, 2, 4]);
        let many = convincing(&answers[..2], &candidates[..2], 3);
        assert_eq!(many, [0, 1]);
    }
}
