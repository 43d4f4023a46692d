//! Problems → Groups of Episodes: many environments played side by side by one policy. Every episode goes its own way: its
//! answer is judged as soon as it is there, and its next turn sampled as soon as there is room. What is judged, said and worth
//! what is the environment's; here are the tokens.
//!
//! Every draw is named by the seed, the problem, the sample and the turn, and groups come in the order of the problems: with a
//! policy whose answers depend on its requests alone, as one that is sampled here on the CPU and recorded answers do, the
//! episodes and their journal are the same whatever finishes first.

mod groups;
mod judging;
mod live;
mod once;
mod stage;
mod stats;
mod strangers;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::checkpoint::tokenizer::Place;
use crate::completion::Sampling;
pub use crate::environment::{COMPACT_FEEDBACK, FeedbackSource, PublicTests, turn_scope};
use crate::environment::{Play, PlayConfig, RewardRule};
use crate::episode::Episode;
use crate::judge::{Judge, Keys};
use crate::policy::{Policy, PolicyError};
use crate::problem::Problem;
use crate::prompt::PromptStyle;
use crate::verdict::Grade;
use live::Live;
use once::Once;
use stage::Stage;
pub use stats::RolloutStats;
use strangers::Strangers;

/// The episodes of one problem, whose rewards are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The problem.
    pub problem_id: String,
    /// Its episodes, by sample.
    pub episodes: Vec<Episode>,
}

/// How episodes are played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolloutConfig {
    /// Episodes per problem in a round; the paper doesn't say how many of its 1024 are of one.
    pub group: usize,
    /// Completions per episode at most; the paper's is 3 (section 3.1).
    pub turns: usize,
    /// Temperature, cuts, length and stop texts.
    pub sampling: Sampling,
    /// Wording of prompts and feedback: `compact`, the bare statement and one short failing case, for small policies that learnt
    /// that form, or `full`, which asks for a fenced program as the paper's do (appendix C).
    pub style: PromptStyle,
    /// Whose feedback is shown: `real`, or for ablations `silent`, `random` or `self_repair`.
    pub feedback: FeedbackSource,
    /// Which public tests an answer is run on: `needed`, those up to the first failure where feedback shows no more, or `all`,
    /// so that a journal counts those it passes.
    pub public_tests: PublicTests,
    /// Rounds that sampling may be ahead of learning: round k + 1 is sampled while round k is learnt where it is 1. 0 samples each
    /// round from what all before it have taught, and is the same journal for the same seed; above it, which version a round is
    /// sampled from depends on what takes how long.
    #[serde(skip_serializing_if = "crate::completion::is_zero")]
    pub max_staleness: usize,
}

impl Default for RolloutConfig {
    /// As in the paper, with the short wording that small policies learn from.
    fn default() -> Self {
        Self {
            group: 2,
            turns: 3,
            sampling: Sampling::default(),
            style: PromptStyle::Compact,
            feedback: FeedbackSource::Real,
            public_tests: PublicTests::Needed,
            max_staleness: 0,
        }
    }
}

/// Is given each group, in the order of the problems, and what all cost until then; says whether to go on.
pub type OnGroup<'a> = &'a mut (dyn FnMut(Group, &RolloutStats) -> ControlFlow<()> + Send);

/// Plays `config.group` episodes of each problem. `seed` names the round: equal seeds give equal draws. Episodes carry the
/// rewards of the paper.
pub fn play(
    policy: &dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    config: &RolloutConfig,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), PolicyError> {
    play_scored(
        policy,
        judge,
        problems,
        config,
        &RewardRule::default(),
        seed,
    )
}

/// [`play`], with episodes that carry the rewards of `rule`.
pub fn play_scored(
    policy: &dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    config: &RolloutConfig,
    rule: &RewardRule,
    seed: u64,
) -> Result<(Vec<Group>, RolloutStats), PolicyError> {
    let mut groups = Vec::with_capacity(problems.len());
    let stats = play_each(
        policy,
        judge,
        problems,
        (config, rule),
        seed,
        &mut |group, _| {
            groups.push(group);
            ControlFlow::Continue(())
        },
    )?;
    Ok((groups, stats))
}

/// [`play_scored`], and hands over each group in the order of the problems, as soon as it and all before it are over. Ends with
/// [`PolicyError::Stopped`] where whoever takes them says so.
pub fn play_each(
    policy: &dyn Policy,
    judge: &dyn Judge,
    problems: &[&Problem],
    (config, rule): (&RolloutConfig, &RewardRule),
    seed: u64,
    on_group: OnGroup<'_>,
) -> Result<RolloutStats, PolicyError> {
    let game = PlayConfig {
        turns: config.turns,
        style: config.style,
        feedback: config.feedback,
        public_tests: config.public_tests,
        rewards: rule.clone(),
    };
    let ids = policy.ids();
    let mut lives = Vec::with_capacity(problems.len() * config.group);
    for problem in problems {
        let play = Play::open(problem, &game);
        let text: Arc<str> = play.opening().into();
        let prompt = ids.map(|ids| ids.message(Place::Opening, &text));
        let prompt = prompt.transpose()?.unwrap_or_default();
        let begin = |sample| Live::new(play.clone(), sample, prompt.clone(), Arc::clone(&text));
        lives.extend((0..config.group).map(begin));
    }
    let strangers = (config.feedback == FeedbackSource::Random)
        .then(|| Strangers::new(seed, kin(problems, config.group)));
    let workers = if judge.is_batched() {
        1
    } else {
        judge.workers().clamp(1, lives.len().max(1))
    };
    let keys = Keys::among(problems.iter().copied());
    let parts = (Once::new(judge, keys), config, ids, seed);
    let stage = Stage::new(lives, strangers, parts, on_group);
    std::thread::scope(|threads| {
        for _ in 0..workers {
            threads.spawn(|| judging::work(&stage));
        }
        let sampled = policy.sample(&stage, &config.sampling);
        if let Err(error) = sampled {
            stage.fail(error);
            stage.cancel.cancel();
        }
        stage.close();
    });
    stage.end()
}

/// Of each episode the number of its problem's cluster: what plays one statement is told alike.
fn kin(problems: &[&Problem], group: usize) -> Vec<usize> {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let of_problems = problems.iter().map(|problem| {
        let next = numbers.len();
        *numbers.entry(problem.cluster()).or_insert(next)
    });
    of_problems
        .flat_map(|number| std::iter::repeat_n(number, group))
        .collect()
}

/// Counts of grades of the last answers.
pub fn histogram(groups: &[Group]) -> std::collections::BTreeMap<Grade, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for verdict in groups
        .iter()
        .flat_map(|group| &group.episodes)
        .filter_map(|episode| episode.outcome.as_ref())
    {
        *counts.entry(verdict.grade).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
