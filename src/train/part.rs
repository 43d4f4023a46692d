//! A task's part of a round, once it was played: what its objective chose, in updates.

use super::metrics::{self, RoundMetrics};
use super::sample::Sampled;
use super::second::{self, SecondBatches};
use super::stored::StoredAnswer;
use super::{Learner, Task, TrainError, checks, draw, filter};
use crate::batch::Batch;
use crate::objective::{Material, Stored, Unit};
use crate::rollout::Group;

/// What one task's updates of a round are made of.
pub(super) struct Part<'a> {
    /// The task.
    pub(super) task: &'a Task<'a>,
    /// All that could be learnt from.
    pub(super) material: Material<'a>,
    /// What the objective chose of it.
    pub(super) units: Vec<Unit>,
    /// The rows of that.
    pub(super) batch: Batch,
    /// The units of the batch that each update learns from.
    pub(super) minibatches: Vec<Vec<usize>>,
    /// What the updates learn from besides.
    pub(super) second: SecondBatches,
}

/// The stored answers to the problems of these groups that a task may learn, by group.
pub(super) fn learnable(
    learner: &Learner,
    task: &Task<'_>,
    groups: &[Group],
) -> Vec<(usize, StoredAnswer)> {
    if task.objective.needs().stored != Stored::Learnt {
        return Vec::new();
    }
    let stored = groups.iter().enumerate().filter_map(|(number, group)| {
        let answer = learner.stored.of(&group.problem_id)?;
        answer.is_feasible().then(|| (number, answer.clone()))
    });
    stored.collect()
}

/// The tasks' parts of what was played and what is measured of each; refused where too much was lost, or in the first round where
/// most answers are of no use.
pub(super) fn of_tasks<'a>(
    tasks: &'a [Task<'a>],
    played: &'a [Sampled],
    round: usize,
) -> Result<(Vec<Part<'a>>, Vec<RoundMetrics>), TrainError> {
    let (mut parts, mut all) = (Vec::new(), Vec::new());
    for (task, (groups, stats)) in tasks.iter().zip(played) {
        let part = Part::new(task, groups, round)?;
        let metrics = RoundMetrics {
            round,
            ..metrics::describe(groups, &part.material, stats)
        };
        checks::enough_was_played(&metrics, stats, groups, &part.material, task.config)?;
        if round == 0 {
            checks::usable(groups, task.config)?;
        }
        parts.push(part);
        all.push(metrics);
    }
    Ok((parts, all))
}

impl<'a> Part<'a> {
    /// Of what was played, or of the examples that are drawn for the round.
    fn new(task: &'a Task<'a>, groups: &'a [Group], round: usize) -> Result<Self, TrainError> {
        let config = task.config;
        let mut material = Material::of_groups(groups, &config.reward)?;
        material.add_examples(&draw::items(task.data.examples, config, round));
        Ok(Self {
            task,
            material,
            units: Vec::new(),
            batch: Batch::default(),
            minibatches: Vec::new(),
            second: SecondBatches::default(),
        })
    }

    /// Has the objective choose, of what was played and of stored answers.
    pub(super) fn choose(&mut self, stored: &'a [(usize, StoredAnswer)], round: usize) {
        let (config, objective) = (self.task.config, &*self.task.objective);
        for (group, answer) in stored {
            self.material.store(*group, answer.row());
        }
        self.units = filter::selected(objective, &self.material, config);
        let values_at = objective.needs().values;
        let values_at = values_at.map_or_else(Default::default, |values| values.at);
        let rows = self.material.rows_of(&self.units);
        self.batch = Batch::of_units(rows).with_values_at(values_at);
        self.minibatches = draw::minibatches(&self.material.groups_of(&self.units), config, round);
        let updates = self.minibatches.len();
        self.second = second::draw(objective, self.task.data.second, updates, config, round);
    }
}
