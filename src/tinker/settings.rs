//! What of a server is known before it is asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What computes behind the server. They reduce losses otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// JAX: the mean over rows of each row's mean; snapshots share the slot that is trained.
    #[default]
    Jax,
    /// PyTorch's FSDP: a sum over tokens.
    Fsdp,
    /// Megatron: a sum over tokens.
    Megatron,
}

/// Which server, what it trains, and how patiently it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct TinkerConfig {
    /// Address before the paths, as `http://localhost:8000`.
    pub url: String,
    /// The model as the server was told it, and as it must be named to it; empty to take what it serves.
    pub model: String,
    /// What computes there.
    pub backend: Backend,
    /// Rank of the adapter that is trained.
    pub rank: usize,
    /// Seed of the adapter.
    pub seed: u64,
    /// Ids there are.
    pub vocabulary: usize,
    /// Ids a row may hold.
    pub context: usize,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Tries of one request that has no answer.
    pub tries: u32,
    /// Time for one operation, what it waits for other callers' included.
    pub timeout: Duration,
    /// Sent as a bearer token, and neither printed nor recorded.
    pub key: Option<String>,
}
