//! An episode while it is played: its text, and its ids where the policy takes ids.

use std::sync::Arc;

use super::{FeedbackSource, RolloutConfig};
use crate::checkpoint::tokenizer::{Place, TokenizerError};
use crate::completion::Completion;
use crate::dialogue::Message;
use crate::environment::Play;
use crate::episode::{Episode, Opening, StopReason};
use crate::policy::{Ids, SampleRequest};

/// An episode that is being played.
pub(super) struct Live<'a> {
    pub(super) play: Play<'a>,
    pub(super) episode: Episode,
}

impl<'a> Live<'a> {
    /// Before its first turn; `prompt` are the ids of the first message, `text` is what it says.
    pub(super) fn new(play: Play<'a>, sample: usize, prompt: Vec<u32>, text: Arc<str>) -> Self {
        let problem = play.problem();
        let opening = Opening {
            text,
            public_tests: problem.public_tests.len(),
        };
        Self {
            episode: Episode {
                opening,
                ..Episode::start(problem.id.clone(), sample, prompt)
            },
            play,
        }
    }

    /// What the policy is asked next.
    pub(super) fn request(&self, seed: u64, with_ids: bool) -> SampleRequest {
        let (episode, turns) = (&self.episode, self.play.turns());
        let is_one_dialogue = self.play.config().feedback.is_one_dialogue();
        let mut dialogue = vec![Message::user(&*episode.opening.text)];
        for turn in turns.iter().filter(|_| is_one_dialogue) {
            dialogue.push(Message::assistant(&turn.text));
            dialogue.push(Message::user(&turn.feedback));
        }
        let first = episode.turns.first();
        let opening = first.map_or(episode.tokens.len(), |first| first.prompt_end);
        let shown = if is_one_dialogue {
            episode.tokens.len()
        } else {
            opening
        };
        SampleRequest {
            problem_id: episode.problem_id.clone(),
            sample: episode.sample,
            turn: turns.len(),
            dialogue,
            prefix: with_ids.then(|| episode.tokens[..shown].to_vec()),
            opening,
            seed: stream(seed, &episode.problem_id, episode.sample, turns.len()),
        }
    }

    /// Takes the completion whose text was judged, unless the judgement was lost.
    pub(super) fn push(&mut self, completion: Completion) {
        if self.play.stop() != Some(StopReason::Aborted) {
            self.episode.push(completion);
        }
    }

    /// Opens the next turn with what is said before it, or ends the episode where that leaves no room for an answer.
    pub(super) fn tell(
        &mut self,
        text: String,
        ids: Option<Ids<'_>>,
        config: &RolloutConfig,
    ) -> Result<(), TokenizerError> {
        let fits = match ids {
            Some(ids) => self.episode.answer(
                &ids.message(Place::Reply, &text)?,
                ids.tokenizer.end,
                config.sampling.max_tokens,
                ids.context,
            ),
            // Whoever takes text knows its own limit, and refuses what is longer.
            None => true,
        };
        if fits {
            self.play.tell(text);
        } else {
            self.play.cut();
        }
        Ok(())
    }

    /// What is said before the next turn; none where every turn is a fresh answer, or where another episode says it.
    pub(super) fn next_message(&self) -> Option<String> {
        match self.play.config().feedback {
            FeedbackSource::Independent | FeedbackSource::Random => None,
            _ => Some(self.play.next_message()),
        }
    }

    pub(super) fn into_episode(self) -> Episode {
        let (rewards, terms) = (self.play.rewards(), self.play.terms());
        let (played, stop, outcome) = self.play.into_parts();
        let episode = self.episode.ended(played, stop, outcome, rewards);
        Episode { terms, ..episode }
    }
}

/// The seed of one completion: a hash of what names it, so that it doesn't depend on what else is sampled, or when.
fn stream(seed: u64, problem_id: &str, sample: usize, turn: usize) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update((sample as u64).to_le_bytes())
        .chain_update((turn as u64).to_le_bytes())
        .chain_update(problem_id.as_bytes())
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |value, &byte| (value << 8) | u64::from(byte))
}
