//! Episodes as they end → groups, handed over in the order of the problems.

use super::live::Live;
use super::stats::RolloutStats;
use super::{Group, OnGroup};
use crate::episode::Episode;

/// The groups of a rollout.
pub(super) struct Groups<'a> {
    size: usize,
    problem_ids: Vec<String>,
    /// Episodes that are over, by place.
    over: Vec<Option<Episode>>,
    /// Episodes of each group that are not over.
    left: Vec<usize>,
    /// The first group that was not handed over.
    next: usize,
    on_group: OnGroup<'a>,
    /// Whether whoever takes them wants no more.
    broken: bool,
}

impl<'a> Groups<'a> {
    /// Of episodes that follow each other by problem, `size` of each.
    pub(super) fn new(lives: &[Live<'_>], size: usize, on_group: OnGroup<'a>) -> Self {
        let firsts = lives.chunks(size.max(1)).map(|group| &group[0]);
        let problem_ids: Vec<String> = firsts.map(|live| live.play.problem().id.clone()).collect();
        Self {
            size: size.max(1),
            over: lives.iter().map(|_| None).collect(),
            left: vec![size; problem_ids.len()],
            problem_ids,
            next: 0,
            on_group,
            broken: false,
        }
    }

    /// Whether all were handed over.
    pub(super) fn are_done(&self) -> bool {
        self.next == self.left.len()
    }

    /// Whether whoever takes them wants no more.
    pub(super) fn are_broken(&self) -> bool {
        self.broken
    }

    /// Takes an episode that is over, and hands over what is complete. Gives the problem where its last episode is over.
    pub(super) fn take(
        &mut self,
        place: usize,
        episode: Episode,
        stats: &RolloutStats,
    ) -> Option<String> {
        let group = place / self.size;
        self.over[place] = Some(episode);
        self.left[group] -= 1;
        if self.left[group] > 0 {
            return None;
        }
        while !self.broken && self.left.get(self.next) == Some(&0) {
            let places = self.next * self.size..(self.next + 1) * self.size;
            let episodes = self.over[places].iter_mut().filter_map(Option::take);
            let group = Group {
                problem_id: self.problem_ids[self.next].clone(),
                episodes: episodes.collect(),
            };
            self.broken = (self.on_group)(group, stats).is_break();
            self.next += 1;
        }
        Some(self.problem_ids[group].clone())
    }
}
