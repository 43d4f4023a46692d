//! Why a server can't train, in the words a person reads.

use crate::server::ServerError;

/// What to do where the server has lost what it was to train.
const AGAIN: &str =
    "start the server again if it is gone; `rlef train --resume` goes on from the last checkpoint";

/// Why a server of the Tinker API can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TinkerError {
    /// Its address is of no use, it can't be reached, or it refuses.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// What was asked of it has not come to an end.
    #[error(
        "failed to wait for {what} of the server: nothing came in {seconds} s; give it more time (engine.timeout_s), its first passes compile for minutes"
    )]
    Slow {
        /// What was asked.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It has ended, or was started again, and holds the model no more.
    #[error(
        "failed to go on with the server: it has lost the model that is trained ({message}); {AGAIN}"
    )]
    Lost {
        /// Its own words.
        message: String,
    },
    /// What it answered is none.
    #[error("failed to use the server's answer to {what}: {reason}")]
    Broken {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was to be sent would have been taken, and the weights ruined by it.
    #[error("failed to send the server {what}: {reason}; nothing was sent")]
    Unsound {
        /// What was to be sent.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its weights are no numbers any more, and those of every other model there may be none.
    #[error(
        "failed to go on with the server: the norm of its gradient is no number, and what it holds may be none by now, other models' weights included; start it again, then `rlef train --resume` goes on from the last checkpoint"
    )]
    NotFinite,
    /// It serves another model than the one that was named.
    #[error(
        "failed to use the server: it trains {found:?}, expected {expected:?}; start it with --base-model {expected}, or name what it serves in engine.model"
    )]
    OtherModel {
        /// What was named.
        expected: String,
        /// What it serves.
        found: String,
    },
    /// The adapter that it gave can't be read.
    #[error("failed to read the adapter that the server gave: {0}")]
    Adapter(String),
}

impl TinkerError {
    /// Whether the machine or the server is at fault, rather than what the user gave.
    pub const fn is_of_machine(&self) -> bool {
        match self {
            Self::Server(error) => matches!(error, ServerError::NoAnswer { .. }),
            Self::OtherModel { .. } => false,
            _ => true,
        }
    }
}
