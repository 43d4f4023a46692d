//! A policy behind a serving engine: episodes' ids → ids and log-probabilities, some side by side, and weights to the engine.
//!
//! Ids go in and ids come out, so nothing is ever cut into tokens twice and what is learnt from is what was sampled. The
//! engine holds the very weights that are trained: after each update they are written where both can read, and the engine is
//! told to load them. How an engine is asked is a row of `server::interface`; how patiently, `server`'s.

mod sampling;
mod weights;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::model::decoder::Decoder;
use crate::run::lock::{Lock, LockError};
use crate::server::interface::{Interface, SGLANG, VLLM};
use crate::server::{Server, ServerConfig, ServerError};
use crate::tinker::Backend;
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
    /// Folder that this machine writes and the engine reads; each version of the weights gets one of its own below it. Nothing
    /// with `tinker`, whose server has the weights that it trains.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub weights: PathBuf,
    /// What computes behind a server of the Tinker API: `jax`, `fsdp` or `megatron`; they reduce losses otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// The numbers that weights are handed over as: `auto` for those that the engine says it computes with, 32 bits where it
    /// says nothing; or `float32`, `bfloat16`, `float16`.
    #[serde(default)]
    pub dtype: EngineDtype,
    /// The older way to say `dtype = "bfloat16"`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bfloat16: bool,
    /// Whether the adapter alone is handed over, where one is trained, instead of the whole model with the adapter merged into
    /// it. The engine must serve the policy that the run starts from, with adapters on: vLLM with `--enable-lora` and
    /// `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`, SGLang with `--enable-lora`.
    #[serde(default)]
    pub adapters: bool,
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

/// The numbers of weights that are handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineDtype {
    /// Those that the engine says it computes with.
    #[default]
    Auto,
    /// 32 bits.
    Float32,
    /// 16 bits, 8 of them for the exponent.
    Bfloat16,
    /// 16 bits, 5 of them for the exponent.
    Float16,
}

/// The interfaces known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum EngineKind {
    /// vLLM's `/inference/v1/generate`, in development mode for the weights (`VLLM_SERVER_DEV_MODE=1`).
    Vllm,
    /// SGLang's `/generate` and `/update_weights_from_disk`.
    Sglang,
    /// The Tinker API, as SkyRL's server speaks it: it samples and trains.
    Tinker,
}

impl TryFrom<String> for EngineKind {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "vllm" => Ok(Self::Vllm),
            "sglang" => Ok(Self::Sglang),
            "tinker" => Ok(Self::Tinker),
            "openai" => Err("engine.kind is openai; expected vllm, sglang or tinker: an OpenAI-compatible server gives no token ids with their log-probabilities, so nothing can be learnt from it; `rlef eval --policy openai:URL` evaluates it".to_owned()),
            _ => Err(format!("engine.kind is {name:?}; expected vllm, sglang or tinker")),
        }
    }
}

fn is_nothing(path: &Path) -> bool {
    path.as_os_str().is_empty()
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
    /// It trains, too, and is no server of weights that are trained here.
    #[error(
        "failed to use the engine: a server of the Tinker API trains what it samples, in `rlef train` alone; expected vllm or sglang"
    )]
    Trains,
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
    /// Where weights are written for it; nothing where it answers with what it serves.
    weights: Option<Weights>,
    /// The version that it holds.
    version: Option<usize>,
    /// The name there of the adapter that it holds.
    adapter: Option<String>,
    /// Part of such names, which no other process has.
    mark: u64,
    /// The longest context it serves, where it said so; asked once it holds weights.
    context: Option<usize>,
    /// Two runs would take each other's weights away.
    _lock: Option<Lock>,
}

impl EngineKind {
    fn interface(self) -> Result<&'static dyn Interface, EngineError> {
        match self {
            Self::Vllm => Ok(VLLM),
            Self::Sglang => Ok(SGLANG),
            Self::Tinker => Err(EngineError::Trains),
        }
    }
}

impl EngineConfig {
    /// Whether it is handed the whole policy, an adapter merged into it.
    pub(crate) fn takes_merged(&self) -> bool {
        self.kind != EngineKind::Tinker && !self.adapters
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
        let server = Server::new(&server, config.kind.interface()?, key)?;
        let lock = Lock::take(&config.weights)?;
        Ok(Self {
            server,
            weights: Some(Weights::new(config).map_err(folder)?),
            version: None,
            adapter: None,
            mark: rand::random(),
            context: None,
            _lock: Some(lock),
        })
    }

    /// An engine that answers with what it serves and is given no weights. Asks for its context.
    pub fn serving(
        kind: EngineKind,
        config: &ServerConfig,
        key: Option<String>,
    ) -> Result<Self, EngineError> {
        let server = Server::new(config, kind.interface()?, key)?;
        Ok(Self {
            context: server.context(),
            server,
            weights: None,
            version: None,
            adapter: None,
            mark: rand::random(),
            _lock: None,
        })
    }

    /// Has the engine load these weights, which are the policy after `version` updates; asks nothing where it holds them, or is
    /// given none.
    pub fn load_weights(
        &mut self,
        policy: &Decoder,
        tokenizer: &Tokenizer,
        version: usize,
    ) -> Result<(), EngineError> {
        if self.version == Some(version) {
            return Ok(());
        }
        let Some(weights) = &mut self.weights else {
            return Ok(());
        };
        let folder = if weights.are_adapters() && policy.adapter.is_some() {
            let folder = weights.write_adapter(policy, version)?;
            // An engine may still hold those of a run that was killed, in a container with the same process id.
            let name = format!("rlef-{:016x}-{version:06}", self.mark);
            let before = self.adapter.as_deref();
            self.server.load_adapter(&folder, &name, before)?;
            self.adapter = Some(name);
            folder
        } else {
            let folder = weights.write(policy, tokenizer, version, &self.server)?;
            self.server.load_weights(&folder, version)?;
            folder
        };
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
        weights.keep_only(&folder)
    }

    /// The version of the weights that its answers name: adapters have names of their own.
    const fn answering(&self) -> Option<usize> {
        if self.adapter.is_some() {
            None
        } else {
            self.version
        }
    }
}
