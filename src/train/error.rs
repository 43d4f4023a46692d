//! Why a round could not be played or learnt from, in the words a person reads.

use crate::batch::NotSampled;
use crate::config::ConfigError;
use crate::policy::PolicyError;
use crate::policy::engine::EngineError;
use crate::run::RunError;
use crate::tinker::TinkerError;

/// Why a round could not be played or learnt from.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The policy could not speak.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The serving engine could not be given the weights.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The server that trains can't.
    #[error(transparent)]
    Tinker(#[from] TinkerError),
    /// Whoever watches said to stop, before a weight was moved.
    #[error("failed to go on: it was told to stop")]
    Stopped,
    /// An episode is text alone.
    #[error(transparent)]
    NotSampled(#[from] NotSampled),
    /// There is nothing to learn from.
    #[error("failed to learn: the objective needs {what}, and there are none")]
    NoData {
        /// What there is none of.
        what: &'static str,
    },
    /// The stored answer to a problem is longer than the policy can read.
    #[error(
        "failed to use the stored answer to {problem_id:?}: with its prompt it has {tokens} tokens, and the policy's context holds {context}; store a shorter one (baselines)"
    )]
    LongStored {
        /// The problem.
        problem_id: String,
        /// Tokens of prompt and answer.
        tokens: usize,
        /// Tokens that the context holds.
        context: usize,
    },
    /// Steps are to be rewarded, and no judge says anything of them.
    #[error(
        "failed to reward steps (objective.settings.step_weight): no judge has said anything of a step of an answer; add one that does, kind = \"process_model\""
    )]
    NoSteps,
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The run's folder can't be written or read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Sampler and trainer don't compute the same policy.
    #[error(
        "failed to learn from round {round}: sampler and trainer differ by {mean:.3e} in the log-probability of a token, on average of {tokens} of which none counts as more than 1, and by a KL of {kl:.3e} (at most by {largest:.3e}; {:.1}% of the tokens are twice as likely to one); objective.max_sampler_gap is {bound}, objective.max_sampler_kl is {kl_bound}. No weight was moved. What samples and what trains must be the same weights at the same temperature; raise the bounds only for a sampler that is known to be less exact", 100.0 * outliers
    )]
    SamplerGap {
        /// Round, counted from zero.
        round: usize,
        /// Mean difference of a token, none of which counts as more than 1.
        mean: f64,
        /// KL a token, counted so.
        kl: f64,
        /// Largest difference of a token.
        largest: f64,
        /// Share of tokens that one finds twice as likely as the other.
        outliers: f64,
        /// Tokens compared.
        tokens: usize,
        /// The mean that was allowed.
        bound: f64,
        /// The KL that was allowed.
        kl_bound: f64,
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
    /// What the policy says is mostly nothing to learn from.
    #[error(
        "failed to learn: of the first {answers} answers {cut} were cut at the limit of {limit} tokens and {silent} more hold no program; resources.max_unusable_rate allows {bound} of them. No weight was moved; {advice}, or go on all the same with resources.max_unusable_rate = 1"
    )]
    Unusable {
        /// Answers seen.
        answers: usize,
        /// Those cut at the limit.
        cut: usize,
        /// The limit.
        limit: usize,
        /// Those that were not cut and hold no program.
        silent: usize,
        /// What was allowed.
        bound: f64,
        /// What to set.
        advice: String,
    },
    /// Too much of a round was lost to learn from the rest.
    #[error(
        "failed to learn from round {round}: of {played} episodes {answers} were lost because the policy gave no answer, {verdicts} because the judge gave no verdict, {unsupported} need what the isolation lacks, and {no_opinion} are without an opinion of a judge that counts{bound}. No weight was moved; see the warnings above"
    )]
    Lost {
        /// Round, counted from zero.
        round: usize,
        /// Episodes that were begun.
        played: usize,
        /// Lost by the policy's server, or for want of room.
        answers: usize,
        /// Lost by the sandbox or another judge.
        verdicts: usize,
        /// Not judged under this isolation.
        unsupported: usize,
        /// Without an opinion of a judge whose word counts.
        no_opinion: usize,
        /// What was allowed, in words.
        bound: String,
    },
}

impl TrainError {
    /// Whether the run's own settings stand in the way, so that to continue it would not help.
    pub const fn is_of_settings(&self) -> bool {
        matches!(self, Self::Unusable { .. })
    }

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
