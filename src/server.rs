//! One client for every server that is asked over HTTP: text in, text out, and ids where the server samples ids. It knows
//! retries, back-off, limits and what a server charged; it knows no episode and no policy, so that whoever else needs an answer
//! of a model asks the same way.
//!
//! How a request is written and an answer is read is a row of `interface`: one file each.

mod address;
mod client;
mod error;
mod http;
pub mod interface;
mod words;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::checkpoint::Precision;
pub use address::{BASE_URL, base_url};
pub(crate) use address::{host, is_local};
pub use client::Outcome;
use client::{Call, Client};
pub use error::{LostAnswer, ServerError};
use interface::{Form, Interface, LimitField, Question, Reply, Told};
pub use rlef_judge::evaluation::{Prices, Usage};
pub(crate) use words::message as words_of;

/// Where a server is, and how patiently it is asked.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address before the path of a request.
    pub url: String,
    /// The model's name there; empty for a server that serves one.
    pub model: String,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Requests made for one answer at most.
    pub tries: u32,
    /// Time for one request, its answer included.
    pub timeout: Duration,
    /// Wait after the first failure, doubled after each; half of it is random.
    pub backoff: Duration,
}

/// A server, and how to ask it.
pub struct Server {
    config: ServerConfig,
    client: Client,
    interface: &'static dyn Interface,
    /// Whether it has answered anything yet.
    served: AtomicBool,
    /// Whether it wants the limit of an answer under its other name.
    renamed: AtomicBool,
    /// Questions that it refused while it had answered none, and the error that all would meet if the first is like the rest.
    doubted: Mutex<(usize, Option<ServerError>)>,
}

/// Questions refused from the start on after which the others are not asked: it is none of the question's own.
const DOUBTS: usize = 3;

/// What came of one question.
pub struct Asked<R> {
    /// How it ended.
    pub outcome: Outcome<R>,
    /// Requests it took.
    pub requests: u64,
}

impl Server {
    /// Checks the address and prepares connections; sends nothing. `key` is sent as a bearer token and neither printed nor
    /// recorded.
    pub fn new(
        config: &ServerConfig,
        interface: &'static dyn Interface,
        key: Option<String>,
    ) -> Result<Self, ServerError> {
        Ok(Self {
            client: Client::new(config, key, interface)?,
            interface,
            config: config.clone(),
            served: AtomicBool::new(false),
            renamed: AtomicBool::new(false),
            doubted: Mutex::default(),
        })
    }

    /// Where it is and how it is asked.
    pub const fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Whether it has answered before; until then a request that fails would fail for all.
    pub fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// Takes it that the server has answered before, so that one request without an answer says nothing of the others.
    pub fn set_served(&self) {
        self.served.store(true, Ordering::Relaxed);
    }

    /// Asks until there is an answer, a refusal, or no try left.
    pub fn ask(&self, question: &Question<'_>) -> Asked<Reply> {
        self.ask_for(question, &|_| Ok(()))
    }

    /// The same; an answer that `check` refuses is asked for again.
    pub fn ask_for(
        &self,
        question: &Question<'_>,
        check: &(dyn Fn(&Reply) -> Result<(), String> + Sync),
    ) -> Asked<Reply> {
        let mut asked = self.once(question, check);
        let other_name = match &asked.outcome {
            Outcome::Lost(LostAnswer::Refused { status, message })
            | Outcome::Fatal(ServerError::Refused {
                status, message, ..
            }) => matches!(status, 400 | 422) && message.contains(LimitField::MaxCompletion.name()),
            _ => false,
        };
        // Newer models know the limit under another name alone, and say so.
        if other_name && !self.renamed.swap(true, Ordering::Relaxed) {
            let before = asked.requests;
            asked = self.once(question, check);
            asked.requests += before;
        }
        if matches!(asked.outcome, Outcome::Said(_)) {
            self.set_served();
        }
        Asked {
            outcome: self.doubtful(asked.outcome),
            ..asked
        }
    }

