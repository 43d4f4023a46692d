//! What pages have in common: what an address asks for, what a page answers, and how one address is made of another.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// What stands behind the question mark of an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pairs: Vec<(String, String)>,
}

impl Ask {
    /// Of an address's query.
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self {
            pairs: pairs.into_owned().collect(),
        }
    }

    /// The value of a name, where it is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let named = |pair: &&(String, String)| pair.0 == name && !pair.1.is_empty();
        self.pairs.iter().find(named).map(|pair| pair.1.as_str())
    }

    /// All values of a name that are not empty.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self
            .pairs
            .iter()
            .filter(move |pair| pair.0 == name && !pair.1.is_empty());
        named.map(|pair| pair.1.as_str())
    }

    /// The value of a name that must be there.
    pub(super) fn need(&self, name: &str) -> Result<&str, Fault> {
        self.get(name)
            .ok_or_else(|| Fault::Bad(format!("expected ?{name}= in the address")))
    }

    /// The number of a name; refused where it is none.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let wrong = |_| Fault::Bad(format!("expected a number in ?{name}=, found {text:?}"));
        text.trim().parse().map(Some).map_err(wrong)
    }

    /// The address of `path` with the same query but this value of a name; without the name where there is none.
    pub(super) fn with(&self, path: &str, name: &str, value: Option<&str>) -> String {
        let kept = self
            .pairs
            .iter()
            .filter(|pair| pair.0 != name && !pair.1.is_empty());
        let kept = kept.map(|pair| (pair.0.as_str(), pair.1.as_str()));
        let all: Vec<(&str, &str)> = kept.chain(value.map(|value| (name, value))).collect();
        href(path, &all)
    }
}

/// An address.
pub(super) fn href(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{path}?{query}")
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Fault {
    /// The address asks for what makes no sense.
    Bad(String),
    /// There is no such thing.
    Missing(String),
    /// It could not be read or made.
    Failed(String),
}

impl Fault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn words(&self) -> &str {
        match self {
            Self::Bad(words) | Self::Missing(words) | Self::Failed(words) => words,
        }
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<crate::journal::JournalError> for Fault {
    fn from(error: crate::journal::JournalError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// An answer of this type.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// A page.
pub(super) fn html(status: StatusCode, text: String) -> Response {
    answer(status, "text/html; charset=utf-8", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_made_of_others() {
        let ask = Ask::of(Some("of=a%2Fb&of=c+d&page=2&empty="));
        assert_eq!(ask.all("of").collect::<Vec<_>>(), ["a/b", "c d"]);
        assert_eq!((ask.get("empty"), ask.get("none")), (None, None));
        assert_eq!(
            ask.with("/e", "page", Some("3&4")),
            "/e?of=a%2Fb&of=c+d&page=3%264"
        );
        assert_eq!(ask.with("/e", "of", None), "/e?page=2");
        assert_eq!(ask.number::<usize>("page").unwrap(), Some(2));
        assert!(ask.number::<usize>("of").is_err() && ask.need("none").is_err());
        assert_eq!(href("/", &[]), "/");
    }
}
