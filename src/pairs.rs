//! Judged answers → preferences: of each problem pairs of answers to one prompt, of which one did better. Every draw is
//! seeded. `answers` has them from journals or a policy, `judged` has them judged.

mod answers;
mod hierarchy;
mod judged;
mod rankings;

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::preference::{Labels, Pair, Said};
use crate::problem::Problem;
use crate::prompt::{self, PromptStyle};
pub use answers::{Answer, AnswersError, of_journals, sampled};
pub use hierarchy::{Assumed, Levelled, of_hierarchy};
pub use judged::{Heard, OnJudged, judged};
pub use rankings::{MOST_RANKED, rankings};

/// The label of a pair that says what its problem was sampled together with.
pub const CLUSTER: &str = "cluster";

/// An answer and what was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Which problem, by its place.
    pub problem: usize,
    /// The answer.
    pub text: String,
    /// Version of the policy that gave it.
    pub step: usize,
    /// Which of the problem's episodes.
    pub sample: usize,
    /// Tests it passed, and tests there are; nothing where no tests were run.
    pub tests: Option<(usize, usize)>,
    /// Whether it passed all of them.
    pub solved: bool,
    /// The weighted sum of what others say of the whole answer.
    pub score: f64,
    /// Whether a constraint is not met, or not known to be.
    pub is_unmet: bool,
    /// Its place among the answers to its problem, 0 the best, where a judge has put them in order.
    pub place: Option<usize>,
    /// How likely that order is right, where there are two answers and the judge can tell.
    pub certainty: Option<f64>,
    /// How likely it is better than each answer that it was compared with, where a judge has said so.
    pub likely: Option<Likely>,
}

/// How likely an answer is better than others.
#[derive(Clone, Debug, PartialEq)]
pub struct Likely {
    /// Which of those that were compared it is.
    pub own: usize,
    /// Over each of them, from 0 to 1; nothing where nobody knows.
    pub over: Vec<Option<f64>>,
}

impl Judged {
    /// An answer of which nothing is said yet.
    pub fn of(answer: &Answer) -> Self {
        Self {
            problem: answer.problem,
            text: answer.text.clone(),
            step: answer.step,
            sample: answer.sample,
            tests: None,
            solved: false,
            score: 0.0,
            is_unmet: false,
            place: None,
            certainty: None,
            likely: None,
        }
    }
}

/// What makes an answer better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rule {
    /// All tests passed, over any that failed.
    #[default]
    Solved,
    /// More tests passed, over fewer.
    Passed,
    /// A higher score of judges besides the tests.
    Score,
    /// A better place, by a judge that compares.
    Compared,
}

impl Rule {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Solved => "solved",
            Self::Passed => "passed",
            Self::Score => "score",
            Self::Compared => "compared",
        }
    }

    /// What answers are compared by; nothing where it is not known.
    fn of(self, answer: &Judged) -> Option<f64> {
        match self {
            Self::Solved => answer.tests.map(|_| f64::from(u8::from(answer.solved))),
            // An answer that a judge refuses though its tests passed is below one that it takes.
            Self::Passed => {
                let (passed, total) = answer.tests?;
                let share = passed as f64 / total.max(1) as f64;
                Some(share + f64::from(u8::from(answer.solved)))
            }
            Self::Score => Some(answer.score).filter(|score| score.is_finite()),
            Self::Compared => answer.place.map(|place| -(place as f64)),
        }
    }
}

/// How pairs are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What makes an answer better.
    pub rule: Rule,
    /// Pairs of a problem at most.
    pub most: usize,
    /// Whether ties are kept, as pairs of which neither is preferred.
    pub ties: bool,
    /// Names all draws.
    pub seed: u64,
}

/// What came of a set of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answers that are there a second time, for one problem.
    pub repeated: usize,
    /// Answers of which nothing is known that the rule asks for.
    pub unknown: usize,
    /// Pairs that are ties, used or not.
    pub ties: usize,
    /// Pairs on which the judge that compares has no opinion.
    pub silent: usize,
    /// Problems with answers but no pair.
    pub without: usize,
    /// Pairs that were not taken, for their problem had enough.
    pub more: usize,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "{} are there twice, of {} nothing is known to compare by; {} ties, {} problems without a pair, {} pairs beyond --most",
            self.repeated, self.unknown, self.ties, self.without, self.more
        )?;
        if self.silent > 0 {
            write!(out, ", no opinion on {} pairs", self.silent)?;
        }
        Ok(())
    }
}

/// What is said of the problem of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What its answers answer.
    pub prompt: String,
    /// The problem.
    pub id: String,
    /// What it was sampled together with: intervals draw it whole.
    pub cluster: String,
}

impl Asked {
    /// Each of some problems, asked in this wording.
    pub fn of(problems: &[Problem], style: PromptStyle) -> Vec<Self> {
        let asked = problems.iter().map(|problem| Self {
            prompt: prompt::statement(style, problem.language(), &problem.statement),
            id: problem.id.clone(),
            cluster: problem.cluster(),
        });
        asked.collect()
    }
}

