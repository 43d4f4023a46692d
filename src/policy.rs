//! What can propose a program: `ModelPolicy` samples here, `engine` asks a server for ids to learn from, `remote` one for text, and
//! `replay` reads completions that somebody else made.

pub mod engine;
pub mod remote;
pub mod replay;

use crate::checkpoint::stop_text::StopTexts;
use crate::checkpoint::tokenizer::{Place, Tokenizer, TokenizerError};
use crate::completion::{Completion, Sampling};
use crate::model::decoder::Decoder;
use crate::model::sampler::{self, Request};

/// One completion asked of a policy.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The problem being played.
    pub problem_id: &'a str,
    /// Which of the group's episodes.
    pub sample: usize,
    /// Turn, counted from zero.
    pub turn: usize,
    /// All ids of the episode so far.
    pub prefix: &'a [u32],
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
    Remote(#[from] remote::RemoteError),
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

/// Why one answer is missing while others came: its episode is no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LostAnswer(pub String);

/// What a policy said, as ids and as text.
pub type Answer = Result<(Completion, String), LostAnswer>;

/// Is given the place of an ask, its answer and what a server charged for it; says whether to go on.
pub type Heard<'a> = &'a mut (dyn FnMut(usize, &Answer, Option<&remote::Usage>) -> bool + Send);

/// What can propose a program.
pub trait Policy {
    /// The ids of one message to the policy, ending where the policy is to speak.
    fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError>;
    /// What the policy says to each, in order; an error is one that no ask could be answered after.
    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError>;
    /// The same, and hands over each answer as it comes. Where `heard` says so, nothing new is begun, and once what is under
    /// way has been handed over the answer is [`PolicyError::Stopped`].
    fn propose_each(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
        heard: Heard<'_>,
    ) -> Result<Vec<Answer>, PolicyError> {
        let answers = self.propose(asks, sampling)?;
        let all = answers
            .iter()
            .enumerate()
            .all(|(place, answer)| heard(place, answer, None));
        if all {
            Ok(answers)
        } else {
            Err(PolicyError::Stopped)
        }
    }
    /// Id that ends a message.
    fn end(&self) -> u32;
    /// Ids an episode may hold.
    fn context(&self) -> usize;
}

/// Whether a prompt leaves room for an answer.
pub fn fits(prompt: usize, sampling: &Sampling, context: usize) -> bool {
    prompt
        .checked_add(sampling.max_tokens)
        .is_some_and(|needed| needed <= context)
}

/// Parts asks that leave room for an answer from those that don't: the first by place, and what is said to the others.
fn fitting(
    asks: &[Ask<'_>],
    sampling: &Sampling,
    context: usize,
) -> (Vec<usize>, Vec<Option<Answer>>) {
    let lost = asks.iter().map(|ask| {
        (!fits(ask.prefix.len(), sampling, context)).then(|| {
            Err(LostAnswer(format!(
                "its prompt of {} tokens and {} for the answer exceed the context of {context}; lower max_tokens or use a policy with a longer context",
                ask.prefix.len(),
                sampling.max_tokens
            )))
        })
    });
    let lost: Vec<Option<Answer>> = lost.collect();
    let fit = (0..asks.len()).filter(|&place| lost[place].is_none());
    (fit.collect(), lost)
}

/// Puts the answers to the asks that fit where they belong.
fn joined(
    lost: Vec<Option<Answer>>,
    answers: impl IntoIterator<Item = Result<Answer, PolicyError>>,
) -> Result<Vec<Answer>, PolicyError> {
    let mut answers = answers.into_iter();
    lost.into_iter()
        .map_while(|lost| lost.map(Ok).or_else(|| answers.next()))
        .collect()
}

/// Refuses a completion whose log-probabilities are not all finite: nothing it says means anything.
fn sound(ask: &Ask<'_>, completion: &Completion) -> Result<(), PolicyError> {
    let bad = completion
        .sampler_logprobs
        .iter()
        .find(|value| !value.is_finite());
    bad.map_or(Ok(()), |&found| {
        Err(PolicyError::NotFinite {
            problem_id: ask.problem_id.to_owned(),
            turn: ask.turn + 1,
            found,
        })
    })
}

/// A decoder with its tokenizer.
pub struct ModelPolicy<'a> {
    /// The weights it samples from.
    pub decoder: &'a Decoder,
    /// Its tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Rows sampled side by side.
    pub batch: usize,
}

impl Policy for ModelPolicy<'_> {
    fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.tokenizer.message(place, text)
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        let (fit, lost) = fitting(asks, sampling, self.context());
        let requests: Vec<Request> = fit
            .iter()
            .map(|&place| Request {
                prefix: asks[place].prefix.to_vec(),
                seed: asks[place].seed,
            })
            .collect();
        if requests.is_empty() {
            return joined(lost, std::iter::empty());
        }
        let stops = StopTexts::new(&sampling.stop, self.tokenizer);
        let drawn = sampler::sample_until(
            self.decoder,
            &requests,
            sampling,
            &self.tokenizer.ends,
            &|tokens| stops.are_reached_by(tokens),
            self.batch,
        );
        let answers =
            fit.iter()
                .zip(drawn)
                .map(|(&place, completion)| -> Result<Answer, PolicyError> {
                    sound(&asks[place], &completion)?;
                    let text = self.tokenizer.decode(&completion.tokens)?;
                    Ok(Ok((completion, stops.before(text))))
                });
        joined(lost, answers)
    }

    /// A batch at a time, so that little is lost where it is stopped.
    fn propose_each(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
        heard: Heard<'_>,
    ) -> Result<Vec<Answer>, PolicyError> {
        let mut answers = Vec::with_capacity(asks.len());
        for part in asks.chunks(self.batch.max(1)) {
            for answer in self.propose(part, sampling)? {
                if !heard(answers.len(), &answer, None) {
                    return Err(PolicyError::Stopped);
                }
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    fn end(&self) -> u32 {
        self.tokenizer.end
    }

    fn context(&self) -> usize {
        self.decoder.config.max_position_embeddings
    }
}
