//! Problems → episodes, by whoever samples for a learner.

use std::collections::HashSet;

use super::learner::Learner;
use super::{Data, TrainError, draw, filter};
use crate::config::TrainConfig;
use crate::judge::Judge;
use crate::objective::Material;
use crate::policy::ModelPolicy;
use crate::policy::engine::EnginePolicy;
use crate::problem::Problem;
use crate::rollout::{self, Group, RolloutStats};

/// Plays a round's problems. Where the objective selects nothing of a group, another problem is drawn for it, as often as the
/// objective's needs say.
pub(super) fn play_round(
    learner: &mut Learner,
    judge: &dyn Judge,
    data: Data<'_>,
    config: &TrainConfig,
    round: usize,
) -> Result<(Vec<Group>, RolloutStats), TrainError> {
    learner.sync_weights()?;
    let problems = data.problems;
    let drawn = draw::problems(data, learner.rates.as_ref(), config, round);
    let seed = |redraw| draw::sampling_seed(config, round, redraw);
    let (mut groups, mut stats) = play(learner, judge, &drawn, config, seed(0))?;
    for redraw in 1..=learner.objective.needs().redraws {
        let selected = selected(learner, &groups, config)?;
        let missing = drawn.len().saturating_sub(selected);
        let taken = |problem: &Problem| groups.iter().any(|group| group.problem_id == problem.id);
        let more = draw::further(problems, taken, missing, config, (round, redraw));
        if more.is_empty() {
            break;
        }
        let (more, cost) = play(learner, judge, &more, config, seed(redraw))?;
        groups.extend(more);
        stats.add(&cost);
    }
    Ok((groups, stats))
}

/// Groups of which the objective selects something.
fn selected(
    learner: &Learner,
    groups: &[Group],
    config: &TrainConfig,
) -> Result<usize, TrainError> {
    let material = Material::of_groups(groups, &config.reward)?;
    let units = filter::selected(&*learner.objective, &material, config);
    let candidates = units.iter().flatten();
    let groups: HashSet<usize> = candidates
        .map(|&index| material.candidates()[index].group)
        .collect();
    Ok(groups.len())
}

/// Plays the drawn problems with the learner's policy as it is now.
fn play(
    learner: &mut Learner,
    judge: &dyn Judge,
    drawn: &[&Problem],
    config: &TrainConfig,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), TrainError> {
    let rule = config.reward.rule().with_weights(&config.judges);
    let played = if let Some(engine) = &learner.engine {
        let sampler = EnginePolicy {
            engine,
            tokenizer: &learner.tokenizer,
            context: learner.policy.config.max_position_embeddings,
            vocabulary: learner.policy.config.vocab_size,
        };
        rollout::play_scored(&sampler, judge, drawn, &config.rollout, &rule, seed)?
    } else {
        let sampler = ModelPolicy {
            decoder: &learner.policy,
            tokenizer: &learner.tokenizer,
            batch: config.resources.sampling_batch,
        };
        rollout::play_scored(&sampler, judge, drawn, &config.rollout, &rule, seed)?
    };
    Ok(played)
}
