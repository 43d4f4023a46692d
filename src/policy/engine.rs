//! A policy behind a serving engine: episodes' ids → ids and log-probabilities, some side by side, and weights to the engine.
//!
//! Ids go in and ids come out, so nothing is ever cut into tokens twice and what is learnt from is what was sampled. The
//! engine holds the very weights that are trained: after each update they are written where both can read, and the engine is
//! told to load them. How a server is asked is `vllm`'s and `sglang`'s; how patiently, `remote::http`'s.

mod sglang;
mod vllm;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::remote::RemoteError;
use super::remote::http::{Client, Connection, Outcome, Question};
use super::{Answer, Ask, LostAnswer, Policy, PolicyError, fitting, joined};
use crate::checkpoint::stop_text::StopTexts;
use crate::checkpoint::tokenizer::{Place, Tokenizer, TokenizerError};
use crate::checkpoint::{self, CheckpointError, Precision};
use crate::completion::{Completion, FinishReason, Sampling};
use crate::model::decoder::Decoder;
use crate::run::lock::{Lock, LockError};

/// Asks in a row without an answer after which the engine counts as gone.
const GONE: usize = 8;
/// Log-probabilities may be this much above 0 by rounding.
const ROUNDING: f32 = 1e-3;

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
    Remote(#[from] RemoteError),
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

/// One completion as a server gave it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Drawn {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    cut: bool,
}

/// What an adapter makes of one ask.
struct Draw<'a> {
    prefix: &'a [u32],
    seed: u64,
    sampling: &'a Sampling,
    ends: &'a [u32],
}

/// A serving engine and the version of the weights it holds.
pub struct Engine {
    config: EngineConfig,
    client: Client,
    weights: PathBuf,
    version: Option<usize>,
    /// Two runs would take each other's weights away.
    _lock: Lock,
}

impl Engine {
    /// Prepares to ask; sends nothing.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let folder = |reason| EngineError::Folder {
            path: config.weights.clone(),
            reason,
        };
        std::fs::create_dir_all(&config.weights).map_err(folder)?;
        let connection = Connection {
            url: &config.url,
            concurrency: config.concurrency,
            tries: config.tries,
            timeout: Duration::from_secs(config.timeout_s),
            backoff: Duration::from_millis(500),
            remedy: match config.kind {
                EngineKind::Vllm => vllm::remedy,
                EngineKind::Sglang | EngineKind::Openai => sglang::remedy,
            },
        };
        let key = std::env::var(&config.api_key_env).ok();
        Ok(Self {
            client: Client::new(&connection, key.filter(|key| !key.is_empty()))?,
            _lock: Lock::take(&config.weights)?,
            // The engine may have another working directory.
            weights: config.weights.canonicalize().map_err(folder)?,
            config: config.clone(),
            version: None,
        })
    }

    /// Has the engine hold these weights, which are the policy after `version` updates; asks nothing where it does.
    pub fn hold(
        &mut self,
        policy: &Decoder,
        tokenizer: &Tokenizer,
        version: usize,
    ) -> Result<(), EngineError> {
        if self.version == Some(version) {
            return Ok(());
        }
        let name = |version: usize| self.weights.join(format!("version-{version:06}"));
        let (partial, whole) = (self.weights.join("partial"), name(version));
        let folder = |reason| EngineError::Folder {
            path: self.weights.clone(),
            reason,
        };
        let remove = |path: &Path| match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(folder(error)),
            _ => Ok(()),
        };
        remove(&partial)?;
        let precision = if self.config.bfloat16 {
            Precision::Bf16
        } else {
            Precision::F32
        };
        checkpoint::save(&partial, policy, tokenizer, precision)?;
        remove(&whole)?;
        std::fs::rename(&partial, &whole).map_err(folder)?;
        let steps = match self.config.kind {
            EngineKind::Vllm => vllm::reload(&whole),
            EngineKind::Sglang | EngineKind::Openai => sglang::reload(&whole, version),
        };
        for (path, body) in steps {
            let question = Question {
                path,
                body: &body.to_string(),
                read: &accepted,
            };
            match self.client.ask(&question, version as u64, true).0 {
                Outcome::Said(()) => {}
                Outcome::Fatal(error) => return Err(error.into()),
                Outcome::Lost(lost) | Outcome::Unanswered(lost) => {
                    return Err(self.client.gone(lost).into());
                }
            }
        }
        self.version = Some(version);
        // Those of runs that were killed, too: each is a whole model.
        for entry in std::fs::read_dir(&self.weights).map_err(folder)? {
            let path = entry.map_err(folder)?.path();
            if path != whole && is_version(&path) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    fn draw(&self, draw: &Draw<'_>, vocabulary: usize) -> Outcome<Drawn> {
        let vllm = self.config.kind == EngineKind::Vllm;
        let body = if vllm {
            vllm::body(draw, &self.config.model)
        } else {
            sglang::body(draw)
        };
        let version = self.version.unwrap_or_default();
        let question = Question {
            path: if vllm {
                vllm::GENERATE
            } else {
                sglang::GENERATE
            },
            body: &body.to_string(),
            read: &|text| {
                let drawn = if vllm {
                    vllm::read(text)
                } else {
                    sglang::read(text, version)
                }?;
                sound(&drawn, draw, vocabulary)?;
                Ok(drawn)
            },
        };
        self.client.ask(&question, draw.seed, false).0
    }
}