    /// A refusal of the first question says nothing yet of the others where it may be one of this very question, of its length
    /// for example.
    fn doubtful(&self, outcome: Outcome<Reply>) -> Outcome<Reply> {
        let Outcome::Fatal(ServerError::Refused {
            status, message, ..
        }) = &outcome
        else {
            return outcome;
        };
        if client::is_of_all(*status) {
            return outcome;
        }
        let lost = LostAnswer::Refused {
            status: *status,
            message: message.clone(),
        };
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        doubted.0 += 1;
        if doubted.0 >= DOUBTS {
            return outcome;
        }
        if let Outcome::Fatal(error) = outcome {
            doubted.1.get_or_insert(error);
        }
        Outcome::Lost(lost)
    }

    /// What it said to the first question, where it has refused all so far.
    pub fn doubted(&self) -> Option<ServerError> {
        let mut doubted = self.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        doubted.1.take().filter(|_| !self.has_served())
    }

    fn once(
        &self,
        question: &Question<'_>,
        check: &(dyn Fn(&Reply) -> Result<(), String> + Sync),
    ) -> Asked<Reply> {
        let limit = if self.renamed.load(Ordering::Relaxed) {
            LimitField::MaxCompletion
        } else {
            LimitField::Max
        };
        let form = Form {
            model: &self.config.model,
            limit,
        };
        let call = Call {
            path: self.interface.path(),
            body: Some(&self.interface.body(question, &form).to_string()),
            read: &|value| {
                let reply = self.interface.read(value, question)?;
                check(&reply)?;
                Ok(reply)
            },
        };
        self.client.ask(&call, question.seed, !self.has_served())
    }

    /// Has an engine load weights that lie where both can read them; `version` names them.
    pub fn load_weights(
        &self,
        weights: &std::path::Path,
        version: usize,
    ) -> Result<(), ServerError> {
        self.tell(self.interface.reload(weights, version), version as u64)
    }

    /// Has an engine load an adapter that lies where both can read it, under a name, and forget the one before it.
    pub fn load_adapter(
        &self,
        adapter: &std::path::Path,
        name: &str,
        before: Option<&str>,
    ) -> Result<(), ServerError> {
        match self.tell(self.interface.adapt(adapter, name, None), 0) {
            // An answer was lost, and the question asked again: the name is this version's alone.
            Err(ServerError::Refused { message, .. }) if message.contains("already") => {}
            loaded => loaded?,
        }
        let all = self.interface.adapt(adapter, name, before);
        let forget = all.into_iter().filter(|(path, _)| path.contains("unload"));
        if let Err(error) = self.tell(forget.collect(), 0) {
            tracing::warn!(%error, "the engine keeps an adapter that nobody asks for any more");
        }
        Ok(())
    }

    fn tell(&self, all: Vec<Told>, seed: u64) -> Result<(), ServerError> {
        for (path, body) in all {
            let call = Call {
                path,
                body: Some(&body.to_string()),
                read: &interface::accepted,
            };
            match self.client.ask(&call, seed, true).outcome {
                Outcome::Said(()) => {}
                Outcome::Fatal(error) => return Err(error),
                Outcome::Lost(lost) | Outcome::Unanswered(lost) => return Err(self.gone(&lost)),
            }
        }
        Ok(())
    }

    /// The longest context it serves, where it says so.
    pub fn context(&self) -> Option<usize> {
        let call = Call {
            path: self.interface.models()?,
            body: None,
            read: &|value| Ok(interface::context(value, &self.config.model)),
        };
        match self.client.ask(&call, 0, false).outcome {
            Outcome::Said(length) => length,
            // It need not know the question.
            _ => None,
        }
    }

    /// The numbers that it computes with, where it says so.
    pub fn precision(&self) -> Option<Precision> {
        let call = Call {
            path: self.interface.about()?,
            body: None,
            read: &|value| Ok(interface::precision(value)),
        };
        match self.client.ask(&call, 0, false).outcome {
            Outcome::Said(found) => found,
            // It need not know the question.
            _ => None,
        }
    }

    /// The error for a server that answers nothing any more.
    pub fn gone(&self, last: &LostAnswer) -> ServerError {
        ServerError::NoAnswer {
            url: self.config.url.clone(),
            tries: self.config.tries.max(1),
            reason: last.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
