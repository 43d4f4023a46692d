//! One request over HTTP, and what its answer asks for: to be read, to be tried again, or to be taken as a refusal.

use std::time::Duration;

use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::client::{Call, Client};
use super::words;

/// Largest answer read, in bytes.
const ANSWER_LIMIT: u64 = 64 << 20;

/// How one try ended.
pub(super) enum Try<R> {
    Said(R),
    /// Worth another try, after the time the server asked for.
    Again(String, Option<Duration>),
    Refused(u16, String),
}

/// Statuses that say nothing of the request: the next try may be answered.
const fn passes(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}

impl Client {
    pub(super) fn once<R>(&self, call: &Call<'_, R>) -> Try<R> {
        let key = self.key.as_deref();
        let mut response = match self.send(call) {
            Ok(response) => response,
            Err(error) => return Try::Again(words::clean(&error.to_string(), key), None),
        };
        let status = response.status().as_u16();
        let asked = wait_of(|name| response.headers().get(name)?.to_str().ok());
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_string();
        match (status, text) {
            (200..=299, Ok(text)) => self.said(call, &text),
            (200..=299, Err(error)) => {
                let why = words::clean(&error.to_string(), key);
                Try::Again(format!("the answer broke off: {why}"), None)
            }
            (status, text) => {
                let message = words::message(&text.unwrap_or_default(), key);
                if passes(status) {
                    Try::Again(format!("the server answered {status}: {message}"), asked)
                } else {
                    Try::Refused(status, message)
                }
            }
        }
    }

    fn send<R>(&self, call: &Call<'_, R>) -> Result<Response<Body>, ureq::Error> {
        let url = format!("{}/{}", self.url, call.path);
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let Some(body) = call.body else {
            let mut request = self.agent.get(&url);
            if let Some(bearer) = bearer {
                request = request.header("authorization", bearer);
            }
            return request.call();
        };
        let mut request = self
            .agent
            .post(&url)
            .header("content-type", "application/json");
        if let Some(bearer) = bearer {
            request = request.header("authorization", bearer);
        }
        request.send(body)
    }

    /// A body with the status of success, which may hold an error all the same.
    fn said<R>(&self, call: &Call<'_, R>, text: &str) -> Try<R> {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            // Some paths answer nothing where they did what they were told.
            Err(_) if text.trim().is_empty() => Value::Null,
            // Or say so in words, where nothing is to be read of it.
            Err(_) if text.starts_with("Success") => Value::Null,
            Err(_) if text.starts_with("data:") => {
                return Try::Again(
                    "the server streams, which it wasn't asked to".to_owned(),
                    None,
                );
            }
            Err(error) => return Try::Again(format!("the answer is no JSON ({error})"), None),
        };
        let failed = &value["error"];
        match (call.read)(&value) {
            Ok(reply) => Try::Said(reply),
            Err(reason) if failed.is_null() => {
                // Some say it beside, and call it no error.
                let reason = match words::told(&value) {
                    Some(said) => format!("{reason}; the server says: {said}"),
                    None => reason,
                };
                Try::Again(words::clean(&reason, self.key.as_deref()), None)
            }
            Err(_) => {
                let message = words::message(text, self.key.as_deref());
                let number = |value: &Value| {
                    let spelled = || value.as_str()?.parse().ok();
                    value.as_u64().or_else(spelled)
                };
                let code = number(&failed["code"]).or_else(|| number(&failed["status"]));
                match code.and_then(|code| u16::try_from(code).ok()) {
                    Some(code @ 400..=499) if !passes(code) => Try::Refused(code, message),
                    _ => Try::Again(
                        format!("the server answered with an error: {message}"),
                        None,
                    ),
                }
            }
        }
    }
}

/// How long a server asks to be left alone: seconds, whole or not, or milliseconds.
fn wait_of<'a>(header: impl Fn(&'static str) -> Option<&'a str>) -> Option<Duration> {
    let number = |name| header(name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1e3);
    let seconds = seconds.or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_unit() {
        let of = |name: &'static str, text: &'static str| {
            wait_of(|asked| (asked == name).then_some(text))
        };
        assert_eq!(of("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(of("retry-after", "1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(
            of("retry-after-ms", "1500"),
            Some(Duration::from_millis(1500))
        );
        for text in ["-1", "nan", "soon"] {
            assert_eq!(of("retry-after", text), None, "{text}");
        }
    }
}
