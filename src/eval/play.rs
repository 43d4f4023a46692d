//! A policy and problems → the episodes it played and what they say. All problems are played at once; what is over is kept and
//! told a slice at a time, in the order of the problems. With a journal nothing is asked or judged that is in it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::journal::{EvalJournal, JournalledJudge, JournalledPolicy};
use super::{Report, report};
use crate::environment::RewardRule;
use crate::journal::JournalError;
use crate::judge::Judge;
use crate::policy::{Policy, PolicyError};
use crate::problem::Problem;
use crate::rollout::{self, Group, RolloutConfig, RolloutStats};

/// Problems after which what was played is kept and progress shows.
const SLICE: usize = 64;

/// Why an evaluation could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The policy failed, or it was told to stop.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Everything an evaluation is played with, but for the policy.
pub struct Play<'a> {
    /// Who judges.
    pub judge: &'a dyn Judge,
    /// Where answers and judgements are kept, if they are.
    pub journal: Option<&'a EvalJournal>,
    /// What is played.
    pub problems: &'a [Problem],
    /// How.
    pub config: &'a RolloutConfig,
    /// Names all draws.
    pub seed: u64,
}

/// Is told how many problems are played, and what they say so far.
pub type OnProgress<'a> = &'a mut (dyn FnMut(usize, &Report) + Send);

impl Play<'_> {
    /// Plays `policy`, into the journal where there is one.
    pub fn with(
        &self,
        policy: &dyn Policy,
        on_progress: OnProgress<'_>,
    ) -> Result<(Vec<Group>, Report), EvalError> {
        let Some(journal) = self.journal else {
            return self.each(policy, self.judge, on_progress);
        };
        let judge = JournalledJudge {
            judge: self.judge,
            journal,
        };
        let policy = JournalledPolicy { policy, journal };
        self.each(&policy, &judge, on_progress)
    }

    fn each(
        &self,
        policy: &dyn Policy,
        judge: &dyn Judge,
        on_progress: OnProgress<'_>,
    ) -> Result<(Vec<Group>, Report), EvalError> {
        let (problems, config, seed) = (self.problems, self.config, self.seed);
        let some: Vec<&Problem> = problems.iter().collect();
        let mut groups: Vec<Group> = Vec::with_capacity(problems.len());
        let mut kept = 0;
        let mut unwritten = None;
        let stats = rollout::play_each(
            policy,
            judge,
            &some,
            (config, &RewardRule::default()),
            seed,
            &mut |group, stats| {
                groups.push(group);
                if groups.len().is_multiple_of(SLICE) {
                    unwritten = self.keep(&groups[kept..]).err();
                    kept = groups.len();
                    let stats = self.found_here(stats);
                    let so_far = report(&groups, problems, config.turns, &stats, seed);
                    on_progress(groups.len(), &so_far);
                }
                // What can't be kept is not paid for.
                match unwritten {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                }
            },
        );
        if let Some(error) = unwritten {
            return Err(error.into());
        }
        let stats = stats?;
        if self.journal.is_some_and(EvalJournal::is_stopped) {
            return Err(PolicyError::Stopped.into());
        }
        self.keep(&groups[kept..])?;
        let report = report(
            &groups,
            problems,
            config.turns,
            &self.found_here(&stats),
            seed,
        );
        on_progress(groups.len(), &report);
        Ok((groups, report))
    }

    /// Writes what was played into the journal, where there is one.
    fn keep(&self, groups: &[Group]) -> Result<(), JournalError> {
        self.journal
            .map_or(Ok(()), |journal| journal.keep_episodes(groups))
    }

    /// The cost of what was done here: what was found in the journal took no time.
    fn found_here(&self, stats: &RolloutStats) -> RolloutStats {
        let (tokens, programs) = self.journal.map_or((0, 0), EvalJournal::found);
        RolloutStats {
            tokens: stats.tokens.saturating_sub(tokens),
            programs: stats.programs.saturating_sub(programs),
            ..stats.clone()
        }
    }
}

/// What judges besides the tests said of whole answers: the mean of each one's scores, and how many there are; answers on which
/// it has no opinion are not among them.
pub fn mean_scores(groups: &[Group]) -> BTreeMap<String, (f64, usize)> {
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    let episodes = groups.iter().flat_map(|group| &group.episodes);
    for score in (episodes.flat_map(|episode| &episode.turns))
        .flat_map(|turn| &turn.scores)
        .filter(|score| score.span.is_none())
    {
        let (sum, count) = sums.entry(score.judge.clone()).or_default();
        if let Some(value) = score.value {
            *sum += value;
            *count += 1;
        }
    }
    for (sum, count) in sums.values_mut() {
        *sum /= (*count).max(1) as f64;
    }
    sums
}
