//! What can propose a program: `model` samples here, `engine` asks a server for ids to learn from, `tinker` one that trains, too,
//! `remote` one for text, and
//! `replay` reads completions that somebody else made. All say text; ids come only from those who sample ids.

pub mod engine;
mod model;
pub mod queue;
pub mod remote;
pub mod replay;
mod side_by_side;
pub mod tinker;

use crate::checkpoint::tokenizer::{Place, Tokenizer, TokenizerError};
use crate::completion::{Completion, Sampling};
use crate::dialogue::Message;
pub use crate::server::LostAnswer;
use crate::server::ServerError;
pub use model::ModelPolicy;
pub use queue::{Next, SampleQueue, Wait, sample_all, sample_each};

/// One completion asked of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRequest {
    /// The problem being played.
    pub problem_id: String,
    /// Which of the group's episodes.
    pub sample: usize,
    /// Turn, counted from zero.
    pub turn: usize,
    /// What was said so far; the policy speaks next.
    pub dialogue: Vec<Message>,
    /// The same as ids, for a policy that takes ids.
    pub prefix: Option<Vec<u32>>,
    /// How many of the ids are the first message, which all episodes of the problem share.
    pub opening: usize,
    /// Seed of this completion.
    pub seed: u64,
}

/// Why a policy could not speak.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Text ↔ ids failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A replayed policy has nothing to say here.
    #[error(
        "failed to replay turn {turn} of sample {sample} of {problem_id}: the file holds no such completion"
    )]
    Missing {
        /// The problem.
        problem_id: String,
        /// The sample.
        sample: usize,
        /// The turn, counted from one.
        turn: usize,
    },
    /// A server can't be used.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// It was told to stop.
    #[error("failed to go on: it was told to stop")]
    Stopped,
    /// The policy's own numbers are none.
    #[error(
        "failed to sample: the policy's log-probability of a token is {found}, not a finite number (problem {problem_id:?}, turn {turn}); its weights have left the range in which they compute anything: use an earlier checkpoint"
    )]
    NotFinite {
        /// The problem.
        problem_id: String,
        /// The turn, counted from one.
        turn: usize,
        /// What was found.
        found: f32,
    },
}

/// What a policy said, or why this one answer is missing while others come.
pub type Sample = Result<Completion, LostAnswer>;

/// How a dialogue becomes ids, for a policy that takes ids.
#[derive(Clone, Copy)]
pub struct Ids<'a> {
    /// Text ↔ ids.
    pub tokenizer: &'a Tokenizer,
    /// Ids an episode may hold.
    pub context: usize,
}

impl Ids<'_> {
    /// The ids of one message to the policy, ending where the policy is to speak.
    pub fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.tokenizer.message(place, text)
    }
}

/// What can propose a program.
pub trait Policy: Sync {
    /// How it takes ids; none where it takes text alone.
    fn ids(&self) -> Option<Ids<'_>> {
        None
    }
    /// Samples what the queue gives until it is closed. An error is one after which no request can be answered; where it
    /// returns before the queue is closed, it was told to stop.
    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError>;
}

/// Whether a prompt leaves room for an answer.
pub fn fits(prompt: usize, sampling: &Sampling, context: usize) -> bool {
    prompt
        .checked_add(sampling.max_tokens)
        .is_some_and(|needed| needed <= context)
}
