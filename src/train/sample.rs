//! Problems → episodes, by whoever samples for a learner.

use std::collections::HashSet;

use super::learner::Learner;
use super::observer::{Observer, stop_if_told};
use super::{Task, TrainError, draw, filter, steps, stored};
use crate::objective::{Material, Source};
use crate::problem::Problem;
use crate::rollout::{self, Group, RolloutStats};

/// What was played of a task, by problem, and what that took.
pub(super) type Sampled = (Vec<Group>, RolloutStats);

/// Plays a round's problems of all tasks; what each came to, and what all took.
pub(super) fn play_tasks(
    learner: &mut Learner,
    tasks: &[Task<'_>],
    round: usize,
    observer: &mut dyn Observer,
) -> Result<(Vec<Sampled>, RolloutStats), TrainError> {
    let (mut played, mut cost) = (Vec::with_capacity(tasks.len()), RolloutStats::default());
    for task in tasks {
        let of_task = match task.objective.needs().source {
            Source::Episodes => play_round(learner, task, round)?,
            Source::Examples(_) => (Vec::new(), RolloutStats::default()),
        };
        cost.add(&of_task.1);
        played.push(of_task);
        stop_if_told(observer)?;
    }
    Ok((played, cost))
}

/// Plays a round's problems of a task. Where its objective selects nothing of a group, another problem is drawn for it, as often as
/// the objective's needs say.
fn play_round(learner: &mut Learner, task: &Task<'_>, round: usize) -> Result<Sampled, TrainError> {
    learner.sync_weights()?;
    let (config, problems) = (task.config, task.data.problems);
    let drawn = draw::problems(task.data, learner.rates.as_ref(), config, round);
    let seed = |redraw| draw::sampling_seed(config, round, redraw);
    let (mut groups, mut stats) = play(learner, task, &drawn, seed(0))?;
    for redraw in 1..=task.objective.needs().redraws {
        let selected = selected(task, &groups)?;
        let missing = drawn.len().saturating_sub(selected);
        let taken = |problem: &Problem| groups.iter().any(|group| group.problem_id == problem.id);
        let more = draw::further(problems, taken, missing, config, (round, redraw));
        if more.is_empty() {
            break;
        }
        let (more, cost) = play(learner, task, &more, seed(redraw))?;
        groups.extend(more);
        stats.add(&cost);
    }
    Ok((groups, stats))
}

/// Groups of which the objective selects something.
fn selected(task: &Task<'_>, groups: &[Group]) -> Result<usize, TrainError> {
    let material = Material::of_groups(groups, &task.config.reward)?;
    let units = filter::selected(&*task.objective, &material, task.config);
    let candidates = units.iter().flatten();
    let groups: HashSet<usize> = candidates
        .map(|&index| material.candidates()[index].group)
        .collect();
    Ok(groups.len())
}

/// Plays the drawn problems with the learner's policy as it is now, and says how each episode stands.
fn play(
    learner: &mut Learner,
    task: &Task<'_>,
    drawn: &[&Problem],
    seed: u64,
) -> Result<Sampled, TrainError> {
    let (config, judge) = (task.config, task.judge);
    let cost = stored::ensure(learner, task, drawn)?;
    let rule = config.reward.rule().with_weights(&config.judges);
    let sampler = learner.speaker(config.resources.sampling_batch);
    let (mut groups, mut stats) =
        rollout::play_scored(&*sampler, judge, drawn, &config.rollout, &rule, seed)?;
    drop(sampler);
    stats.add(&cost);
    stored::stand(learner, task, &mut groups);
    if task.objective.needs().steps {
        steps::note(&mut groups, &learner.tokenizer)?;
    }
    Ok((groups, stats))
}
