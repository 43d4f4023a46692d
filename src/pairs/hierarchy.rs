//! Answers of several policies that are taken as ordered → preferences without anybody's opinion (Kim et al. 2023, "Aligning Large
//! Language Models through Synthetic Feedback", ALMoST, arXiv 2305.13735, section 2.1): what a better policy says is preferred to what
//! a worse one says, unless a filter stands against it. The tests, where they were run, say how often the order is right.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Asked, CLUSTER, Judged, balanced};
use crate::preference::{Labels, Pair, Said};

/// An answer of one of the policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Levelled {
    /// Whose it is: 0 is the best policy.
    pub level: usize,
    /// The answer, and what was said of it.
    pub judged: Judged,
}

/// How pairs are chosen and filtered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assumed {
    /// Pairs of a problem at most.
    pub most: usize,
    /// Times the length of the preferred answer that the other may have; `inf` for any.
    pub longer: f64,
    /// Names all draws.
    pub seed: u64,
}

/// How often the tests agree with an order, of pairs of which one answer passes them and the other does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Pairs whose preferred answer is the one that passes.
    pub right: usize,
    /// All of them.
    pub told: usize,
}

impl Agreement {
    fn note(&mut self, better: &Judged, worse: &Judged) {
        if better.tests.is_some() && worse.tests.is_some() && better.solved != worse.solved {
            self.told += 1;
            self.right += usize::from(better.solved);
        }
    }
}

impl std::fmt::Display for Agreement {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let share = 100.0 * self.right as f64 / self.told.max(1) as f64;
        write!(out, "{share:.1}% of {}", self.told)
    }
}

/// What came of a hierarchy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs of answers of two levels.
    pub all: usize,
    /// Those whose preferred answer does not meet a constraint.
    pub unmet: usize,
    /// Those whose other answer is much longer.
    pub longer: usize,
    /// Those that the judges besides the tests order the other way.
    pub contradicted: usize,
    /// Those beyond what a problem may have.
    pub more: usize,
    /// How often the tests agree before anything is left out.
    pub before: Agreement,
    /// The same of what is left.
    pub after: Agreement,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} pairs; left out: {} whose preferred answer meets not all constraints, {} whose other is much longer, {} that the judges order the other way, {} beyond --most; the tests agree with {} pairs that they tell apart before, and {} after",
            self.all,
            self.unmet,
            self.longer,
            self.contradicted,
            self.more,
            self.before,
            self.after
        )
    }
}

/// The pairs of all problems. `asked` are the problems, in their order; `names` those of the policies, the best first.
pub fn of_hierarchy(
    answers: &[Levelled],
    names: &[String],
    asked: &[Asked],
    assumed: Assumed,
    labels: &Labels,
) -> (Vec<Pair>, Counts) {
    let mut by_problem: BTreeMap<usize, Vec<&Levelled>> = BTreeMap::new();
    for answer in answers
        .iter()
        .filter(|answer| !answer.judged.text.trim().is_empty())
    {
        by_problem
            .entry(answer.judged.problem)
            .or_default()
            .push(answer);
    }
    let (mut counts, mut found) = (Counts::default(), Vec::new());
    for (problem, answers) in by_problem {
        let mut all = kept(&answers, assumed, &mut counts);
        let stream = assumed.seed ^ (problem as u64) << 20 ^ 0x41a0;
        all.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
        let chosen = balanced(&all, answers.len(), assumed.most);
        counts.more += all.len() - chosen.len();
        for (better, worse) in chosen {
            let (better, worse) = (answers[better], answers[worse]);
            counts.after.note(&better.judged, &worse.judged);
            found.push(pair(
                better,
                worse,
                names,
                &asked[problem],
                (assumed.seed, labels),
            ));
        }
    }
    (found, counts)
}

/// Pairs of places, that of the better level first, against which no filter stands.
fn kept(answers: &[&Levelled], assumed: Assumed, counts: &mut Counts) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (one, better) in answers.iter().enumerate() {
        for (other, worse) in answers.iter().enumerate() {
            let (chosen, rejected) = (&better.judged, &worse.judged);
            if better.level >= worse.level || chosen.text.trim() == rejected.text.trim() {
                continue;
            }
            counts.all += 1;
            counts.before.note(chosen, rejected);
            let length = |text: &str| text.trim().chars().count() as f64;
            if chosen.is_unmet {
                counts.unmet += 1;
            } else if length(&rejected.text) > assumed.longer * length(&chosen.text) {
                counts.longer += 1;
            } else if chosen.score < rejected.score {
                // A score that nobody has given is no number, and contradicts nothing.
                counts.contradicted += 1;
            } else {
                all.push((one, other));
            }
        }
    }
    all
}

