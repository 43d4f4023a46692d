//! Problems to train on and to measure on → those to train on without what they have in common. By words alone, so that case,
//! layout and punctuation hide nothing.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::problem::Problem;

/// Words of one run (Brown et al. 2020, arXiv 2005.14165, appendix C).
const RUN: usize = 13;

/// Ids of what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contaminated {
    /// For equal statements.
    pub equal: Vec<String>,
    /// For statements that share much.
    pub overlapping: Vec<String>,
}

/// The problems of `training` whose statement is none of `measured`'s, and where a share is given has fewer than that of its
/// runs of words in one of them.
pub fn decontaminate(
    training: Vec<Problem>,
    measured: &[&Problem],
    share: Option<f64>,
) -> (Vec<Problem>, Contaminated) {
    let texts: Vec<Vec<String>> = measured.iter().map(|problem| words(problem)).collect();
    let equal: HashSet<&[String]> = texts.iter().map(Vec::as_slice).collect();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    if share.is_some() {
        for (place, text) in texts.iter().enumerate() {
            for run in runs(text) {
                places.entry(run).or_default().push(place);
            }
        }
    }
    let overlaps = |text: &[String]| {
        let own = runs(text);
        let mut hits: HashMap<usize, usize> = HashMap::new();
        for place in own.iter().filter_map(|run| places.get(run)).flatten() {
            *hits.entry(*place).or_default() += 1;
        }
        let most = hits.values().max().copied().unwrap_or(0);
        share.is_some_and(|share| most > 0 && most as f64 >= share * own.len() as f64)
    };
    let mut found = Contaminated::default();
    let mut kept = Vec::with_capacity(training.len());
    for problem in training {
        let text = words(&problem);
        if !text.is_empty() && equal.contains(text.as_slice()) {
            found.equal.push(problem.id);
        } else if overlaps(&text) {
            found.overlapping.push(problem.id);
        } else {
            kept.push(problem);
        }
    }
    (kept, found)
}

fn words(problem: &Problem) -> Vec<String> {
    let text = problem.statement.to_lowercase();
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The distinct runs of a text, as hashes.
fn runs(text: &[String]) -> HashSet<u64> {
    text.windows(RUN)
        .map(|run| {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::held_out::tests::problem;
    use super::*;

    fn text(words: std::ops::Range<usize>) -> String {
        let words: Vec<String> = words.map(|word| format!("word{word}")).collect();
        words.join(" ")
    }

    #[test]
    fn what_is_measured_on_is_not_trained_on() {
        let measured = [
            problem("eval/1", "Add the numbers\nof a line."),
            problem("eval/2", &text(0..40)),
        ];
        let measured: Vec<&Problem> = measured.iter().collect();
        let training = || {
            vec![
                problem("same", "  ADD the numbers of a line!"),
                problem("other", "Add the numbers of two lines."),
                // 27 of its 28 runs are in eval/2; of the next, 13 of 38; of the last none.
                problem("near", &text(1..41)),
                problem("part", &text(15..65)),
                problem("far", &text(50..90)),
            ]
        };
        let left_out = |share| decontaminate(training(), &measured, share).1;
        let exact = left_out(None);
        assert_eq!(exact.equal, ["same"]);
        assert!(exact.overlapping.is_empty());
        assert_eq!(left_out(Some(0.5)).overlapping, ["near"]);
        assert_eq!(left_out(Some(0.3)).overlapping, ["near", "part"]);
        let (kept, _) = decontaminate(training(), &measured, Some(0.5));
        let ids: Vec<&str> = kept.iter().map(|problem| problem.id.as_str()).collect();
        assert_eq!(ids, ["other", "part", "far"]);
        assert_eq!(decontaminate(training(), &[], Some(0.5)).0.len(), 5);
    }

    #[test]
    fn a_problem_without_words_is_like_no_other() {
        let empty = problem("eval", "");
        let (kept, _) = decontaminate(vec![problem("p", "?")], &[&empty], Some(0.1));
        assert_eq!(kept.len(), 1);
    }
}
