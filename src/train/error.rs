//! Why a round could not be played or learnt from, in the words a person reads.

use crate::batch::NotSampled;
use crate::config::ConfigError;
use crate::policy::PolicyError;
use crate::policy::engine::EngineError;
use crate::run::RunError;

/// Why a round could not be played or learnt from.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The policy could not speak.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The serving engine could not be given the weights.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An episode is text alone.
    #[error(transparent)]
    NotSampled(#[from] NotSampled),
    /// There is nothing to learn from.
    #[error("failed to learn: the objective needs {what}, and there are none")]
    NoData {
        /// What there is none of.
        what: &'static str,
    },
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run's folder can't be written or read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Sampler and trainer don't compute the same policy.
    #[error(
        "failed to learn from round {round}: sampler and trainer differ by {largest:.3e} in the log-probability of a token, by {mean:.3e} on average of {tokens}; objective.max_sampler_gap is {bound}. No weight was moved. What samples and what trains must be the same weights at the same temperature; raise the bound only for a sampler that is known to be less exact"
    )]
    SamplerGap {
        /// Round, counted from zero.
        round: usize,
        /// Largest difference of a token.
        largest: f64,
        /// Mean difference.
        mean: f64,
        /// Tokens compared.
        tokens: usize,
        /// What was allowed.
        bound: f64,
    },
    /// A number that the losses are made of is not finite.
    #[error(
        "failed to learn from round {round}: {what} is {found}, not a finite number. No weight was moved by it; {remedy}"
    )]
    NotFinite {
        /// Round, counted from zero.
        round: usize,
        /// What it is.
        what: &'static str,
        /// What was found.
        found: f32,
        /// What to do.
        remedy: &'static str,
    },
    /// No update can be taken any more.
    #[error(
        "failed to go on: the gradient of the {network} was not a finite number in {in_a_row} updates in a row. None of them moved a weight, and no checkpoint is made of what is left; lower the learning rate, or bound the gradient with max_gradient_norm, and start again from an earlier checkpoint"
    )]
    Diverged {
        /// Whose gradient.
        network: &'static str,
        /// Updates passed over in a row.
        in_a_row: usize,
    },
    /// Too much of a round was lost to learn from the rest.
    #[error(
        "failed to learn from round {round}: of {played} episodes {answers} were lost because the policy gave no answer, {verdicts} because the sandbox gave no verdict, and {unsupported} need what the isolation lacks{bound}. No weight was moved; see the warnings above"
    )]
    Lost {
        /// Round, counted from zero.
        round: usize,
        /// Episodes that were begun.
        played: usize,
        /// Lost by the policy's server, or for want of room.
        answers: usize,
        /// Lost by the sandbox.
        verdicts: usize,
        /// Not judged under this isolation.
        unsupported: usize,
        /// What was allowed, in words.
        bound: String,
    },
}

impl TrainError {
    /// Whether the weights themselves are in doubt, so that no checkpoint should be made of them.
    pub fn is_of_weights(&self) -> bool {
        matches!(
            self,
            Self::NotFinite { .. }
                | Self::Diverged { .. }
                | Self::Policy(PolicyError::NotFinite { .. })
        )
    }
}
