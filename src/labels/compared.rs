//! Two sources over the same answers → how they compare; one source → what length and place do to it, and who is strong by it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Options;
use super::agreement::{Both, kappa, pearson, ranked, raw, squared_kappa};
use super::intervals::{Measured, measured, several};
use super::source::{Answers, Source, better};
use super::strength::{Competitor, elo};

/// Answers are of unlike length where they differ by more than this share of the longer one.
const UNLIKE: f64 = 0.1;
/// Groups of how far two ratings are apart.
const GROUPS: usize = 3;
/// Wins and losses against one of middling strength that everybody is given.
const PRIOR: f64 = 0.5;

/// What is to say of one source alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Labelling {
    /// The source.
    pub name: String,
    /// Answers with a rating.
    pub ratings: usize,
    /// Choices that it made itself.
    pub choices: usize,
    /// Pairs of answers on which it says something, by choices or by ratings.
    pub pairs: usize,
    /// Share of those that are ties.
    pub ties: f64,
    /// Share of its preferences between answers of unlike length that are for the longer.
    pub longer: Option<Measured>,
    /// Share of its choices that are for the answer shown first, where that is known.
    pub first: Option<Measured>,
    /// Who is strong by it; empty where the answers are of one hand, or of hands not known.
    pub competitors: Vec<Competitor>,
}

/// How two sources compare.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Both names.
    pub names: [String; 2],
    /// Pairs of answers on which both say something.
    pub pairs: usize,
    /// Share of those on which they say the same: the one, the other, or a tie.
    pub agreement: Option<Measured>,
    /// The same of pairs on which neither sees a tie.
    pub decided_agreement: Option<Measured>,
    /// Cohen's kappa of the three labels. Which answer of a pair is called the one is drawn, so that it is about the pairs alone.
    pub kappa: Option<Measured>,
    /// Where they differ without a tie: the share in which the first source is for the longer answer.
    pub first_is_for_longer: Option<Measured>,
    /// Answers that both rate.
    pub rated: usize,
    /// Kappa of ratings as labels, where both give few.
    pub rating_kappa: Option<Measured>,
    /// Kappa with squared distances, where ratings are whole numbers.
    pub squared_kappa: Option<Measured>,
    /// Pearson's correlation of ratings.
    pub pearson: Option<Measured>,
    /// Spearman's.
    pub spearman: Option<Measured>,
    /// One's choices against the ratings of the other, or of its own.
    pub against_ratings: Vec<AgainstRatings>,
}

/// Choices against ratings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgainstRatings {
    /// Whose choices.
    pub choices_of: String,
    /// Whose ratings.
    pub ratings_of: String,
    /// By how far the ratings of a pair are apart: up to so far, how many pairs, and in what share the choice is for the one that
    /// is rated higher.
    pub groups: Vec<(f64, usize, Option<Measured>)>,
    /// Choices between answers rated alike.
    pub alike: usize,
}

/// What a source says of pairs: the share of the first of two answers, by their numbers in order.
type Said = BTreeMap<(usize, usize), f64>;

