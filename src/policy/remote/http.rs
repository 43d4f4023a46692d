//! One question over HTTP: the request, its retries, and how it ended. Knows nothing of episodes; what an answer says is for
//! the caller to read.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::{Endpoint, FENCE, RemoteError};
use crate::policy::LostAnswer;

/// Longest time one `Retry-After` is obeyed.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Longest wait of the exponential back-off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Largest answer read, in bytes.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Characters of a server's message that are shown.
const MESSAGE_CHARACTERS: usize = 300;

/// What a server said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    /// The message's text; empty where the server said nothing.
    pub(super) text: String,
    /// Whether the token limit cut it.
    pub(super) cut: bool,
    /// Prompt and completion tokens, where reported.
    pub(super) usage: Option<(u64, u64)>,
}

/// How one request ended for good.
pub(in crate::policy) enum Outcome<R> {
    /// With an answer.
    Said(R),
    /// With a refusal of this very request.
    Lost(LostAnswer),
    /// Without a word that helps; others may still be answered.
    Unanswered(LostAnswer),
    /// So that no other request can be answered either.
    Fatal(RemoteError),
}

/// How one try ended.
enum Try<R> {
    Said(R),
    /// Worth another try, after the time the server asked for.
    Again(String, Option<Duration>),
    Refused(u16, String),
}

/// Where a server is, and how patiently it is asked.
pub(in crate::policy) struct Connection<'a> {
    /// Address before the path of a question.
    pub(in crate::policy) url: &'a str,
    /// Requests under way at once.
    pub(in crate::policy) concurrency: usize,
    /// Requests made for one answer at most.
    pub(in crate::policy) tries: u32,
    /// Time for one request, its answer included.
    pub(in crate::policy) timeout: Duration,
    /// Wait after the first failure, doubled after each.
    pub(in crate::policy) backoff: Duration,
    /// What to do about a refusal with this status.
    pub(in crate::policy) remedy: fn(u16) -> &'static str,
}

/// A server, and how to ask it.
pub(in crate::policy) struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
    tries: u32,
    backoff: Duration,
    remedy: fn(u16) -> &'static str,
}

/// What is asked: a path below the address, a body, and how to read the answer.
pub(in crate::policy) struct Question<'a, R> {
    /// Without the slash before it.
    pub(in crate::policy) path: &'a str,
    /// JSON.
    pub(in crate::policy) body: &'a str,
    /// The answer's body as what it says, or why it says nothing of use.
    pub(in crate::policy) read: &'a (dyn Fn(&str) -> Result<R, String> + Sync),
}

