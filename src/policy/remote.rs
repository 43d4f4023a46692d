//! A policy behind an OpenAI-compatible server: episodes → messages → answers, some of them side by side.
//! A server gives text and no token ids, so an episode's ids are the bytes of its text, with ids past the bytes where a
//! message begins or ends. Nothing can be trained on them, for log-probabilities of bytes are not the policy's.
//!
//! Where the server only completes text, messages stand one after the other, a blank line between them, and the prompt ends
//! in an open fence, so that a model that was never instructed goes on with code; its fence is closed where it stops.

pub(super) mod http;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Ask, Heard, Policy, PolicyError};
use crate::checkpoint::tokenizer::{Place, TokenizerError};
use crate::completion::{Completion, FinishReason, Sampling};
use http::{Client, Connection, Outcome, Question, Reply};

/// Asks in a row without an answer after which the server counts as gone.
const GONE: usize = 8;

/// Ids that are no byte.
const END: u32 = 256;
const USER: u32 = 257;
const ASSISTANT: u32 = 258;

/// What of a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// `/chat/completions`: messages in, a message out.
    #[default]
    Chat,
    /// `/completions`: text in, what follows it out.
    Completions,
}

/// What opens and ends a program where the server only completes text.
const FENCE: &str = "```";

/// Which server, and how it is asked.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// Address before `/chat/completions` or `/completions`.
    pub url: String,
    /// Which of the two.
    pub endpoint: Endpoint,
    /// The model's name there.
    pub model: String,
    /// A message before the first.
    pub system: Option<String>,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Requests made for one answer at most.
    pub tries: u32,
    /// Time for one request, its answer included.
    pub timeout: Duration,
    /// Wait after the first failure, doubled after each; half of it is random.
    pub backoff: Duration,
    /// Price of a million prompt tokens and of a million completion tokens.
    pub prices: Option<(f64, f64)>,
}

/// Why a server can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The address is of no use.
    #[error("failed to use {url} as a policy: {reason}")]
    Address {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server understood, and refused.
    #[error("failed to ask {url}: the server refused with {status}: {message}; {remedy}")]
    Refused {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
        /// Its own words, trimmed.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The first request had no answer, so none will have.
    #[error(
        "failed to ask {url}: no answer after {tries} tries, the last: {reason}; check that the server runs, or allow it more tries or more time"
    )]
    NoAnswer {
        /// The address.
        url: String,
        /// Requests made.
        tries: u32,
        /// What the last one met.
        reason: String,
    },
}

/// What a server was asked and what it charged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Answers received and used.
    pub answers: u64,
    /// Requests sent beyond one an answer.
    pub retries: u64,
    /// Tokens read by the server, by its own count.
    pub prompt_tokens: u64,
    /// Tokens written by the server, by its own count.
    pub completion_tokens: u64,
    /// Answers that came without a count.
    pub uncounted: u64,
    /// What the counted tokens cost at the prices given; requests that failed may have been charged too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl Usage {
    /// Counts another's in.
    pub fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.retries += other.retries;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.uncounted += other.uncounted;
    }
}

/// A model on a server.
pub struct RemotePolicy {
    config: RemoteConfig,
    client: Client,
    /// Whether the server has answered yet.
    served: bool,
    usage: Usage,
}

impl RemotePolicy {
    /// Prepares to ask; `key` is sent as a bearer token and neither printed nor recorded.
    pub fn new(config: RemoteConfig, key: Option<String>) -> Result<Self, RemoteError> {
        Ok(Self {
            client: Client::new(
                &Connection {
                    url: &config.url,
                    concurrency: config.concurrency,
                    tries: config.tries,
                    timeout: config.timeout,
                    backoff: config.backoff,
                    remedy: http::remedy,
                },
                key,
            )?,
            config,
            served: false,
            usage: Usage::default(),
        })
    }

    /// What was asked and charged so far, by this process and before it.
    pub fn usage(&self, before: &Usage) -> Usage {
        let mut usage = self.usage.clone();
        usage.add(before);
        usage.cost = self.config.prices.map(|(read, written)| {
            (usage.prompt_tokens as f64 * read + usage.completion_tokens as f64 * written) / 1e6
        });
        usage
    }

    /// Takes it that the server has answered before, so that one request without an answer says nothing of the others.
    pub fn has_served(&mut self) {
        self.served = true;
    }

    fn body(&self, ask: &Ask<'_>, sampling: &Sampling) -> String {
        let system = self.config.system.as_ref();
        let mut messages: Vec<Value> = system
            .map(|text| json!({"role": "system", "content": text}))
            .into_iter()
            .collect();
        messages.extend(dialogue(ask.prefix));
        let mut body = json!({
            "model": self.config.model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            // Some servers hold a seed in 32 bits, with a sign.
            "seed": ask.seed & 0x7fff_ffff,
        });
        let mut stop = sampling.stop.clone();
        match self.config.endpoint {
            Endpoint::Chat => body["messages"] = messages.into(),
            Endpoint::Completions => {
                body["prompt"] = prompt(&messages).into();
                stop.insert(0, format!("\n{FENCE}"));
            }
        }
        // Only where they are asked for: not every server knows them, and one that doesn't says so.
        if !stop.is_empty() {
            body["stop"] = json!(stop);
        }
        if sampling.top_k > 0 {
            body["top_k"] = sampling.top_k.into();
        }
        body.to_string()
    }

    fn ask(&self, ask: &Ask<'_>, sampling: &Sampling, first: bool) -> (Outcome<Reply>, u64) {
        let endpoint = self.config.endpoint;
        let question = Question {
            path: match endpoint {
                Endpoint::Chat => "chat/completions",
                Endpoint::Completions => "completions",
            },
            body: &self.body(ask, sampling),
            read: &|text| http::read(text, endpoint),
        };
        self.client.ask(&question, ask.seed, first)
    }

