//! What an objective needs of a round. Memory, configuration, metrics and the loop ask this and not for its name.

use super::config::ValueHead;
use crate::batch::ValuesAt;

/// Everything that must be there before an objective can learn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needs {
    /// What it learns from.
    pub source: Source,
    /// Whether it compares the policy with the frozen reference.
    pub reference: bool,
    /// The values it takes as a baseline, if it does.
    pub values: Option<Values>,
    /// What it needs the policy's log-probabilities from before the updates for.
    pub old: Old,
    /// Episodes of one problem at least.
    pub least_group: usize,
    /// What it takes of the stored answer to each problem.
    pub stored: Stored,
    /// Whether it rewards what judges say of the steps of an answer.
    pub steps: bool,
    /// Times at most that a round draws other problems for groups of which nothing was selected.
    pub redraws: usize,
}

/// What is learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Groups of episodes that the policy plays.
    Episodes,
    /// Examples of a data set.
    Examples(Shape),
}

/// What one example of a data set is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Two answers to one prompt, the preferred one first.
    Pairs,
    /// An answer that is labelled good or bad, and beside it another prompt's answer, which is never learnt.
    Labelled,
    /// An answer to a prompt, or a text of which every token is learnt.
    Texts,
}

impl Shape {
    /// What such examples are called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pairs => "pairs",
            Self::Labelled => "labelled answers",
            Self::Texts => "texts",
        }
    }

    /// Rows of one example.
    pub const fn rows(self) -> usize {
        match self {
            Self::Pairs | Self::Labelled => 2,
            Self::Texts => 1,
        }
    }
}

/// What is taken of the stored answer to each problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing.
    Unused,
    /// What it is worth, which answers are compared with.
    Compared,
    /// The answer as well, which may be learnt.
    Learnt,
}

/// For what the log-probabilities from before the updates are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// For nothing.
    Never,
    /// For the ratio in the loss. Where a round has a single update, that update's own pass gives them.
    ForLoss,
    /// For the credit, so that they must be known before any update.
    ForCredit,
}

/// Values, and how they are learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// What reads them.
    pub head: ValueHead,
    /// Where they are read.
    pub at: ValuesAt,
    /// How far they may move from the old ones before the loss stops rewarding it.
    pub clip: f64,
    /// What their loss counts beside the policy's where the head is shared.
    pub coefficient: f64,
    /// Rounds at the start that train them alone.
    pub warmup_rounds: usize,
}

impl Needs {
    /// A policy gradient on episodes without values or reference, whose loss has a ratio.
    pub const POLICY_GRADIENT: Self = Self {
        source: Source::Episodes,
        reference: false,
        values: None,
        old: Old::ForLoss,
        least_group: 1,
        stored: Stored::Unused,
        steps: false,
        redraws: 0,
    };
}
