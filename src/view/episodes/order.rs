//! Which episodes of a table, and in which order. Pure: a page of 200,000 is found without sorting all of them.

use std::cmp::Ordering;

use super::table::{Found, Row};
use crate::verdict::Grade;

/// What episodes are put in order by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// As they were played.
    #[default]
    Played,
    /// By their problem's id.
    Problem,
    /// By policy version.
    Step,
    /// By the sum of their rewards.
    Reward,
    /// By the number of turns.
    Turns,
    /// By the length of all answers.
    Length,
}

/// What is asked for. Nothing in it means anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// A part of the problem's id.
    pub problem: String,
    /// Policy versions from here.
    pub from: Option<u32>,
    /// Policy versions to here.
    pub to: Option<u32>,
    /// What all tests say; `Some(None)` asks for those that were lost.
    pub grade: Option<Option<Grade>>,
    /// Solved at this turn; 0 for never.
    pub solved_at: Option<u16>,
    /// Reward of at least this.
    pub least: Option<f32>,
    /// Reward of at most this.
    pub most: Option<f32>,
    /// Order.
    pub key: Key,
    /// From the largest.
    pub descending: bool,
    /// Episodes that are passed over.
    pub skip: usize,
    /// Episodes of a page.
    pub take: usize,
}

impl Query {
    /// Whether it asks for what is known only once an episode was read.
    pub fn needs_facts(&self) -> bool {
        let filters = self.grade.is_some()
            || self.solved_at.is_some()
            || self.least.is_some()
            || self.most.is_some();
        filters || matches!(self.key, Key::Reward | Key::Turns | Key::Length)
    }

    fn takes(&self, row: &Row) -> bool {
        let facts = &row.facts;
        if self.needs_facts() && !facts.is_known {
            return false;
        }
        self.from.is_none_or(|from| row.step >= from)
            && self.to.is_none_or(|to| row.step <= to)
            && self.grade.is_none_or(|grade| facts.grade == grade)
            && self.solved_at.is_none_or(|turn| facts.solved_at == turn)
            && self.least.is_none_or(|least| facts.reward >= least)
            && self.most.is_none_or(|most| facts.reward <= most)
    }
}

pub(super) fn find(rows: &[Row], names: &[String], query: &Query) -> Found {
    let wanted = query.problem.to_lowercase();
    let named: Vec<bool> = names
        .iter()
        .map(|name| name.to_lowercase().contains(&wanted))
        .collect();
    let takes = |row: &Row| named[row.problem as usize] && query.takes(row);
    let mut all: Vec<u32> = (0..rows.len() as u32)
        .filter(|&number| takes(&rows[number as usize]))
        .collect();
    let count = all.len();
    // The place of each problem among the sorted ids, so that texts are compared once a problem.
    let mut places = Vec::new();
    if query.key == Key::Problem {
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&one, &other| names[one].cmp(&names[other]));
        places = vec![0; names.len()];
        for (place, &number) in order.iter().enumerate() {
            places[number] = place;
        }
    }
    let compare = |one: &u32, other: &u32| {
        let (a, b) = (&rows[*one as usize], &rows[*other as usize]);
        let order = match query.key {
            Key::Played => Ordering::Equal,
            Key::Problem => places[a.problem as usize].cmp(&places[b.problem as usize]),
            Key::Step => a.step.cmp(&b.step),
            Key::Reward => by_reward(a.facts.reward, b.facts.reward, query.descending),
            Key::Turns => a.facts.turns.cmp(&b.facts.turns),
            Key::Length => a.facts.bytes.cmp(&b.facts.bytes),
        };
        let order = order.then(one.cmp(other));
        if query.descending {
            order.reverse()
        } else {
            order
        }
    };
    let end = (query.skip + query.take).min(count);
    if query.skip >= end {
        return Found {
            count,
            numbers: Vec::new(),
        };
    }
    if end < count {
        all.select_nth_unstable_by(end - 1, compare);
    }
    let first = &mut all[..end];
    if query.skip > 0 {
        first.select_nth_unstable_by(query.skip, compare);
    }
    let page = &mut first[query.skip..];
    page.sort_unstable_by(compare);
    Found {
        count,
        numbers: page.iter().map(|&number| number as usize).collect(),
    }
}

/// Without a reward comes last, whichever way.
fn by_reward(one: f32, other: f32, descending: bool) -> Ordering {
    match (one.is_nan(), other.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) if descending => Ordering::Less,
        (false, true) if !descending => Ordering::Less,
        (true, false) | (false, true) => Ordering::Greater,
        (false, false) => one.total_cmp(&other),
    }
}
