//! Labels of several sources over the same answers, side by side: tests, people, models as judges, reward models. How often two
//! agree beyond chance, whether ratings say what choices say, who is strong by each of them, and what length and place do to them.
//!
//! What was asked together (a problem's cluster) is drawn whole in every interval.

mod agreement;
mod compared;
mod intervals;
mod krippendorff;
mod page;
mod report;
mod source;
mod strength;
mod table;

pub(crate) use agreement::{Both, kappa};
pub use compared::{Comparison, Labelling};
pub use krippendorff::{Distance, alpha};
pub use page::page;
pub use report::Report;
pub use source::{Answers, Choice, Source, SourceError};
pub use strength::{Competitor, elo};

/// How sources are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Pairs of answers to one prompt at most.
    pub most: usize,
    /// Draws of an interval.
    pub draws: usize,
    /// Names all draws.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            most: 500,
            draws: 1000,
            seed: 1,
        }
    }
}

#[cfg(test)]
mod tests;
