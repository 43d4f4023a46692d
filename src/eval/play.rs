//! A policy and problems → the episodes it played and what they say, a slice of the problems at a time. With a journal nothing
//! is asked or judged that is in it.

use std::collections::BTreeMap;

use super::journal::{EvalJournal, JournalledJudge, JournalledPolicy};
use super::{Report, report};
use crate::journal::JournalError;
use crate::judge::Judge;
use crate::policy::{Policy, PolicyError};
use crate::problem::Problem;
use crate::rollout::{self, Group, RolloutConfig, RolloutStats};

/// Problems played side by side, after which progress shows.
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
pub type OnProgress<'a> = &'a mut dyn FnMut(usize, &Report);

/// Is given the groups of a slice and what they took, which it may correct.
type OnSlice<'a> = &'a mut dyn FnMut(&[Group], &mut RolloutStats) -> Result<(), EvalError>;

impl Play<'_> {
    /// Plays `policy`, into the journal where there is one.
    pub fn with(
        &self,
        policy: &dyn Policy,
        on_progress: OnProgress<'_>,
    ) -> Result<(Vec<Group>, Report), EvalError> {
        let Some(journal) = self.journal else {
            return self.each(policy, self.judge, &mut |_, _| Ok(()), on_progress);
        };
        let judge = JournalledJudge {
            judge: self.judge,
            journal,
        };
        let policy = JournalledPolicy { policy, journal };
        self.each(
            &policy,
            &judge,
            &mut |groups, stats| {
                if journal.is_stopped() {
                    return Err(PolicyError::Stopped.into());
                }
                // What was found there took no time here.
                let (tokens, programs) = journal.take_found();
                stats.tokens = stats.tokens.saturating_sub(tokens);
                stats.programs = stats.programs.saturating_sub(programs);
                Ok(journal.keep_episodes(groups)?)
            },
            on_progress,
        )
    }

    fn each(
        &self,
        policy: &dyn Policy,
        judge: &dyn Judge,
        on_slice: OnSlice<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<(Vec<Group>, Report), EvalError> {
        let (problems, config, seed) = (self.problems, self.config, self.seed);
        let mut groups = Vec::with_capacity(problems.len());
        let mut total = RolloutStats::default();
        for slice in problems.chunks(SLICE) {
            let some: Vec<&Problem> = slice.iter().collect();
            let (more, mut stats) = rollout::play(policy, judge, &some, config, seed)?;
            on_slice(&more, &mut stats)?;
            groups.extend(more);
            total.add(&stats);
            let so_far = report(&groups, problems, config.turns, &total, seed);
            on_progress(groups.len(), &so_far);
        }
        let report = report(&groups, problems, config.turns, &total, seed);
        Ok((groups, report))
    }
}

/// What judges besides the tests said of whole answers: the mean of each one's scores, and how many there are.
pub fn mean_scores(groups: &[Group]) -> BTreeMap<String, (f64, usize)> {
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    let episodes = groups.iter().flat_map(|group| &group.episodes);
    for score in (episodes.flat_map(|episode| &episode.turns))
        .flat_map(|turn| &turn.scores)
        .filter(|score| score.span.is_none())
    {
        let (sum, count) = sums.entry(score.judge.clone()).or_default();
        *sum += score.value;
        *count += 1;
    }
    for (sum, count) in sums.values_mut() {
        *sum /= *count as f64;
    }
    sums
}
