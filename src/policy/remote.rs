//! A policy behind an OpenAI-compatible server: dialogues → answers as text, some of them side by side. A server gives text and
//! no ids, so nothing can be learnt from what it says.

use std::sync::{Mutex, PoisonError};

use super::queue::SampleQueue;
use super::side_by_side::{self, Taken};
use super::{Policy, PolicyError, SampleRequest};
use crate::completion::{Completion, FinishReason, Sampling};
use crate::dialogue::Message;
use crate::server::interface::{CHAT, COMPLETIONS, Options, Question, Reply};
use crate::server::{Prices, Server, ServerConfig, ServerError, Usage};

/// What of a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// `/chat/completions`: messages in, a message out.
    #[default]
    Chat,
    /// `/completions`: text in, what follows it out.
    Completions,
}

/// Settings of [`Sampling`] that are sent; what isn't is left to the server, for some refuse what they don't know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The temperature.
    pub temperature: bool,
    /// The nucleus.
    pub top_p: bool,
    /// The seed of each completion.
    pub seed: bool,
}

/// Which server, and what is asked of it.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// Where it is, and how patiently it is asked.
    pub server: ServerConfig,
    /// Which of the two.
    pub endpoint: Endpoint,
    /// A message before the first.
    pub system: Option<String>,
    /// Which settings are sent.
    pub sent: Sent,
    /// Price of a million prompt tokens and of a million completion tokens.
    pub prices: Option<Prices>,
}

/// A model on a server.
pub struct RemotePolicy {
    config: RemoteConfig,
    server: Server,
    usage: Mutex<Usage>,
}

impl RemotePolicy {
    /// Prepares to ask; `key` is sent as a bearer token and neither printed nor recorded.
    pub fn new(config: RemoteConfig, key: Option<String>) -> Result<Self, ServerError> {
        let interface = match config.endpoint {
            Endpoint::Chat => CHAT,
            Endpoint::Completions => COMPLETIONS,
        };
        Ok(Self {
            server: Server::new(&config.server, interface, key)?,
            config,
            usage: Mutex::default(),
        })
    }

    /// What was asked and charged so far, by this process and before it.
    pub fn usage(&self, before: &Usage) -> Usage {
        let mut usage = self
            .usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        usage.add(before);
        usage.priced(self.config.prices)
    }

    /// Takes it that the server has answered before, so that one request without an answer says nothing of the others.
    pub fn has_served(&self) {
        self.server.set_served();
    }

    fn ask(&self, request: &SampleRequest, options: &Options) -> Taken {
        let system = self.config.system.iter().map(Message::system);
        let messages: Vec<Message> = system.chain(request.dialogue.iter().cloned()).collect();
        let question = Question::of_text(&messages, options, request.seed);
        let taken = Taken::of(
            self.server.ask(&question),
            |reply, requests| Usage::of_answer(requests, reply.usage),
            |reply| Ok(completion(reply)),
        );
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.add(&taken.usage);
        taken
    }
}

impl Policy for RemotePolicy {
    fn sample(&self, queue: &dyn SampleQueue, sampling: &Sampling) -> Result<(), PolicyError> {
        let sent = self.config.sent;
        let options = Options {
            temperature: sent.temperature.then_some(sampling.temperature),
            top_p: sent.top_p.then_some(sampling.top_p),
            top_k: Some(sampling.top_k).filter(|&top_k| top_k > 0),
            max_tokens: Some(sampling.max_tokens),
            stop: sampling.stop.clone(),
            seeded: sent.seed,
            top_logprobs: None,
        };
        side_by_side::sample_of(&self.server, queue, &|request| self.ask(request, &options))?;
        Ok(())
    }
}

fn completion(reply: Reply) -> Completion {
    let written = reply.usage.map(|(_, written)| written);
    Completion {
        text: reply.text,
        stop: if reply.cut {
            FinishReason::Length
        } else {
            FinishReason::End
        },
        sampled: None,
        tokens: written.and_then(|written| usize::try_from(written).ok()),
        only_thought: reply.only_thought,
        declined: reply.refused,
    }
}
