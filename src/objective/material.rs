//! What a round has to learn from, before an objective chooses: rows in groups, with their rewards where they were played.

use std::ops::Range;

use crate::advantage;
use crate::batch::{NotSampled, Row};
use crate::episode::Episode;
use crate::examples::Example;
use crate::reward::{self, RewardConfig};
use crate::rollout::Group;

/// Candidates whose rows stay together: neither a shuffle nor a micro-batch takes them apart.
pub type Unit = Vec<usize>;

/// One row that could be learnt from.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Its tokens and answers.
    pub row: Row<'a>,
    /// The episode it is, where it was played.
    pub episode: Option<&'a Episode>,
    /// The reward of each answer, without any term that needs log-probabilities; empty where nothing was rewarded.
    pub rewards: Vec<f64>,
    /// Index of its group.
    pub group: usize,
    /// Whether it is the stored answer to the group's problem, which nobody played in this round.
    pub is_stored: bool,
}

impl Candidate<'_> {
    /// The sum of its rewards.
    pub fn total(&self) -> f64 {
        let returns = advantage::returns(&self.rewards);
        returns.first().copied().unwrap_or(0.0)
    }

    /// What its last answer is worth.
    pub fn worth(&self) -> f64 {
        self.rewards.last().copied().unwrap_or(0.0)
    }

    /// Whether its last answer meets all constraints.
    pub fn is_feasible(&self) -> bool {
        self.episode
            .is_none_or(|episode| episode.standing.is_feasible())
    }

    /// The calibrated reward `σ(r(s, a) - r(s, ā))` of its last answer beside the stored one (CGPO, arXiv 2409.20370, equation 3);
    /// 1/2 for the stored answer itself.
    ///
    /// # Panics
    /// Where what the stored answer is worth was not asked for.
    pub fn calibrated(&self) -> f64 {
        let Some(episode) = self.episode else {
            return 0.5;
        };
        let stored = episode.standing.stored;
        let stored = stored.expect("needs().stored asks what the stored answer is worth");
        1.0 / (1.0 + (stored - self.worth()).exp())
    }
}

/// All that could be learnt from.
#[derive(Clone, Debug, Default)]
pub struct Material<'a> {
    candidates: Vec<Candidate<'a>>,
    groups: Vec<Range<usize>>,
}

impl<'a> Material<'a> {
    /// The episodes that are data, with their rewards. Whatever was lost is left out, and its group has fewer candidates. An
    /// episode that is text alone is refused.
    pub fn of_groups(groups: &'a [Group], config: &RewardConfig) -> Result<Self, NotSampled> {
        let mut material = Self::default();
        for group in groups {
            let first = material.candidates.len();
            for episode in &group.episodes {
                if let Some(rewards) = reward::score(episode, config) {
                    material.candidates.push(Candidate {
                        row: Row::try_from(episode)?,
                        episode: Some(episode),
                        rewards,
                        group: material.groups.len(),
                        is_stored: false,
                    });
                }
            }
            material.groups.push(first..material.candidates.len());
        }
        Ok(material)
    }

    /// Adds examples of a data set, each as a group of its rows.
    pub fn add_examples(&mut self, examples: &[&'a Example]) {
        for example in examples {
            let first = self.candidates.len();
            let group = self.groups.len();
            self.candidates.extend(example.rows().map(|row| Candidate {
                row,
                episode: None,
                rewards: Vec::new(),
                group,
                is_stored: false,
            }));
            // A label is what its answer was rewarded with; the row beside it has none.
            if let Some(label) = example.label() {
                self.candidates[first].rewards = vec![if label { 1.0 } else { -1.0 }];
            }
            self.groups.push(first..self.candidates.len());
        }
    }

    /// Adds the stored answer to the problem of a group, which is a candidate of no group: whoever learns from it asks for it by
    /// [`Material::stored`].
    pub fn store(&mut self, group: usize, row: Row<'a>) {
        self.candidates.push(Candidate {
            row,
            episode: None,
            rewards: Vec::new(),
            group,
            is_stored: true,
        });
    }

    /// The candidate that is the stored answer to a group's problem, where one was added.
    pub fn stored(&self, group: usize) -> Option<usize> {
        let mut all = self.candidates.iter();
        all.position(|candidate| candidate.is_stored && candidate.group == group)
    }

    /// All candidates, by group.
    pub fn candidates(&self) -> &[Candidate<'a>] {
        &self.candidates
    }

    /// The candidates of each group.
    pub fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// Every candidate of a group as a unit of its own.
    pub fn each_alone(&self) -> Vec<Unit> {
        let grouped = self.groups.iter().flat_map(Clone::clone);
        grouped.map(|index| vec![index]).collect()
    }

    /// Every group with a candidate as a unit: its rows stay together.
    pub fn whole_groups(&self) -> Vec<Unit> {
        let groups = self.groups.iter().filter(|group| !group.is_empty());
        groups.map(|group| group.clone().collect()).collect()
    }

    /// The rows of units, unit by unit.
    pub fn rows_of(&self, units: &[Unit]) -> impl Iterator<Item = Vec<Row<'a>>> {
        units.iter().map(|unit| {
            let rows = unit.iter().map(|&index| self.candidates[index].row.clone());
            rows.collect()
        })
    }

    /// The group of each unit, by the first of its candidates.
    pub fn groups_of(&self, units: &[Unit]) -> Vec<usize> {
        let first = units.iter().map(|unit| unit.first());
        first
            .map(|index| index.map_or(0, |&index| self.candidates[index].group))
            .collect()
    }

    /// Whether any of a group's candidates has another reward than the first.
    pub fn varies(&self, group: usize) -> bool {
        let rewards = self.totals(group);
        rewards.iter().any(|reward| *reward != rewards[0])
    }

    /// The total reward of each candidate of a group.
    pub fn totals(&self, group: usize) -> Vec<f64> {
        let candidates = &self.candidates[self.groups[group].clone()];
        candidates.iter().map(Candidate::total).collect()
    }
}
