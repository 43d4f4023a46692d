//! A question until it is answered: retries and waits between them, and how it ended for good. What an answer says is for the
//! caller to read.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use super::http::Try;
use super::interface::Interface;
use super::{Asked, LostAnswer, ServerConfig, ServerError, address};

/// Longest time that a server's own wish to be left alone is obeyed.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// A wait of which people are told.
const LONG_WAIT: Duration = Duration::from_secs(31);

/// Longest wait of the exponential back-off.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// How one question ended for good.
#[derive(Debug)]
pub enum Outcome<R> {
    /// With an answer.
    Said(R),
    /// With a refusal of this very request.
    Lost(LostAnswer),
    /// Without a word that helps; others may still be answered.
    Unanswered(LostAnswer),
    /// So that no other request can be answered either.
    Fatal(ServerError),
}

/// Connections to a server.
pub(super) struct Client {
    pub(super) agent: ureq::Agent,
    pub(super) url: String,
    pub(super) key: Option<String>,
    tries: u32,
    backoff: Duration,
    interface: &'static dyn Interface,
}

/// What is asked: a path below the address, a body, and how to read the answer.
pub(super) struct Call<'a, R> {
    /// Without the slash before it.
    pub(super) path: &'a str,
    /// JSON; nothing where it is only asked to tell.
    pub(super) body: Option<&'a str>,
    /// The answer's body as what it says, or why it says nothing of use.
    pub(super) read: &'a (dyn Fn(&Value) -> Result<R, String> + Sync),
}

/// Statuses that a request has in common with all others: an address, a key, a name that is wrong.
pub(super) const fn is_of_all(status: u16) -> bool {
    matches!(status, 300..=399 | 401..=404)
}

impl Client {
    /// Checks the address and prepares connections; sends nothing.
    pub(super) fn new(
        config: &ServerConfig,
        key: Option<String>,
        interface: &'static dyn Interface,
    ) -> Result<Self, ServerError> {
        let host = address::host(&config.url)?;
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
        if address::is_local(host) {
            builder = builder.proxy(None);
        }
        Ok(Self {
            agent: builder.build().new_agent(),
            url: config.url.trim_end_matches('/').to_owned(),
            key,
            tries: config.tries.max(1),
            backoff: config.backoff,
            interface,
        })
    }

    /// Asks until there is an answer, a refusal, or no try left. `first` says that nothing has been answered yet: then what
    /// this request meets would meet all. `seed` names the waits.
    pub(super) fn ask<R>(&self, call: &Call<'_, R>, seed: u64, first: bool) -> Asked<R> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut reason = String::new();
        for number in 1..=self.tries {
            let begun = Instant::now();
            let found = self.once(call);
            tracing::trace!(
                path = call.path,
                number,
                seconds = begun.elapsed().as_secs_f64(),
                "asked"
            );
            match found {
                Try::Said(reply) => {
                    return Asked {
                        outcome: Outcome::Said(reply),
                        requests: u64::from(number),
                    };
                }
                Try::Refused(status, message) => {
                    return Asked {
                        outcome: self.refused(call.path, first, status, message),
                        requests: u64::from(number),
                    };
                }
                Try::Again(why, asked) => {
                    reason = why;
                    if number < self.tries {
                        let doubled = self.backoff.saturating_mul(1 << (number - 1).min(16));
                        // Half of it at random, so that rejected workers don't come back together.
                        let wait = doubled
                            .min(LONGEST_BACKOFF)
                            .mul_f64(rng.random_range(0.5..1.0));
                        let wait = asked.unwrap_or(wait).min(LONGEST_WAIT);
                        tracing::debug!(
                            path = call.path,
                            number,
                            of = self.tries,
                            wait_s = wait.as_secs_f64(),
                            %reason,
                            "is asked again"
                        );
                        if wait >= LONG_WAIT {
                            tracing::warn!(
                                "waiting {} s, as the server asked: {reason}",
                                wait.as_secs()
                            );
                        }
                        std::thread::sleep(wait);
                    }
                }
            }
        }
        let tries = self.tries;
        let outcome = if first {
            let url = format!("{}/{}", self.url, call.path);
            Outcome::Fatal(ServerError::NoAnswer { url, tries, reason })
        } else {
            Outcome::Unanswered(LostAnswer::Unanswered { tries, reason })
        };
        Asked {
            outcome,
            requests: u64::from(tries),
        }
    }

    fn refused<R>(&self, path: &str, first: bool, status: u16, message: String) -> Outcome<R> {
        if first || is_of_all(status) {
            return Outcome::Fatal(ServerError::Refused {
                url: format!("{}/{path}", self.url),
                status,
                // The sentence goes on behind it.
                message: message.trim_end_matches('.').to_owned(),
                remedy: self.interface.remedy(status),
            });
        }
        Outcome::Lost(LostAnswer::Refused { status, message })
    }
}
