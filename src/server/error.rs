//! Why a server can't be asked, and why one answer of it is missing.

use rlef_judge::counted::counted;

/// Why a server can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is of no use.
    #[error("failed to use {url} as a server: {reason}")]
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
    /// What it holds is of no use any more.
    #[error(transparent)]
    Unusable(Box<dyn std::error::Error + Send + Sync>),
    /// The first request had no answer, so none will have.
    #[error(
        "failed to ask {url}: no answer to {}, the last: {reason}; check that the server runs, or allow it more tries or more time",
        counted(*tries as usize, "request")
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

/// Why one answer is missing while others came: its episode is no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LostAnswer {
    /// The server understood this very request, and refused it.
    #[error("the server refused with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words, trimmed.
        message: String,
    },
    /// No try had an answer of use.
    #[error("{} failed: {reason}", counted(*tries as usize, "request"))]
    Unanswered {
        /// Requests made.
        tries: u32,
        /// What the last one met.
        reason: String,
    },
    /// There is no room for an answer.
    #[error("{0}")]
    TooLong(String),
    /// An answer came, and can't be used.
    #[error("{0}")]
    Unusable(String),
    /// Nothing more was to be asked.
    #[error("it was told to stop")]
    Stopped,
}