/// Whether a path is named as [`Engine::hold`] names a version's folder.
fn is_version(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.strip_prefix("version-"));
    number
        .is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a server says that it did what it was told; one that says nothing did.
fn accepted(text: &str) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    match value["success"].as_bool() {
        Some(false) => Err(format!(
            "it did not: {}",
            value["message"].as_str().unwrap_or("no reason given")
        )),
        _ => Ok(()),
    }
}

/// Refuses what can't be learnt from.
fn sound(drawn: &Drawn, draw: &Draw<'_>, vocabulary: usize) -> Result<(), String> {
    let (tokens, logprobs) = (&drawn.tokens, &drawn.logprobs);
    if tokens.is_empty() {
        return Err("the answer has no token".to_owned());
    }
    if tokens.len() != logprobs.len() {
        return Err(format!(
            "the answer has {} tokens and {} log-probabilities",
            tokens.len(),
            logprobs.len()
        ));
    }
    if tokens.len() > draw.sampling.max_tokens {
        return Err(format!(
            "the answer has {} tokens; {} were asked for",
            tokens.len(),
            draw.sampling.max_tokens
        ));
    }
    if let Some(id) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
        return Err(format!(
            "the answer holds the id {id}, and the policy has {vocabulary}: the engine serves another model"
        ));
    }
    match logprobs
        .iter()
        .find(|value| !value.is_finite() || **value > ROUNDING)
    {
        Some(value) => Err(format!("the answer holds the log-probability {value}")),
        None => Ok(()),
    }
}

/// A policy whose answers an engine samples.
pub struct EnginePolicy<'a> {
    /// Who samples.
    pub engine: &'a Engine,
    /// The policy's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Ids an episode may hold.
    pub context: usize,
    /// Ids there are.
    pub vocabulary: usize,
}

impl EnginePolicy<'_> {
    fn answer(&self, drawn: Drawn, stops: &StopTexts<'_>) -> Result<Answer, TokenizerError> {
        let ended = drawn
            .tokens
            .last()
            .is_some_and(|id| self.tokenizer.ends.contains(id));
        let stop = if ended {
            FinishReason::End
        } else if stops.are_reached_by(&drawn.tokens) {
            FinishReason::Text
        } else if drawn.cut {
            FinishReason::Length
        } else {
            return Ok(Err(LostAnswer(
                "the engine left out the token that ended the answer".to_owned(),
            )));
        };
        let text = stops.before(self.tokenizer.decode(&drawn.tokens)?);
        let completion = Completion {
            tokens: drawn.tokens,
            sampler_logprobs: drawn.logprobs,
            stop,
        };
        Ok(Ok((completion, text)))
    }
}

impl Policy for EnginePolicy<'_> {
    fn message(&self, place: Place, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.tokenizer.message(place, text)
    }

    fn propose(
        &mut self,
        asks: &[Ask<'_>],
        sampling: &Sampling,
    ) -> Result<Vec<Answer>, PolicyError> {
        let (fit, lost) = fitting(asks, sampling, self.context);
        let some: Vec<Ask<'_>> = fit.iter().map(|&place| asks[place]).collect();
        let asks = some.as_slice();
        let (next, silent, stop) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicBool::new(false),
        );
        let concurrency = self.engine.config.concurrency.clamp(1, asks.len().max(1));
        let gone = GONE.max(concurrency);
        let drawn = Mutex::new(Vec::with_capacity(asks.len()));
        let this = &*self;
        std::thread::scope(|scope| {
            for _ in 0..concurrency {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(ask) = asks.get(place) else { break };
                        let draw = Draw {
                            prefix: ask.prefix,
                            seed: ask.seed,
                            sampling,
                            ends: &this.tokenizer.ends,
                        };
                        let found = match this.engine.draw(&draw, this.vocabulary) {
                            Outcome::Said(drawn) => {
                                silent.store(0, Ordering::Relaxed);
                                Ok(Ok(drawn))
                            }
                            Outcome::Unanswered(lost)
                                if silent.fetch_add(1, Ordering::Relaxed) + 1
                                    >= gone.min(asks.len()) =>
                            {
                                Err(this.engine.client.gone(lost))
                            }
                            Outcome::Lost(lost) | Outcome::Unanswered(lost) => Ok(Err(lost)),
                            Outcome::Fatal(error) => Err(error),
                        };
                        if found.is_err() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        let mut drawn = drawn.lock().expect("no worker panics with the lock");
                        drawn.push((place, found));
                    }
                });
            }
        });
        let mut drawn = drawn.into_inner().expect("no worker panics with the lock");
        drawn.sort_by_key(|(place, _)| *place);
        let stops = StopTexts::new(&sampling.stop, self.tokenizer);
        let answers = drawn
            .into_iter()
            .map(|(_, found)| -> Result<Answer, PolicyError> {
                match found? {
                    Ok(drawn) => Ok(self.answer(drawn, &stops)?),
                    Err(lost) => Ok(Err(lost)),
                }
            });
        joined(lost, answers)
    }

    fn end(&self) -> u32 {
        self.tokenizer.end
    }

    fn context(&self) -> usize {
        self.context
    }
}