/// The pairs of all problems. `asked` are the problems, in their order; `labels` go with every pair.
///
/// Within a problem no answer is used much more often than another: of pairs in a drawn order, the next one is the one whose
/// answers were used least.
pub fn pairs(
    answers: &[Judged],
    asked: &[Asked],
    options: Options,
    labels: &Labels,
) -> (Vec<Pair>, Counts) {
    let mut counts = Counts::default();
    let mut by_problem: BTreeMap<usize, Vec<(&Judged, f64)>> = BTreeMap::new();
    for answer in answers {
        let known = by_problem.entry(answer.problem).or_default();
        let is_same = |(other, _): &(&Judged, f64)| other.text.trim() == answer.text.trim();
        if known.iter().any(is_same) {
            counts.repeated += 1;
        } else if answer.text.trim().is_empty() {
            counts.unknown += 1;
        } else if let Some(value) = options.rule.of(answer) {
            known.push((answer, value));
        } else {
            counts.unknown += 1;
        }
    }
    let mut found = Vec::new();
    for (problem, answers) in by_problem {
        let mut all = candidates(&answers, options, &mut counts);
        let stream = options.seed ^ (problem as u64) << 20 ^ 0x9a15;
        all.shuffle(&mut ChaCha8Rng::seed_from_u64(stream));
        let chosen = balanced(&all, answers.len(), options.most);
        counts.more += all.len() - chosen.len();
        counts.without += usize::from(chosen.is_empty());
        let asked = &asked[problem];
        found.extend(chosen.into_iter().map(|(better, worse)| {
            let (better, worse) = (answers[better], answers[worse]);
            pair(better, worse, asked, options, labels)
        }));
    }
    (found, counts)
}

/// What a judge says of two answers.
enum Opinion {
    /// How likely the one is better.
    Likely(f64),
    /// It was asked, and has none.
    Silent,
}

/// What a judge says of two answers, where one was asked about them that says how likely each is better.
fn opinion(one: &Judged, other: &Judged, rule: Rule) -> Option<Opinion> {
    let (one, other) = (one.likely.as_ref()?, other.likely.as_ref()?);
    let likely = one.over.get(other.own).copied().flatten();
    let opinion = likely.map_or(Opinion::Silent, Opinion::Likely);
    (rule == Rule::Compared).then_some(opinion)
}

/// Pairs of places, the better answer first.
fn candidates(
    answers: &[(&Judged, f64)],
    options: Options,
    counts: &mut Counts,
) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (one, (answer, value)) in answers.iter().enumerate() {
        for (other, (beside, than)) in answers.iter().enumerate().skip(one + 1) {
            // What was said of the two of them comes before their places among all.
            let order = match opinion(answer, beside, options.rule) {
                Some(Opinion::Likely(likely)) => likely.total_cmp(&0.5),
                Some(Opinion::Silent) => {
                    counts.silent += 1;
                    continue;
                }
                None => value.total_cmp(than),
            };
            match order {
                std::cmp::Ordering::Greater => all.push((one, other)),
                std::cmp::Ordering::Less => all.push((other, one)),
                std::cmp::Ordering::Equal => {
                    counts.ties += 1;
                    if options.ties {
                        all.push((one, other));
                    }
                }
            }
        }
    }
    all
}

/// At most `most` of the pairs, each time one whose answers were used least.
fn balanced(all: &[(usize, usize)], answers: usize, most: usize) -> Vec<(usize, usize)> {
    let mut used = vec![0_usize; answers];
    let mut left = all.to_vec();
    let mut chosen = Vec::new();
    while chosen.len() < most {
        let uses = |pair: &(usize, usize)| {
            let (one, other) = (used[pair.0], used[pair.1]);
            (one.max(other), one + other)
        };
        let next = (0..left.len()).min_by_key(|&place| (uses(&left[place]), place));
        let Some(next) = next else { break };
        let pair = left.remove(next);
        used[pair.0] += 1;
        used[pair.1] += 1;
        chosen.push(pair);
    }
    chosen
}

fn pair(
    (better, value): (&Judged, f64),
    (worse, than): (&Judged, f64),
    asked: &Asked,
    options: Options,
    labels: &Labels,
) -> Pair {
    let certainty = match opinion(better, worse, options.rule) {
        Some(Opinion::Likely(likely)) => Some(likely.max(0.5)),
        // A tie is one however sure of it somebody is.
        _ if value == than => Some(0.5),
        _ => better.certainty.map(|certainty| certainty.max(0.5)),
    };
    let mut labels = labels.clone();
    let mut label = |name: &str, value: String| labels.insert(name.to_owned(), value);
    label("problem", asked.id.clone());
    label(CLUSTER, asked.cluster.clone());
    label("rule", options.rule.name().to_owned());
    label("seed", options.seed.to_string());
    for (side, answer) in [("chosen", better), ("rejected", worse)] {
        label(&format!("{side}_policy_version"), answer.step.to_string());
        label(&format!("{side}_sample"), answer.sample.to_string());
        if let Some((passed, total)) = answer.tests {
            label(&format!("{side}_passed"), format!("{passed}/{total}"));
        }
        if options.rule == Rule::Score {
            label(&format!("{side}_score"), answer.score.to_string());
        }
    }
    Pair {
        prompt: Said::plain(&asked.prompt),
        chosen: Said::plain(&better.text),
        rejected: Said::plain(&worse.text),
        margin: None,
        certainty,
        labels,
    }
}

#[cfg(test)]
mod tests;