    /// An outcome as an answer, and what it cost.
    fn taken(outcome: Outcome<Reply>, requests: u64) -> (Result<Answer, RemoteError>, Usage) {
        let mut usage = Usage {
            retries: requests - 1,
            ..Usage::default()
        };
        let answer = match outcome {
            Outcome::Said(reply) => {
                usage.answers = 1;
                match reply.usage {
                    Some((read, written)) => {
                        usage.prompt_tokens = read;
                        usage.completion_tokens = written;
                    }
                    None => usage.uncounted = 1,
                }
                Ok(Ok(completion(reply)))
            }
            Outcome::Lost(lost) | Outcome::Unanswered(lost) => Ok(Err(lost)),
            Outcome::Fatal(error) => Err(error),
        };
        (answer, usage)
    }
}

impl Policy for RemotePolicy {
    fn message(&self, _place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let bytes = text.bytes().map(u32::from);
        Ok([USER].into_iter().chain(bytes).chain([ASSISTANT]).collect())
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        self.propose_each(asks, sampling, &mut |_, _, _| true)
    }

    /// The first ask of all goes alone, so that a wrong key or name costs one request; what it meets ends the run.
    fn propose_each(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
        heard: Heard<'_>,
    ) -> Result<Vec<Answer>, PolicyError> {
        let mut first = Vec::new();
        if let Some(ask) = asks.first().filter(|_| !self.served) {
            let (outcome, requests) = self.ask(ask, sampling, true);
            let (answer, usage) = Self::taken(outcome, requests);
            self.usage.add(&usage);
            let answer = answer?;
            self.served |= answer.is_ok();
            if !heard(0, &answer, Some(&usage)) {
                return Err(PolicyError::Stopped);
            }
            first.push(answer);
        }
        let done = first.len();
        let rest = &asks[done..];
        let next = AtomicUsize::new(0);
        let (stop, silent) = (AtomicBool::new(false), AtomicUsize::new(0));
        let gone = GONE.max(self.config.concurrency);
        let hand_over = Mutex::new((heard, Vec::with_capacity(rest.len()), true));
        std::thread::scope(|scope| {
            for _ in 0..self.config.concurrency.clamp(1, rest.len().max(1)) {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(ask) = rest.get(place) else { break };
                        let (outcome, requests) = self.ask(ask, sampling, false);
                        let outcome = match outcome {
                            Outcome::Unanswered(lost)
                                if silent.fetch_add(1, Ordering::Relaxed) + 1 >= gone =>
                            {
                                Outcome::Fatal(self.client.gone(lost))
                            }
                            Outcome::Unanswered(lost) => Outcome::Unanswered(lost),
                            other => {
                                silent.store(0, Ordering::Relaxed);
                                other
                            }
                        };
                        let (answer, usage) = Self::taken(outcome, requests);
                        let mut held = hand_over.lock().expect("no worker panics with the lock");
                        let (heard, places, goes_on) = &mut *held;
                        if let Ok(answer) = &answer {
                            *goes_on &= heard(done + place, answer, Some(&usage));
                        }
                        if answer.is_err() || !*goes_on {
                            stop.store(true, Ordering::Relaxed);
                        }
                        places.push((place, answer, usage));
                    }
                });
            }
        });
        let (_, mut places, goes_on) = hand_over
            .into_inner()
            .expect("no worker panics with the lock");
        places.sort_by_key(|(place, ..)| *place);
        let mut answers = first;
        let mut fatal = None;
        for (_, answer, usage) in places {
            self.usage.add(&usage);
            match answer {
                Ok(answer) => answers.push(answer),
                Err(error) => fatal = Some(error),
            }
        }
        match fatal {
            Some(error) => Err(error.into()),
            None if !goes_on => Err(PolicyError::Stopped),
            None => Ok(answers),
        }
    }

    fn end(&self) -> u32 {
        END
    }

    fn context(&self) -> usize {
        // The server knows its own and refuses what is longer; that loses one episode, not the run.
        usize::MAX
    }
}

/// An answer as the ids it is kept in.
fn completion(reply: Reply) -> (Completion, String) {
    let mut tokens: Vec<u32> = reply.text.bytes().map(u32::from).collect();
    if !reply.cut {
        tokens.push(END);
    }
    let completion = Completion {
        sampler_logprobs: vec![0.0; tokens.len()],
        tokens,
        stop: if reply.cut {
            FinishReason::Length
        } else {
            FinishReason::End
        },
    };
    (completion, reply.text)
}

/// The text that a server is to go on from: it ends in an open fence.
fn prompt(messages: &[Value]) -> String {
    let mut text = String::new();
    for message in messages {
        let content = message["content"].as_str().unwrap_or_default();
        text.push_str(content.trim_end());
        text.push_str("\n\n");
    }
    text + FENCE
}

/// The messages that the ids of an episode stand for.
fn dialogue(ids: &[u32]) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut rest = ids;
    while let Some((&role, after)) = rest.split_first() {
        let length = after
            .iter()
            .position(|&id| id == USER || id == ASSISTANT)
            .unwrap_or(after.len());
        let bytes: Vec<u8> = after[..length]
            .iter()
            .filter_map(|&id| u8::try_from(id).ok())
            .collect();
        rest = &after[length..];
        // The last one is the policy's to say.
        if role == USER || !rest.is_empty() {
            messages.push(json!({
                "role": if role == USER { "user" } else { "assistant" },
                "content": String::from_utf8_lossy(&bytes),
            }));
        }
    }
    messages
}
