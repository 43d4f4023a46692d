//! Why a request got no answer: one kind each, with the HTTP status that says it in rlef's own interface. How a dialect says it is
//! the dialect's.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rlef_judge::judge::JudgeError;
use rlef_judge::problem::{ProblemError, printable};
use rlef_sandbox::SandboxError;
use serde_json::json;

use crate::json::Bad;
use crate::reply::Json;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The request can't be read, or asks for what there is not.
    Request,
    /// No token, or a wrong one.
    Token,
    /// It comes from a web page, or by a name that this server doesn't have.
    Forbidden,
    /// There is no such route, problem or episode.
    NotFound,
    /// The route is there, but not by this method.
    Method,
    /// The episode is over, or busy with another step.
    Conflict,
    /// The caller was too slow to send it.
    Slow,
    /// It is too large.
    Large,
    /// It is no JSON by its content type.
    MediaType,
    /// The problem can't be judged, whatever the program.
    Problem,
    /// The caller has too many requests waiting.
    Share,
    /// The sandbox or the judge failed. Says nothing of the program.
    Infrastructure,
    /// This server doesn't do that.
    NotThere,
    /// Too much is waiting.
    Busy,
    /// The server ends.
    Draining,
    /// The caller's time was up before its turn came.
    Deadline,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 16] = [
        Self::Request,
        Self::Token,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::Conflict,
        Self::Slow,
        Self::Large,
        Self::MediaType,
        Self::Problem,
        Self::Share,
        Self::Infrastructure,
        Self::NotThere,
        Self::Busy,
        Self::Draining,
        Self::Deadline,
    ];

    /// Its name in answers and metrics, and its status.
    pub(crate) const fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::Request => ("request", StatusCode::BAD_REQUEST),
            Self::Token => ("token", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::Method => ("method", StatusCode::METHOD_NOT_ALLOWED),
            Self::Conflict => ("conflict", StatusCode::CONFLICT),
            Self::Slow => ("slow", StatusCode::REQUEST_TIMEOUT),
            Self::Large => ("large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::MediaType => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Problem => ("problem", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Share => ("share", StatusCode::TOO_MANY_REQUESTS),
            Self::Infrastructure => ("infrastructure", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NotThere => ("not_there", StatusCode::NOT_IMPLEMENTED),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::Draining => ("draining", StatusCode::SERVICE_UNAVAILABLE),
            Self::Deadline => ("deadline", StatusCode::GATEWAY_TIMEOUT),
        }
    }

    /// Seconds after which asking again may help.
    const fn retry_after(self) -> Option<u64> {
        match self {
            Self::Share | Self::Busy => Some(1),
            Self::Draining => Some(5),
            _ => None,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// In a sentence or less, for whoever asked.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// A worker ended without a word.
    pub(crate) fn lost() -> Self {
        Self::new(
            Kind::Infrastructure,
            "a worker of the server ended without an answer",
        )
    }

    pub(crate) const fn is_infrastructure(&self) -> bool {
        matches!(self.kind, Kind::Infrastructure)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.kind.row().1
    }

    /// As the field `error` of rlef's own interface.
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({
            "kind": self.kind.row().0,
            "infrastructure": self.is_infrastructure(),
            "message": printable(&self.message),
        })
    }

    /// Puts on what says when to ask again.
    pub(crate) fn with_headers(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if let Some(seconds) = self.kind.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Token {
            let scheme = HeaderValue::from_static("Bearer realm=\"rlef\", Basic realm=\"rlef\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.json() }));
        self.with_headers((self.status(), body).into_response())
    }
}

impl From<Bad> for Failure {
    fn from(bad: Bad) -> Self {
        Self::new(Kind::Request, bad.to_string())
    }
}

impl From<ProblemError> for Failure {
    fn from(error: ProblemError) -> Self {
        Self::new(Kind::Problem, format!("failed to {error}"))
    }
}

impl From<JudgeError> for Failure {
    fn from(error: JudgeError) -> Self {
        if error.is_of_problem() {
            return Self::new(Kind::Problem, format!("failed to {error}"));
        }
        if let JudgeError::Sandbox { cause, .. } = &error
            && let Some(cause) = cause.downcast_ref::<SandboxError>()
            && is_of_request(cause)
        {
            return Self::new(Kind::Problem, format!("failed to {cause}"));
        }
        tracing::error!(%error, "the judge failed");
        Self::new(
            Kind::Infrastructure,
            without_paths(&format!("failed to {error}")),
        )
    }
}

impl From<SandboxError> for Failure {
    fn from(error: SandboxError) -> Self {
        let words = format!("failed to {}", rlef_judge::judge::chain(&error));
        if is_of_request(&error) {
            return Self::new(Kind::Problem, without_paths(&words));
        }
        tracing::error!(%error, "the sandbox failed");
        Self::new(Kind::Infrastructure, without_paths(&words))
    }
}

/// Whether what was asked for can't be run here, now or later.
pub(crate) const fn is_of_request(error: &SandboxError) -> bool {
    matches!(
        error,
        SandboxError::MissingLanguage { .. }
            | SandboxError::NoWasm
            | SandboxError::NoProcess
            | SandboxError::ModuleInProcess
            | SandboxError::BadFiles(_)
            | SandboxError::BadLimits(_)
    )
}

/// The same words without paths of this host: what lies where is nobody's business.
pub(crate) fn without_paths(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut before = ' ';
    let mut rest = words.char_indices().peekable();
    while let Some((at, letter)) = rest.next() {
        let starts = letter == '/'
            && !(before.is_alphanumeric() || matches!(before, '<' | '/' | '.' | ':'))
            && words[at + 1..].starts_with(|next: char| next.is_alphanumeric() || next == '.');
        if !starts {
            out.push(letter);
            before = letter;
            continue;
        }
        out.push_str("<path>");
        let goes_on = |letter: &char| {
            letter.is_alphanumeric() || matches!(letter, '/' | '.' | '_' | '-' | '+' | '@' | '~')
        };
        while rest.next_if(|(_, letter)| goes_on(letter)).is_some() {}
        before = '>';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_host_are_left_out_and_nothing_else() {
        for (words, expected) in [
            (
                "start the jail helper /usr/local/bin/rlef: no such file",
                "start the jail helper <path>: no such file",
            ),
            ("(/etc/passwd)", "(<path>)"),
            (
                "1/2 of a / b and/or </answer>",
                "1/2 of a / b and/or </answer>",
            ),
            ("HumanEval/0 at http://x/y", "HumanEval/0 at http://x/y"),
        ] {
            assert_eq!(without_paths(words), expected);
        }
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_infrastructure_a_status_of_its_own() {
        let names: std::collections::BTreeSet<&str> =
            Kind::ALL.iter().map(|kind| kind.row().0).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        let status = Kind::Infrastructure.row().1;
        let same = Kind::ALL.iter().filter(|kind| kind.row().1 == status);
        assert_eq!(same.count(), 1);
    }
}
