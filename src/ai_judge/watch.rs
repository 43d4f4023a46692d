//! What a model as judge did, and how far it can be trusted: tokens, answers that are no opinion, comparisons that turn with the
//! order in which two answers are shown, the longer one's share, and agreement with the tests. Told at the end of a run; past a bound
//! the judge is not believed any more.

use std::collections::BTreeMap;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::answer::Silence;
use super::config::AiConfig;
use crate::server::{Prices, Usage};
use crate::statistics::{normal_quantile, wilson};

/// Of so few nothing is concluded.
const FEWEST: f64 = 10.0;

/// Keeps watch over a judge, from many threads.
#[derive(Debug)]
pub(super) struct Watch {
    name: &'static str,
    bounds: Bounds,
    prices: Option<Prices>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct Bounds {
    flips: f64,
    no_opinion: f64,
    longer: f64,
    agreement: f64,
}

/// A comparison of two answers, the one that was given first and the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Compared {
    /// How likely the first is better where it is shown first.
    pub(super) forth: f64,
    /// The same where it is shown second; nothing where it was not.
    pub(super) back: Option<f64>,
    /// Whether the first is the longer one; nothing where both are as long.
    pub(super) first_is_longer: Option<bool>,
    /// Whether the first is the one that the judge would likelier give itself; nothing where that is not known.
    pub(super) first_is_own: Option<bool>,
    /// Whether the first passes its tests and the other fails; nothing where both do alike, or it is not known.
    pub(super) first_is_right: Option<bool>,
}

impl Compared {
    /// How likely the first is better, the orders averaged (Lee et al. 2023, section 3.1).
    pub(super) fn share(&self) -> f64 {
        self.back
            .map_or(self.forth, |back| f64::midpoint(self.forth, back))
    }
}

/// A score, with what is known of its answer.
#[derive(Clone, Copy, Debug)]
struct Scored {
    value: f64,
    characters: usize,
    is_right: Option<bool>,
}

#[derive(Debug, Default)]
struct State {
    usage: Usage,
    said: f64,
    by_tokens: f64,
    silent: BTreeMap<&'static str, usize>,
    /// Comparisons in both orders, those of them that turn, and how likely the answer shown first is said to be better.
    both: (f64, f64, f64),
    /// Comparisons that prefer one of two answers of unlike length, and those of them that prefer the longer.
    longer: (f64, f64),
    /// Comparisons that prefer one of two answers that the judge would not give alike, and those of them that prefer its own.
    own: (f64, f64),
    /// Comparisons of a right answer with a wrong one, and those of them that prefer the right one; ties count half.
    right: (f64, f64),
    /// Scores by problem and answer.
    scored: BTreeMap<(String, u64), Scored>,
}

