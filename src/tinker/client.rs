//! One call of the server's, and the future that most of them are: asked again where that does no harm, given up where the
//! server says that no asking will help.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{TinkerConfig, TinkerError};
use crate::server::{self, ServerError};

/// Largest answer read, in bytes: log-probabilities of a round's tokens, or an adapter.
const ANSWER_LIMIT: u64 = 4 << 30;
/// A future is held for five minutes by the server; a request for it for a little longer here.
const HELD: Duration = Duration::from_secs(330);
/// First wait after a failure, doubled after each.
const BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);
/// What the server says where its model is gone.
const LOST: [&str; 4] = [
    "not loaded",
    "actor died",
    "actor is dead",
    "Model not found",
];

/// Connections to the server.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
    tries: u32,
    timeout: Duration,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// Nothing; it is only asked to tell.
    None,
    Json(&'a Value),
    Protobuf(&'a [u8]),
}

/// Whether asking twice is the same as asking once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Yes.
    Harmless,
    /// No: where no answer comes it is not known what the server did.
    Never,
}

/// How one request ended.
enum Try {
    Said(Vec<u8>),
    /// Worth another try: what it met, and whether the server may have taken it.
    Again(String),
    Refused(u16, String),
}

impl Client {
    /// Checks the address; sends nothing.
    pub(super) fn new(config: &TinkerConfig) -> Result<Self, ServerError> {
        let host = server::host(&config.url)?;
        let mut builder = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(HELD))
            .max_idle_connections(config.concurrency)
            .max_idle_connections_per_host(config.concurrency)
            .user_agent(concat!("rlef/", env!("CARGO_PKG_VERSION")));
        if server::is_local(host) {
            builder = builder.proxy(None);
        }
        Ok(Self {
            agent: builder.build().new_agent(),
            url: config.url.trim_end_matches('/').to_owned(),
            key: config.key.clone(),
            tries: config.tries.max(1),
            timeout: config.timeout,
        })
    }

    /// An answer to one request.
    pub(super) fn ask(
        &self,
        path: &str,
        body: Body<'_>,
        again: Again,
    ) -> Result<Vec<u8>, TinkerError> {
        let tries = if again == Again::Harmless {
            self.tries
        } else {
            1
        };
        let mut reason = String::new();
        for number in 0..tries {
            if number > 0 {
                std::thread::sleep(backoff(number));
            }
            match self.once(path, body) {
                Try::Said(bytes) => return Ok(bytes),
                Try::Refused(status, message) => return Err(self.refused(path, status, message)),
                Try::Again(why) => reason = why,
            }
        }
        let url = self.url_of(path);
        Err(ServerError::NoAnswer { url, tries, reason }.into())
    }

    /// The same as JSON.
    pub(super) fn ask_json(
        &self,
        path: &str,
        body: Body<'_>,
        again: Again,
    ) -> Result<Value, TinkerError> {
        read(path, &self.ask(path, body, again)?)
    }

    /// Has the server do something that takes it a while, and waits for what comes of it.
    pub(super) fn done(
        &self,
        path: &str,
        body: Body<'_>,
        again: Again,
    ) -> Result<Vec<u8>, TinkerError> {
        let pending = self.ask_json(path, body, again)?;
        let Some(request) = pending["request_id"].as_str() else {
            return Err(TinkerError::Broken {
                what: path.to_owned(),
                reason: "it has no request_id".to_owned(),
            });
        };
        self.result(path, request)
    }

    /// The same as JSON.
    pub(super) fn done_json(
        &self,
        path: &str,
        body: &Value,
        again: Again,
    ) -> Result<Value, TinkerError> {
        read(path, &self.done(path, Body::Json(body), again)?)
    }

    /// What came of a request. It may be asked for as often as one likes, by 408 and by a server that is gone for a while.
    fn result(&self, what: &str, request: &str) -> Result<Vec<u8>, TinkerError> {
        let body = json!({"request_id": request});
        let until = Instant::now() + self.timeout;
        let mut failed = 0;
        loop {
            match self.once("retrieve_future", Body::Json(&body)) {
                Try::Said(bytes) => return Ok(bytes),
                Try::Refused(408, _) => failed = 0,
                Try::Refused(status, message) => return Err(self.refused(what, status, message)),
                Try::Again(reason) => {
                    failed += 1;
                    if failed >= self.tries {
                        let url = self.url_of("retrieve_future");
                        let tries = self.tries;
                        return Err(ServerError::NoAnswer { url, tries, reason }.into());
                    }
                    std::thread::sleep(backoff(failed));
                }
            }
            if Instant::now() >= until {
                return Err(TinkerError::Slow {
                    what: what.to_owned(),
                    seconds: self.timeout.as_secs(),
                });
            }
        }
    }

    fn once(&self, path: &str, body: Body<'_>) -> Try {
        let mut response = match self.send(path, body) {
            Ok(response) => response,
            Err(error) => return Try::Again(error.to_string()),
        };
        let status = response.status().as_u16();
        let bytes = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_vec();
        match (status, bytes) {
            (200..=299, Ok(bytes)) => Try::Said(bytes),
            (200..=299, Err(error)) => Try::Again(format!("the answer broke off: {error}")),
            (status, bytes) => {
                let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
                let message = self.words(&text);
                if matches!(status, 425 | 429 | 500..=599) {
                    Try::Again(format!("the server answered {status}: {message}"))
                } else {
                    Try::Refused(status, message)
                }
            }
        }
    }

    /// What an error says. Those of the server's workers are long, and say at the end what happened.
    fn words(&self, text: &str) -> String {
        let said: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(detail) = said["detail"].as_str() else {
            return server::words_of(text, self.key.as_deref());
        };
        let plain = without_colours(detail);
        let found = LOST.iter().find(|words| plain.contains(**words));
        let lines = || plain.lines().filter(|line| !line.trim().is_empty());
        let line = match found {
            Some(words) => lines().find(|line| line.contains(words)),
            None => lines().next_back(),
        };
        server::words_of(line.unwrap_or_default(), self.key.as_deref())
    }

    fn send(
        &self,
        path: &str,
        body: Body<'_>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let url = self.url_of(path);
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let (bytes, kind) = match body {
            Body::None => {
                let mut request = self.agent.get(&url);
                if let Some(bearer) = bearer {
                    request = request.header("authorization", bearer);
                }
                return request.call();
            }
            Body::Json(value) => (value.to_string().into_bytes(), "application/json"),
            Body::Protobuf(bytes) => (bytes.to_vec(), "application/x-protobuf"),
        };
        let mut request = self.agent.post(&url).header("content-type", kind);
        if let Some(bearer) = bearer {
            request = request.header("authorization", bearer);
        }
        request.send(&bytes[..])
    }

    fn url_of(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.url)
    }

    fn refused(&self, path: &str, status: u16, message: String) -> TinkerError {
        if LOST.iter().any(|words| message.contains(words)) {
            return TinkerError::Lost { message };
        }
        let remedy = match status {
            404 => {
                "check that engine.url is where a server of the Tinker API listens, and that it is SkyRL 0.4 or one that speaks as it does"
            }
            401 | 403 => "check the key in the environment variable that engine.api_key_env names",
            _ => "its log says more",
        };
        let url = self.url_of(path);
        ServerError::Refused {
            url,
            status,
            message,
            remedy,
        }
        .into()
    }
}

fn read(what: &str, bytes: &[u8]) -> Result<Value, TinkerError> {
    serde_json::from_slice(bytes).map_err(|error| TinkerError::Broken {
        what: what.to_owned(),
        reason: format!("it is no JSON ({error})"),
    })
}

fn backoff(failures: u32) -> Duration {
    BACKOFF
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(LONGEST_BACKOFF)
}

/// A text without the escape sequences that terminals colour it by.
fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let after = part.strip_prefix('[').and_then(|rest| {
            let end = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
            rest.get(end + 1..)
        });
        plain.push_str(after.unwrap_or(part));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_and_nothing_else() {
        let said =
            "\u{1b}[36mray::Worker\u{1b}[39m failed\nThe actor died \u{1b}[1;31munexpectedly";
        assert_eq!(
            without_colours(said),
            "ray::Worker failed\nThe actor died unexpectedly"
        );
        assert_eq!(without_colours("a \u{1b} b"), "a  b");
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits: Vec<u128> = (1..9).map(|number| backoff(number).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000]);
    }
}