/// Everything that comparisons go by.
pub(super) struct Table<'a> {
    answers: &'a Answers,
    options: Options,
    /// The cluster of each prompt, as a number.
    clusters: Vec<usize>,
    count: usize,
    /// Answers by prompt.
    of_prompt: Vec<Vec<usize>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(answers: &'a Answers, options: Options) -> Self {
        let mut names: HashMap<&str, usize> = HashMap::new();
        let number = |name: &'a String| {
            let count = names.len();
            *names.entry(name).or_insert(count)
        };
        let clusters: Vec<usize> = answers.clusters.iter().map(number).collect();
        let mut of_prompt = vec![Vec::new(); clusters.len()];
        for (answer, &prompt) in answers.prompts.iter().enumerate() {
            of_prompt[prompt].push(answer);
        }
        Self {
            answers,
            options,
            count: names.len(),
            clusters,
            of_prompt,
        }
    }

    fn cluster(&self, answer: usize) -> usize {
        self.clusters[self.answers.prompts[answer]]
    }

    /// What a source says of pairs: by its choices, else by its ratings; of each prompt a bounded number, drawn.
    fn said(&self, source: &Source) -> Said {
        let mut sums: BTreeMap<(usize, usize), (f64, f64)> = BTreeMap::new();
        for choice in &source.choices {
            let (key, share) = if choice.one < choice.other {
                ((choice.one, choice.other), choice.share)
            } else {
                ((choice.other, choice.one), 1.0 - choice.share)
            };
            let (sum, count) = sums.entry(key).or_default();
            *sum += share;
            *count += 1.0;
        }
        let mut said: Said = sums
            .into_iter()
            .map(|(pair, (sum, count))| (pair, sum / count))
            .collect();
        for (prompt, answers) in self.of_prompt.iter().enumerate() {
            let rated: Vec<(usize, f64)> = (answers.iter())
                .filter_map(|answer| Some((*answer, *source.ratings.get(answer)?)))
                .collect();
            let mut pairs: Vec<((usize, usize), f64)> = Vec::new();
            for (index, &(one, rating)) in rated.iter().enumerate() {
                let rest = rated[index + 1..].iter();
                pairs.extend(rest.map(|&(other, beside)| ((one, other), better(rating, beside))));
            }
            if pairs.len() > self.options.most {
                // Of sources that rate the same answers the same pairs: the draw goes by the prompt alone.
                let seed = self.options.seed ^ (prompt as u64) << 16;
                pairs.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
                pairs.truncate(self.options.most);
            }
            for (pair, share) in pairs {
                said.entry(pair).or_insert(share);
            }
        }
        said
    }

    /// Whether the first of two answers is the longer one, where they are of unlike length.
    fn first_is_longer(&self, (one, other): (usize, usize)) -> Option<bool> {
        let (one, other) = (
            self.answers.characters[one] as f64,
            self.answers.characters[other] as f64,
        );
        ((one - other).abs() > UNLIKE * one.max(other)).then_some(one > other)
    }

    /// The share of what holds, each in the cluster of an answer.
    fn share(&self, all: &[(usize, bool)]) -> Option<Measured> {
        measured(self.count, self.options, |counts| {
            let weight = |answer: usize| counts[self.cluster(answer)];
            let whole: f64 = all.iter().map(|(answer, _)| weight(*answer)).sum();
            let holds = all.iter().filter(|(_, holds)| *holds);
            let holds: f64 = holds.map(|(answer, _)| weight(*answer)).sum();
            (whole > 0.0).then(|| holds / whole)
        })
    }

    /// A number of things that are labelled twice, each in the cluster of an answer.
    fn of_both(
        &self,
        all: &[(usize, f64, f64)],
        of: impl Fn(&[Both]) -> Option<f64>,
    ) -> Option<Measured> {
        measured(self.count, self.options, |counts| {
            let both = |&(answer, one, other): &(usize, f64, f64)| Both {
                one,
                other,
                weight: counts[self.cluster(answer)],
            };
            let drawn: Vec<Both> = all
                .iter()
                .map(both)
                .filter(|both| both.weight > 0.0)
                .collect();
            of(&drawn)
        })
    }

    /// What there is to say of one source.
    pub(super) fn labelling(&self, source: &Source) -> Labelling {
        let said = self.said(source);
        let ties = said.values().filter(|share| **share == 0.5).count();
        let longer: Vec<(usize, bool)> = (said.iter())
            .filter(|(_, share)| **share != 0.5)
            .filter_map(|(&pair, share)| {
                Some((pair.0, self.first_is_longer(pair)? == (*share > 0.5)))
            })
            .collect();
        let shown = source.choices.iter().filter(|choice| choice.share != 0.5);
        let first: Vec<(usize, bool)> = shown
            .filter_map(|choice| Some((choice.one, choice.one_is_first? == (choice.share > 0.5))))
            .collect();
        Labelling {
            name: source.name.clone(),
            ratings: source.ratings.len(),
            choices: source.choices.len(),
            pairs: said.len(),
            ties: ties as f64 / said.len().max(1) as f64,
            longer: self.share(&longer),
            first: self.share(&first),
            competitors: self.competitors(&said),
        }
    }

    fn competitors(&self, said: &Said) -> Vec<Competitor> {
        let names: BTreeSet<&str> = self
            .answers
            .by
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        let of = |answer: usize| {
            let name = self.answers.by[answer].as_deref()?;
            names.binary_search(&name).ok()
        };
        let met: Vec<(usize, usize, f64, usize)> = (said.iter())
            .filter_map(|(&(one, other), &share)| Some((of(one)?, of(other)?, share, one)))
            .filter(|(one, other, ..)| one != other)
            .collect();
        if met.is_empty() {
            return Vec::new();
        }
        let points = |counts: &[f64]| {
            let mut wins = vec![vec![0.0; names.len()]; names.len()];
            for &(one, other, share, answer) in &met {
                let weight = counts[self.cluster(answer)];
                wins[one][other] += weight * share;
                wins[other][one] += weight * (1.0 - share);
            }
            elo(&wins, PRIOR)
        };
        let values = points(&vec![1.0; self.count]);
        let intervals = several(self.count, self.options, |counts| Some(points(counts)));
        let competitors = names.iter().enumerate().map(|(place, by)| Competitor {
            by: (*by).to_owned(),
            choices: met
                .iter()
                .filter(|(one, other, ..)| *one == place || *other == place)
                .count(),
            elo: Measured {
                value: values[place],
                interval: intervals.as_ref().map(|intervals| intervals[place]),
            },
        });
        let mut competitors: Vec<Competitor> = competitors.filter(|one| one.choices > 0).collect();
        competitors.sort_by(|one, other| other.elo.value.total_cmp(&one.elo.value));
        competitors
    }

    /// How two sources compare.
    pub(super) fn comparison(&self, one: &Source, other: &Source) -> Comparison {
        let (said, beside) = (self.said(one), self.said(other));
        // Labels -1, 0 and 1; every second pair is turned, so that neither label is the commoner for how answers are numbered.
        let side = |share: f64| (share - 0.5).signum() * f64::from(u8::from(share != 0.5));
        let pairs: Vec<((usize, usize), f64, f64)> = (said.iter())
            .filter_map(|(pair, share)| Some((*pair, side(*share), side(*beside.get(pair)?))))
            .collect();
        let labelled: Vec<(usize, f64, f64)> = (pairs.iter().enumerate())
            .map(|(place, &(pair, one, other))| {
                let turn = if place % 2 == 0 { 1.0 } else { -1.0 };
                (pair.0, turn * one, turn * other)
            })
            .collect();
        let decided: Vec<(usize, bool)> = (pairs.iter())
            .filter(|(_, one, other)| one * other != 0.0)
            .map(|&(pair, one, other)| (pair.0, one == other))
            .collect();
        let apart: Vec<(usize, bool)> = (pairs.iter())
            .filter(|(_, one, other)| one * other < 0.0)
            .filter_map(|&(pair, one, _)| {
                Some((pair.0, self.first_is_longer(pair)? == (one > 0.0)))
            })
            .collect();
        let rated: Vec<(usize, f64, f64)> = (one.ratings.iter())
            .filter_map(|(answer, rating)| Some((*answer, *rating, *other.ratings.get(answer)?)))
            .collect();
        let few = |of: &dyn Fn(&(usize, f64, f64)) -> f64| {
            let labels: BTreeSet<u64> = rated.iter().map(|both| of(both).to_bits()).collect();
            labels.len() <= 10
        };
        let few = few(&|both| both.1) && few(&|both| both.2);
        let whole = rated
            .iter()
            .all(|both| both.1.fract() == 0.0 && both.2.fract() == 0.0);
        let mut against_ratings = Vec::new();
        for choices in [one, other] {
            for ratings in [one, other] {
                against_ratings.extend(self.against(choices, ratings));
            }
        }
        Comparison {
            names: [one.name.clone(), other.name.clone()],
            pairs: pairs.len(),
            agreement: self.of_both(&labelled, raw),
            decided_agreement: self.share(&decided),
            kappa: self.of_both(&labelled, kappa),
            first_is_for_longer: self.share(&apart),
            rated: rated.len(),
            rating_kappa: self.of_both(&rated, kappa).filter(|_| few),
            squared_kappa: self.of_both(&rated, squared_kappa).filter(|_| few && whole),
            pearson: self.of_both(&rated, pearson),
            spearman: self.of_both(&rated, |both| pearson(&ranked(both))),
            against_ratings,
        }
    }

    /// One's own choices against ratings, by how far these are apart.
    fn against(&self, choices: &Source, ratings: &Source) -> Option<AgainstRatings> {
        let mut alike = 0;
        let mut known: Vec<(f64, usize, bool)> = Vec::new();
        for choice in choices.choices.iter().filter(|choice| choice.share != 0.5) {
            let of = |answer: usize| ratings.ratings.get(&answer).copied();
            let Some((one, other)) = of(choice.one).zip(of(choice.other)) else {
                continue;
            };
            if one == other {
                alike += 1;
                continue;
            }
            let agrees = (choice.share > 0.5) == (one > other);
            known.push(((one - other).abs(), choice.one, agrees));
        }
        if known.is_empty() {
            return None;
        }
        known.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut groups = Vec::new();
        let mut rest = &known[..];
        for left in (1..=GROUPS).rev() {
            let wanted = rest.len().div_ceil(left);
            let Some(last) = wanted.checked_sub(1).and_then(|last| rest.get(last)) else {
                break;
            };
            // What is as far apart stays together.
            let end = rest.iter().take_while(|one| one.0 <= last.0).count();
            let (group, after) = rest.split_at(end);
            let held: Vec<(usize, bool)> = group.iter().map(|one| (one.1, one.2)).collect();
            groups.push((last.0, group.len(), self.share(&held)));
            rest = after;
        }
        Some(AgainstRatings {
            choices_of: choices.name.clone(),
            ratings_of: ratings.name.clone(),
            groups,
            alike,
        })
    }
}