fn pair(
    better: &Levelled,
    worse: &Levelled,
    names: &[String],
    asked: &Asked,
    (seed, labels): (u64, &Labels),
) -> Pair {
    let mut labels = labels.clone();
    let mut label = |name: &str, value: String| labels.insert(name.to_owned(), value);
    label("problem", asked.id.clone());
    label(CLUSTER, asked.cluster.clone());
    label("rule", "hierarchy".to_owned());
    label("seed", seed.to_string());
    for (side, answer) in [("chosen", better), ("rejected", worse)] {
        label(&format!("{side}_by"), names[answer.level].clone());
        label(&format!("{side}_sample"), answer.judged.sample.to_string());
        if let Some((passed, total)) = answer.judged.tests {
            label(&format!("{side}_passed"), format!("{passed}/{total}"));
        }
    }
    Pair {
        prompt: Said::plain(&asked.prompt),
        chosen: Said::plain(&better.judged.text),
        rejected: Said::plain(&worse.judged.text),
        margin: None,
        certainty: None,
        labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pairs::Answer;

    fn answer(level: usize, text: &str, solved: bool) -> Levelled {
        let answer = Answer {
            problem: 0,
            text: text.to_owned(),
            step: 0,
            sample: level,
        };
        let judged = Judged {
            tests: Some((usize::from(solved), 1)),
            solved,
            score: f64::NAN,
            ..Judged::of(&answer)
        };
        Levelled { level, judged }
    }

    fn found(answers: &[Levelled], longer: f64) -> (Vec<String>, Counts) {
        let asked = [Asked {
            prompt: "Do it.".to_owned(),
            id: "p".to_owned(),
            cluster: "c".to_owned(),
        }];
        let assumed = Assumed {
            most: 9,
            longer,
            seed: 1,
        };
        let names = ["big", "small", "old"].map(str::to_owned);
        let (pairs, counts) = of_hierarchy(answers, &names, &asked, assumed, &Labels::new());
        let said = pairs.iter().map(|pair| {
            format!(
                "{} over {}",
                pair.labels["chosen_by"], pair.labels["rejected_by"]
            )
        });
        let mut said: Vec<String> = said.collect();
        said.sort();
        (said, counts)
    }

    #[test]
    fn what_a_better_policy_says_is_preferred_and_the_tests_say_how_often_rightly() {
        let answers = [
            answer(0, "aaaa", true),
            answer(1, "bbbb", false),
            answer(2, "cccc", true),
        ];
        let (said, counts) = found(&answers, f64::INFINITY);
        assert_eq!(said, ["big over old", "big over small", "small over old"]);
        // Two of three pairs are told apart: the first over the second rightly, the second over the third wrongly.
        assert_eq!(
            (counts.all, counts.before),
            (3, Agreement { right: 1, told: 2 })
        );
        assert_eq!(counts.after, counts.before);
        assert!(counts.to_string().contains("50.0% of 2"), "{counts}");
        // Answers of one level, and two that are the same, are no pair.
        let (said, counts) = found(
            &[
                answer(1, "a", true),
                answer(1, "b", true),
                answer(2, " a ", true),
            ],
            9.0,
        );
        assert_eq!((said, counts.all), (vec!["small over old".to_owned()], 1));
    }

    #[test]
    fn filters_stand_against_a_pair_one_by_one() {
        let (said, counts) = found(&[answer(0, "aa", true), answer(1, "bbbbb", false)], 2.0);
        assert_eq!((said.len(), counts.longer), (0, 1));
        let (said, _) = found(&[answer(0, "aa", true), answer(1, "bbbb", false)], 2.0);
        assert_eq!(said.len(), 1);
        let mut unmet = [answer(0, "aa", true), answer(1, "bb", false)];
        unmet[0].judged.is_unmet = true;
        assert_eq!(found(&unmet, 2.0).1.unmet, 1);
        let mut scored = [
            answer(0, "aa", false),
            answer(1, "bb", true),
            answer(2, "cc", false),
        ];
        for (place, score) in [0.1, 0.7, 0.3].into_iter().enumerate() {
            scored[place].judged.score = score;
        }
        let (said, counts) = found(&scored, 2.0);
        assert_eq!(
            (said, counts.contradicted),
            (vec!["small over old".to_owned()], 2)
        );
        assert_eq!(counts.before, Agreement { right: 1, told: 2 });
        assert_eq!(counts.after, Agreement { right: 1, told: 1 });
    }
}
