//! An evaluation that is watched: its progress on a terminal, and its report in words.

use std::sync::Arc;

use super::super::progress::Progress;
use super::super::watched::{Doing, Watched};
use crate::eval::Report;
use crate::eval::play::{EvalError, Play};
use crate::judge::Judge;
use crate::policy::Policy;
use crate::problem::{Problem, contest};
use crate::rollout::{Group, RolloutConfig};
use crate::train::Phase;

/// A report with what the problems allow.
pub fn describe(name: &str, problems: &[Problem], report: &Report) -> String {
    match contest::parse_spec(name) {
        Some(_) => format!("{}\n{report}", contest::summary(problems)),
        None => report.to_string(),
    }
}

/// Plays all problems without a journal, and reports on them together.
pub fn evaluate(
    policy: &dyn Policy,
    judge: &dyn Judge,
    problems: &[Problem],
    config: &RolloutConfig,
    seed: u64,
) -> anyhow::Result<(Vec<Group>, Report)> {
    let play = Play {
        judge,
        journal: None,
        problems,
        config,
        seed,
    };
    shown(&play, policy)
}

/// Plays a policy and shows how far it is.
pub(super) fn shown(play: &Play<'_>, policy: &dyn Policy) -> anyhow::Result<(Vec<Group>, Report)> {
    let doing = Arc::new(Doing::default());
    doing.begin(Phase::Playing);
    let judge = Watched {
        judge: play.judge,
        doing: Arc::clone(&doing),
        interrupts: None,
    };
    let play = &Play {
        judge: &judge,
        ..*play
    };
    let meter = Arc::new(move || doing.words());
    let mut progress =
        Progress::watching("evaluating", "problem", play.problems.len() as u64, meter);
    let played = play.with(policy, &mut |done, so_far| {
        progress.set(done as u64, &so_far.so_far(play.config.turns));
    });
    // What went wrong is told for itself, so that its kind is still known.
    let played = played.map_err(|error| match error {
        EvalError::Policy(error) => anyhow::Error::from(error),
        EvalError::Journal(error) => error.into(),
    })?;
    progress.finish();
    Ok(played)
}