impl Client {
    /// Checks the address and prepares connections; sends nothing.
    pub(in crate::policy) fn new(
        config: &Connection<'_>,
        key: Option<String>,
    ) -> Result<Self, RemoteError> {
        let bad = |reason: &'static str| RemoteError::Address {
            url: config.url.to_owned(),
            reason,
        };
        let host = config
            .url
            .strip_prefix("http://")
            .or_else(|| config.url.strip_prefix("https://"))
            .ok_or_else(|| bad("it does not start with http:// or https://"))?;
        let host = host.split('/').next().unwrap_or_default();
        if host.is_empty() {
            return Err(bad("it names no host"));
        }
        if host.contains('@') || config.url.contains(['?', '#']) {
            // The address is recorded with the evaluation.
            return Err(RemoteError::Address {
                url: "the server".to_owned(),
                reason: "an address is recorded, so it may hold no user, password or query; give the key in the environment",
            });
        }
        let mut builder = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirected POST would lose its body or send the key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(config.timeout.min(Duration::from_secs(10))))
            .timeout_global(Some(config.timeout))
            .max_idle_connections(config.concurrency)
            .max_idle_connections_per_host(config.concurrency)
            .user_agent(concat!("rlef/", env!("CARGO_PKG_VERSION")));
        if ["localhost", "127.", "[::1]"]
            .iter()
            .any(|local| host.starts_with(local))
        {
            builder = builder.proxy(None);
        }
        Ok(Self {
            agent: builder.build().new_agent(),
            url: config.url.trim_end_matches('/').to_owned(),
            key,
            tries: config.tries.max(1),
            backoff: config.backoff,
            remedy: config.remedy,
        })
    }

    /// Asks until there is an answer, a refusal, or no try left. Returns also how many requests it took. `first` says that
    /// nothing has been answered yet: then what this request meets would meet all.
    pub(in crate::policy) fn ask<R>(
        &self,
        question: &Question<'_, R>,
        seed: u64,
        first: bool,
    ) -> (Outcome<R>, u64) {
        let url = || format!("{}/{}", self.url, question.path);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut reason = String::new();
        for number in 1..=self.tries {
            let sent = u64::from(number);
            match self.once(question) {
                Try::Said(reply) => return (Outcome::Said(reply), sent),
                Try::Refused(status, message) => {
                    let whole_run = first || matches!(status, 300..=399 | 401 | 403 | 404);
                    let outcome = if whole_run {
                        Outcome::Fatal(RemoteError::Refused {
                            url: url(),
                            status,
                            message,
                            remedy: (self.remedy)(status),
                        })
                    } else {
                        Outcome::Lost(LostAnswer(format!(
                            "the server refused with {status}: {message}"
                        )))
                    };
                    return (outcome, sent);
                }
                Try::Again(why, asked) => {
                    reason = why;
                    if number < self.tries {
                        let doubled = self.backoff.saturating_mul(1 << (number - 1).min(16));
                        // Half of it at random, so that rejected workers don't come back together.
                        let wait = doubled
                            .min(LONGEST_BACKOFF)
                            .mul_f64(rng.random_range(0.5..1.0));
                        std::thread::sleep(asked.unwrap_or(wait).min(LONGEST_WAIT));
                    }
                }
            }
        }
        let outcome = if first {
            Outcome::Fatal(RemoteError::NoAnswer {
                url: url(),
                tries: self.tries,
                reason,
            })
        } else {
            Outcome::Unanswered(LostAnswer(format!("{} tries failed: {reason}", self.tries)))
        };
        (outcome, u64::from(self.tries))
    }

    /// The error for a server that answers nothing any more.
    pub(in crate::policy) fn gone(&self, last: LostAnswer) -> RemoteError {
        RemoteError::NoAnswer {
            url: self.url.clone(),
            tries: self.tries,
            reason: last.0,
        }
    }

    fn once<R>(&self, question: &Question<'_, R>) -> Try<R> {
        let mut request = self
            .agent
            .post(&format!("{}/{}", self.url, question.path))
            .header("content-type", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut response = match request.send(question.body) {
            Ok(response) => response,
            Err(error) => return Try::Again(self.clean(&error.to_string()), None),
        };
        let status = response.status().as_u16();
        let asked = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse().ok())
            .map(Duration::from_secs);
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_string();
        match (status, text) {
            (200..=299, Ok(text)) => match (question.read)(&text) {
                Ok(reply) => Try::Said(reply),
                Err(reason) => Try::Again(reason, None),
            },
            (408 | 409 | 425 | 429 | 500..=599, text) => {
                let message = self.message(&text.unwrap_or_default());
                Try::Again(format!("the server answered {status}: {message}"), asked)
            }
            (200..=299, Err(error)) => Try::Again(
                format!("the answer broke off: {}", self.clean(&error.to_string())),
                None,
            ),
            (_, text) => Try::Refused(status, self.message(&text.unwrap_or_default())),
        }
    }

    /// A server's own words, trimmed: `error.message` where its body has one.
    fn message(&self, body: &str) -> String {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let said = [
            &value["error"]["message"],
            &value["message"],
            &value["detail"],
            &value["error"],
        ]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or(body);
        let clean = self.clean(said.trim());
        if clean.is_empty() {
            "it says nothing more".to_owned()
        } else {
            clean
        }
    }

    /// One short line without the key, which servers like to repeat.
    fn clean(&self, text: &str) -> String {
        let hidden = match self.key.as_deref() {
            Some(key) => text.replace(key, "[key]"),
            None => text.to_owned(),
        };
        let line: String = hidden
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(MESSAGE_CHARACTERS)
            .collect();
        line.trim().to_owned()
    }
}

/// Reads a completion.
pub(super) fn read(text: &str, endpoint: Endpoint) -> Result<Reply, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("the answer is no JSON ({error})"))?;
    let choice = &value["choices"][0];
    let cut = choice["finish_reason"] == "length";
    let said = match (endpoint, &choice["message"]["content"]) {
        (Endpoint::Completions, _) => {
            let text = choice["text"]
                .as_str()
                .ok_or("the answer holds no choices[0].text")?;
            let end = if cut {
                String::new()
            } else {
                // It stopped before the fence, which is left out of the text.
                format!("\n{FENCE}")
            };
            format!("{FENCE}{text}{end}")
        }
        (_, Value::String(said)) => said.clone(),
        // A model that spent its tokens on a thought, or has nothing to say: an answer without a program.
        (_, Value::Null) if choice["message"].is_object() => String::new(),
        _ => return Err("the answer holds no choices[0].message.content".to_owned()),
    };
    let count = |name: &str| value["usage"][name].as_u64();
    Ok(Reply {
        text: said,
        cut,
        usage: count("prompt_tokens").zip(count("completion_tokens")),
    })
}

/// What to do about a refusal of an OpenAI-compatible server.
pub(super) fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "set OPENAI_API_KEY, or name the variable that holds the key with --api-key-env"
        }
        404 => "check the address (it usually ends in /v1) and --model",
        300..=399 => "give the address that the server redirects to",
        _ => "check --model, --max-tokens and the sampling options against what the server takes",
    }
}
