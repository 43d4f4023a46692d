//! A policy behind a serving engine: episodes' ids → ids and log-probabilities, some side by side, and weights to the engine.
//!
//! Ids go in and ids come out, so nothing is ever cut into tokens twice and what is learnt from is what was sampled. The
//! engine holds the very weights that are trained: after each update they are written where both can read, and the engine is
//! told to load them. How an engine is asked is a row of `server::interface`; how patiently, `server`'s.

mod sampling;
mod weights;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::model::decoder::Decoder;
use crate::run::lock::{Lock, LockError};
use crate::server::interface::{Interface, SGLANG, VLLM};
use crate::server::{Server, ServerConfig, ServerError};
pub use sampling::EnginePolicy;
use weights::Weights;

/// Which engine serves the policy while it is trained, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Whose interface it has.
    pub kind: EngineKind,
    /// Address before the paths, as `http://localhost:8000`.
    pub url: String,
    /// The model's name there; vLLM may serve several.
    #[serde(default)]
    pub model: String,
    /// Folder that this machine writes and the engine reads; each version of the weights gets one of its own below it.
    pub weights: PathBuf,
    /// Whether weights are handed over with 16 bits, as bfloat16, instead of 32.
    #[serde(default)]
    pub bfloat16: bool,
    /// Completions under way at once.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// Requests made for one answer at most.
    #[serde(default = "tries")]
    pub tries: u32,
    /// Seconds for one request, its answer included.
    #[serde(default = "timeout_s")]
    pub timeout_s: u64,
    /// Name of the environment variable with the key that is sent; no key is sent where it isn't set.
    #[serde(default = "api_key_env")]
    pub api_key_env: String,
}

/// The interfaces known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// vLLM's `/inference/v1/generate`, in development mode for the weights (`VLLM_SERVER_DEV_MODE=1`).
    Vllm,
    /// SGLang's `/generate` and `/update_weights_from_disk`.
    Sglang,
    /// Refused: an OpenAI-compatible server gives no ids to learn from.
    Openai,
}

const fn concurrency() -> usize {
    64
}

const fn tries() -> u32 {
    6
}

const fn timeout_s() -> u64 {
    600
}

fn api_key_env() -> String {
    "OPENAI_API_KEY".to_owned()
}

/// Why an engine can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It can't be reached, or refuses.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The weights could not be written for it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Another run has the folder for the weights.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The folder for the weights can't be used.
    #[error(
        "failed to use {path} for the engine's weights: {reason}; set engine.weights to a folder that both can read"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
}

/// A serving engine and the version of the weights it holds.
pub struct Engine {
    server: Server,
    weights: Weights,
    version: Option<usize>,
    /// The longest context it serves, where it said so; asked once it holds weights.
    context: Option<usize>,
    /// Two runs would take each other's weights away.
    _lock: Lock,
}

impl EngineKind {
    fn interface(self) -> &'static dyn Interface {
        match self {
            Self::Vllm => VLLM,
            // The other one is refused where the configuration is read.
            Self::Sglang | Self::Openai => SGLANG,
        }
    }
}

impl Engine {
    /// Prepares to ask; sends nothing.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let folder = |reason| EngineError::Folder {
            path: config.weights.clone(),
            reason,
        };
        std::fs::create_dir_all(&config.weights).map_err(folder)?;
        let server = ServerConfig {
            url: config.url.clone(),
            model: config.model.clone(),
            concurrency: config.concurrency,
            tries: config.tries,
            timeout: Duration::from_secs(config.timeout_s),
            backoff: Duration::from_millis(500),
        };
        let key = std::env::var(&config.api_key_env).ok();
        let key = key.filter(|key| !key.is_empty());
        let server = Server::new(&server, config.kind.interface(), key)?;
        let lock = Lock::take(&config.weights)?;
        Ok(Self {
            server,
            weights: Weights::new(config).map_err(folder)?,
            version: None,
            context: None,
            _lock: lock,
        })
    }

    /// Has the engine load these weights, which are the policy after `version` updates; asks nothing where it holds them.
    pub fn load_weights(
        &mut self,
        policy: &Decoder,
        tokenizer: &Tokenizer,
        version: usize,
    ) -> Result<(), EngineError> {
        if self.version == Some(version) {
            return Ok(());
        }
        let folder = self.weights.write(policy, tokenizer, version)?;
        self.server.load_weights(&folder, version)?;
        if self.version.is_none() {
            self.context = self.server.context();
            let own = policy.config.max_position_embeddings;
            if let Some(context) = self.context.filter(|&context| context < own) {
                tracing::info!(
                    "the engine serves a context of {context} tokens, the policy has {own}"
                );
            }
        }
        self.version = Some(version);
        // What it loads it answers with: one completion without an answer says nothing of the others.
        self.server.set_served();
        self.weights.keep_only(&folder)
    }
}
