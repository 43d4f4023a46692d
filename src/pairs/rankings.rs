//! Judged answers → rankings of several answers to one problem, as Nectar has seven of each (Zhu et al. 2023, Starling-7B): what a
//! reward model learns as a whole, by Plackett and Luce. Every draw is seeded.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Asked, CLUSTER, Judged, Rule};
use crate::preference::{Labels, Ranked, Ranking, Said};

/// Answers of a ranking at most: past so many nobody, and no model, keeps them apart.
pub const MOST_RANKED: usize = 9;

/// A ranking of up to `size` answers to each problem, and how many problems have none: fewer than two answers, or all of them tied.
pub fn rankings(
    answers: &[Judged],
    asked: &[Asked],
    (rule, size, seed): (Rule, usize, u64),
    labels: &Labels,
) -> (Vec<Ranking>, usize) {
    let mut by_problem: BTreeMap<usize, Vec<(&Judged, f64)>> = BTreeMap::new();
    for answer in answers {
        let known = by_problem.entry(answer.problem).or_default();
        let is_same = |(other, _): &(&Judged, f64)| other.text.trim() == answer.text.trim();
        let is_silent = rule == Rule::Compared
            && answer.likely.as_ref().is_some_and(|likely| {
                let others = likely
                    .over
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| *place != likely.own);
                others.clone().count() > 0 && others.into_iter().all(|(_, over)| over.is_none())
            });
        if answer.text.trim().is_empty() || is_silent || known.iter().any(is_same) {
            continue;
        }
        if let Some(value) = rule.of(answer) {
            known.push((answer, value));
        }
    }
    let (mut found, mut without) = (Vec::new(), 0);
    for (problem, mut answers) in by_problem {
        let stream = seed ^ (problem as u64) << 20 ^ 0x3a9c;
        answers.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
        answers.truncate(size);
        let varies = answers.iter().any(|(_, value)| *value != answers[0].1);
        if !varies {
            without += 1;
            continue;
        }
        let asked = &asked[problem];
        let rank = |own: f64| 1 + answers.iter().filter(|(_, value)| *value > own).count();
        let ranked = answers.iter().map(|(answer, value)| Ranked {
            answer: Said::plain(&answer.text),
            rank: rank(*value) as f64,
            by: String::new(),
        });
        let mut labels = labels.clone();
        for (name, value) in [
            ("problem", asked.id.clone()),
            (CLUSTER, asked.cluster.clone()),
            ("rule", rule.name().to_owned()),
            ("seed", seed.to_string()),
        ] {
            labels.insert(name.to_owned(), value);
        }
        found.push(Ranking {
            prompt: Said::plain(&asked.prompt),
            answers: ranked.collect(),
            labels,
        });
    }
    (found, without)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::{Answer, Likely};

    fn answer(problem: usize, text: &str, passed: usize) -> Judged {
        let answer = Answer {
            problem,
            text: text.to_owned(),
            step: 0,
            sample: 0,
        };
        Judged {
            tests: Some((passed, 4)),
            solved: passed == 4,
            ..Judged::of(&answer)
        }
    }

    #[test]
    fn answers_stand_in_order_and_ties_share_a_place() {
        let asked = ["p", "q"].map(|id| Asked {
            prompt: "Do it.".to_owned(),
            id: id.to_owned(),
            cluster: id.to_owned(),
        });
        let answers = [
            answer(0, "a", 1),
            answer(0, "b", 4),
            answer(0, "c", 1),
            answer(0, "b ", 4),
            answer(0, "d", 0),
            answer(1, "e", 2),
            answer(1, "f", 2),
        ];
        let of = |size| rankings(&answers, &asked, (Rule::Passed, size, 1), &Labels::new());
        let (found, without) = of(7);
        assert_eq!((found.len(), without), (1, 1));
        let mut ranks: Vec<(String, f64)> = (found[0].answers.iter())
            .map(|one| match &one.answer {
                Said::Plain(text) => (text.clone(), one.rank),
                Said::Messages(_) => panic!(),
            })
            .collect();
        ranks.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [("a", 2.0), ("b", 1.0), ("c", 2.0), ("d", 4.0)];
        assert_eq!(ranks, expected.map(|(text, rank)| (text.to_owned(), rank)));
        assert_eq!(found[0].labels["problem"], "p");
        assert!(of(3).0.iter().all(|one| one.answers.len() == 3));
        // One that the judge could compare with no other has no place.
        let mut silent = answers[..3].to_vec();
        for (own, answer) in silent.iter_mut().enumerate() {
            answer.place = Some(own);
            let over = (0..3).map(|other| (own != 2 && other != 2 && own != other).then_some(0.7));
            answer.likely = Some(Likely {
                own,
                over: over.collect(),
            });
        }
        let (found, _) = rankings(&silent, &asked, (Rule::Compared, 7, 1), &Labels::new());
        assert_eq!(found[0].answers.len(), 2);
    }
}