impl Watch {
    pub(super) fn new(name: &'static str, config: &AiConfig) -> Self {
        Self {
            name,
            bounds: Bounds {
                flips: config.max_flips,
                no_opinion: config.max_no_opinion,
                longer: config.max_longer,
                agreement: config.min_agreement,
            },
            prices: config.prices(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers are added whole, so poisoned ones are still sound.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what was asked and charged.
    pub(super) fn asked(&self, usage: &Usage) {
        self.lock().usage.add(usage);
    }

    /// Counts an opinion.
    pub(super) fn said(&self, by_tokens: bool) {
        let mut state = self.lock();
        state.said += 1.0;
        state.by_tokens += f64::from(u8::from(by_tokens));
    }

    /// Counts a question that came to none.
    pub(super) fn silent(&self, silence: &Silence) {
        let kind = match silence {
            Silence::Refused(_) => "refused",
            Silence::Cut => "cut at the limit",
            Silence::Unreadable(_) => "unreadable",
        };
        *self.lock().silent.entry(kind).or_default() += 1;
    }

    /// Counts a comparison.
    pub(super) fn compared(&self, one: Compared) {
        let mut state = self.lock();
        if let Some(back) = one.back {
            state.both.0 += 1.0;
            // What it says of the first answer in the one order it denies in the other.
            let turns = (one.forth - 0.5) * (back - 0.5) < 0.0;
            state.both.1 += f64::from(u8::from(turns));
            state.both.2 += f64::midpoint(one.forth, 1.0 - back);
        }
        let share = one.share();
        if let Some(longer) = one.first_is_longer
            && share != 0.5
        {
            state.longer.0 += 1.0;
            state.longer.1 += f64::from(u8::from((share > 0.5) == longer));
        }
        if let Some(own) = one.first_is_own
            && share != 0.5
        {
            state.own.0 += 1.0;
            state.own.1 += f64::from(u8::from((share > 0.5) == own));
        }
        if let Some(right) = one.first_is_right {
            let of_right = if right { share } else { 1.0 - share };
            state.right.0 += 1.0;
            state.right.1 += match of_right.total_cmp(&0.5) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }

    /// Notes the score of an answer.
    pub(super) fn scored(&self, problem: &str, text: &str, value: f64) {
        let scored = Scored {
            value,
            characters: text.chars().count(),
            is_right: None,
        };
        let key = (problem.to_owned(), hash_of(text));
        self.lock().scored.insert(key, scored);
    }

    /// Notes what the tests say of an answer that was scored.
    pub(super) fn graded(&self, problem: &str, text: &str, is_right: bool) {
        let key = (problem.to_owned(), hash_of(text));
        if let Some(scored) = self.lock().scored.get_mut(&key) {
            scored.is_right = Some(is_right);
        }
    }

    /// Why the judge is not to be believed any more: what is measured, and even the end of its interval that is kinder, is past a
    /// bound.
    pub(super) fn fault(&self) -> Option<String> {
        let state = self.lock();
        let bounds = self.bounds;
        let asked = state.said + state.silent();
        let above = |what: &str, hits: f64, n: f64, bound: f64, key: &str| {
            (n >= FEWEST && interval(hits, n).0 > bound).then(|| {
                format!(
                    "{what} in {:.0} of {n:.0} ({:.0}%), and {key} is {bound}",
                    hits,
                    100.0 * hits / n
                )
            })
        };
        let agreement = state.agreement();
        let below = (agreement.0 >= FEWEST
            && interval(agreement.1, agreement.0).1 < bounds.agreement)
            .then(|| {
                format!(
                    "of {:.0} pairs with one right answer it prefers that one in {:.1}, and min_agreement is {}",
                    agreement.0, agreement.1, bounds.agreement
                )
            });
        let turned = "what it prefers turns with the order in which answers are shown";
        let fault = above(
            turned,
            state.both.1,
            state.both.0,
            bounds.flips,
            "max_flips",
        )
        .or_else(|| {
            above(
                "it has no opinion",
                state.silent(),
                asked,
                bounds.no_opinion,
                "max_no_opinion",
            )
        })
        .or_else(|| {
            above(
                "it prefers the longer answer",
                state.longer.1,
                state.longer.0,
                bounds.longer,
                "max_longer",
            )
        })
        .or(below)?;
        Some(format!(
            "{fault}; take another model or prompt, or another bound"
        ))
    }

    /// What there is to say of it, a line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let state = self.lock();
        let usage = state.usage.clone().priced(self.prices);
        let mut notes = Vec::new();
        let mut note = |words: String| notes.push(format!("{}: {words}", self.name));
        let counted =
            |tokens: Option<u64>| tokens.map_or("unknown".to_owned(), |tokens| tokens.to_string());
        let mut asked = format!(
            "{} questions asked, {} tokens read and {} written",
            usage.answers,
            counted(usage.prompt_tokens),
            counted(usage.completion_tokens)
        );
        if let Some(cost) = usage.cost {
            asked = format!("{asked}, {cost:.4} at the prices given");
        }
        note(asked);
        let kinds: Vec<String> = (state.silent.iter())
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let kinds = if kinds.is_empty() {
            "none".to_owned()
        } else {
            kinds.join(", ")
        };
        note(format!(
            "{:.0} opinions, {:.0} of them by token probabilities; without one: {kinds}",
            state.said, state.by_tokens
        ));
        let (both, flips, first) = state.both;
        if both > 0.0 {
            note(format!(
                "position: {} of {both:.0} comparisons turn with the order; the answer shown first is held better with {:.3} on average",
                share(flips, both),
                first / both
            ));
        }
        let (apart, longer) = state.longer;
        if apart > 0.0 {
            note(format!(
                "length: the longer answer wins {} of {apart:.0} comparisons",
                share(longer, apart)
            ));
        }
        let (apart, own) = state.own;
        if apart > 0.0 {
            note(format!(
                "self: the answer that it would likelier give itself wins {} of {apart:.0} comparisons",
                share(own, apart)
            ));
        }
        if let Some(slope) = state.correlation() {
            note(format!(
                "length: scores and characters correlate by {slope:.2}"
            ));
        }
        let (pairs, right) = state.agreement();
        if pairs > 0.0 {
            note(format!(
                "tests: of {pairs:.0} pairs with one right answer it prefers that one in {}",
                share(right, pairs)
            ));
        }
        drop(state);
        if let Some(fault) = self.fault() {
            note(format!("not to be trusted: {fault}"));
        }
        notes
    }
}

/// Names a text: a run has many, and their words are not needed again.
fn hash_of(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Wilson's interval of 95%.
fn interval(hits: f64, n: f64) -> (f64, f64) {
    wilson(hits, n, normal_quantile(0.975))
}

fn share(hits: f64, n: f64) -> String {
    let (low, high) = interval(hits, n);
    format!(
        "{:.0}% [{:.0}, {:.0}]",
        100.0 * hits / n,
        100.0 * low,
        100.0 * high
    )
}

impl State {
    fn silent(&self) -> f64 {
        self.silent.values().sum::<usize>() as f64
    }

    /// Pairs of a right and a wrong answer to one problem, and in how many of them the right one is preferred; ties count half.
    fn agreement(&self) -> (f64, f64) {
        let (mut pairs, mut right) = self.right;
        let mut by_problem: BTreeMap<&str, Vec<&Scored>> = BTreeMap::new();
        for ((problem, _), scored) in &self.scored {
            by_problem.entry(problem).or_default().push(scored);
        }
        for scored in by_problem.values() {
            let of = |is_right: bool| {
                scored
                    .iter()
                    .filter(move |one| one.is_right == Some(is_right))
            };
            for good in of(true) {
                for bad in of(false) {
                    pairs += 1.0;
                    right += match good.value.total_cmp(&bad.value) {
                        _ if good.value == bad.value => 0.5,
                        std::cmp::Ordering::Greater => 1.0,
                        _ => 0.0,
                    };
                }
            }
        }
        (pairs, right)
    }

    /// Pearson's correlation of scores with characters; nothing of few answers, or where either is always the same.
    fn correlation(&self) -> Option<f64> {
        let points: Vec<(f64, f64)> = (self.scored.values())
            .map(|one| (one.value, one.characters as f64))
            .collect();
        if (points.len() as f64) < FEWEST {
            return None;
        }
        let n = points.len() as f64;
        let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
        let (value, characters) = (mean(&|point| point.0), mean(&|point| point.1));
        let product = |of: &dyn Fn(f64, f64) -> f64| {
            points
                .iter()
                .map(|point| of(point.0 - value, point.1 - characters))
                .sum::<f64>()
        };
        let both = product(&|one, other| one * other);
        let squares = product(&|one, _| one * one) * product(&|_, other| other * other);
        (squares > 0.0).then(|| both / squares.sqrt())
    }
}

#[cfg(test)]
mod tests;
