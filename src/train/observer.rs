//! What a run tells whoever watches it, and how that one stops it.

use super::{RoundMetrics, RoundTimings, TrainError, Validated};
use crate::eval::Report;
use crate::run::RunError;

/// Watches a run, from whichever thread something is done on. A run that nobody watches takes `&mut ()`.
pub trait Observer: Send {
    /// Is told what happens, as it does.
    fn on(&mut self, event: Event<'_>);
    /// Whether to end: at once as long as the round has moved no weight, else after it.
    fn stop(&self) -> bool;
}

impl Observer for () {
    fn on(&mut self, _: Event<'_>) {}

    fn stop(&self) -> bool {
        false
    }
}

/// What happens in a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An evaluation begins. It keeps nothing until it is done.
    Evaluating {
        /// On so many problems.
        problems: usize,
        /// Which one.
        stage: Stage,
    },
    /// A part of it is done.
    Evaluated {
        /// Problems so far.
        problems: usize,
        /// What they say.
        report: &'a Report,
    },
    /// The report could not be saved; an error follows.
    Unsaved(&'a Report),
    /// Rounds begin.
    Training {
        /// So many in all.
        rounds: usize,
    },
    /// Another part of a round begins.
    Phase(Phase),
    /// A round was played, learnt from and recorded.
    Round {
        /// Rounds done.
        rounds: usize,
        /// What it did.
        metrics: &'a RoundMetrics,
        /// Where its seconds went.
        timings: &'a RoundTimings,
    },
    /// No checkpoint is made: the last update had no finite gradient.
    NoCheckpoint {
        /// Rounds done.
        rounds: usize,
    },
    /// The policy was validated.
    Validated(&'a Validated),
    /// A round failed before it moved a weight; an error follows.
    Failed {
        /// Why the checkpoint of the rounds before it failed, too, where it did.
        also: Option<&'a RunError>,
        /// Whether the run can be continued once that is mended.
        resumable: bool,
    },
    /// All rounds are done.
    Trained,
    /// The evaluation after, and the one before, where it can be read.
    Compared {
        /// Before the first round.
        before: Option<&'a Report>,
        /// After the last.
        after: &'a Report,
    },
}

/// When an evaluation is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the first round.
    Before,
    /// Between rounds, of which some may not be saved yet.
    Between,
    /// After the last one.
    After,
}

/// A part of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Answers are sampled and judged.
    Playing,
    /// What is known of them is read.
    Scoring,
    /// Weights are moved.
    Updating {
        /// The update, counted from one.
        update: usize,
        /// Of so many.
        updates: usize,
    },
    /// The round is over.
    Done,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With its last round.
    Done,
    /// Before it, as the observer said.
    Stopped {
        /// Rounds done.
        rounds: usize,
    },
}

/// Ends a round that has moved no weight, where whoever watches says so.
pub(super) fn stop_if_told(observer: &dyn Observer) -> Result<(), TrainError> {
    if observer.stop() {
        return Err(TrainError::Stopped);
    }
    Ok(())
}
