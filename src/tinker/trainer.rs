//! What a run asks of the server, in the order in which it may be asked: a snapshot before sampling, passes and then a step, and
//! what must be saved so that a server that is started again can go on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use prost::Message;
use serde_json::{Value, json};

use super::adapter::unpack;
use super::client::{Again, Body, Client};
use super::passes::{Loss, Passed, Said, Stepped, rows_of};
use super::session::Session;
use super::wire::{self, ForwardBackwardOutput, ForwardBackwardRequest, SampleResponse};
use super::{Datum, TinkerConfig, TinkerError};
use crate::update::OptimizerConfig;

/// A model on a server: what is sampled and what is trained.
pub struct Trainer {
    config: TinkerConfig,
    client: Arc<Client>,
    session: Option<Session>,
    /// Part of every name that is given there, which no other run has.
    mark: u64,
    /// Names that were given.
    names: usize,
    /// What is sampled, and of which version of the weights it is.
    snapshot: Option<(usize, String)>,
    /// Where weights and moments were saved last.
    saved: Option<String>,
}

impl Trainer {
    /// Prepares to ask; sends nothing.
    pub fn new(config: TinkerConfig) -> Result<Self, TinkerError> {
        Ok(Self {
            client: Arc::new(Client::new(&config)?),
            session: None,
            mark: rand::random(),
            names: 0,
            snapshot: None,
            saved: None,
            config,
        })
    }

    /// What it was told.
    pub const fn config(&self) -> &TinkerConfig {
        &self.config
    }

    /// Where weights and moments were saved last.
    pub fn saved(&self) -> Option<&str> {
        self.saved.as_deref()
    }

    /// Goes on from what was saved there, once it is first asked for anything.
    pub fn go_on_from(&mut self, saved: String) {
        (self.saved, self.session, self.snapshot) = (Some(saved), None, None);
    }

    fn session(&mut self) -> Result<&mut Session, TinkerError> {
        if self.session.is_none() {
            let opened = Session::open(&self.client, &self.config, self.saved.as_deref())?;
            self.session = Some(opened);
        }
        Ok(self.session.as_mut().expect("it was opened"))
    }

    fn model(&mut self) -> Result<String, TinkerError> {
        Ok(self.session()?.model.clone())
    }

    /// A name that nothing there has had: older snapshots of a model are its present weights, or take their place.
    fn name(&mut self, what: &str, number: usize) -> String {
        self.names += 1;
        format!("rlef-{:016x}-{what}{number:06}-{}", self.mark, self.names)
    }

    /// Has the server sample from the weights as they are, which are those after `version` updates. Whether they are others than
    /// before.
    pub fn snapshot(&mut self, version: usize) -> Result<bool, TinkerError> {
        if self.snapshot.as_ref().is_some_and(|(of, _)| *of == version) {
            return Ok(false);
        }
        let path = self.put("save_weights_for_sampler", "s", version)?;
        self.snapshot = Some((version, path));
        Ok(true)
    }

    /// Saves weights and moments, so that another session can go on with them.
    pub fn save(&mut self, number: usize) -> Result<(), TinkerError> {
        self.saved = Some(self.put("save_weights", "w", number)?);
        Ok(())
    }

    fn put(&mut self, call: &str, what: &str, number: usize) -> Result<String, TinkerError> {
        let model = self.model()?;
        let mut tries = self.config.tries.max(1);
        loop {
            let name = self.name(what, number);
            let body = json!({"model_id": model, "path": name});
            tries -= 1;
            match self.client.done_json(call, &body, Again::Never) {
                Ok(said) => {
                    let path = said["path"].as_str().map(str::to_owned);
                    return path.ok_or_else(|| broken(call, "it names no path".to_owned()));
                }
                // Whether it was taken is not known: another name is free in any case.
                Err(TinkerError::Server(crate::server::ServerError::NoAnswer { .. }))
                    if tries > 0 =>
                {
                    std::thread::sleep(std::time::Duration::from_secs(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the adapter that is sampled into a folder, in PEFT's layout.
    ///
    /// # Panics
    /// Where there is no snapshot.
    pub fn adapter(&mut self, folder: &Path) -> Result<(), TinkerError> {
        let (_, path) = self.snapshot.as_ref().expect("there is a snapshot");
        let named = path.strip_prefix("tinker://").and_then(|path| {
            let (model, rest) = path.split_once('/')?;
            Some((model, rest.rsplit('/').next()?))
        });
        let Some((model, name)) = named else {
            return Err(broken(
                "save_weights_for_sampler",
                format!("the path {path}"),
            ));
        };
        let path = format!("training_runs/{model}/checkpoints/{name}/download");
        unpack(
            &self.client.ask(&path, Body::None, Again::Harmless)?,
            folder,
        )
    }

    /// One answer to a prompt from the snapshot. `ends` end it, and are among its ids: the server ends by itself at none.
    pub fn say(
        &self,
        prompt: &[u32],
        seed: u64,
        most: usize,
        ends: &[u32],
    ) -> Result<Said, TinkerError> {
        let Some((_, path)) = &self.snapshot else {
            return Err(unsound("a prompt", "there is no snapshot to sample from"));
        };
        if most == 0 || ends.is_empty() {
            return Err(unsound("a prompt", "nothing would end its answer"));
        }
        self.checked(prompt)?;
        let body = json!({
            "num_samples": 1,
            "prompt": {"chunks": [{"type": "encoded_text", "tokens": prompt}]},
            "sampling_params": {
                "max_tokens": most,
                // Other temperatures are sampled from, and not what the log-probabilities are of.
                "temperature": 1.0,
                "top_p": 1.0,
                "top_k": -1,
                // Of 32 bits with a sign there.
                "seed": (seed ^ (seed >> 32)) & 0x7fff_ffff,
                "stop": ends,
            },
            "model_path": path,
        });
        let said = self.sampled(&body)?;
        let [only] = &said.sequences[..] else {
            let count = said.sequences.len();
            return Err(broken("asample", format!("{count} answers came, not one")));
        };
        let wrong = |reason| broken("asample", reason);
        let ids = wire::ids(&only.tokens).map_err(wrong)?;
        let log_probs = wire::floats(only.logprobs.as_deref().unwrap_or_default());
        Ok(Said {
            ids,
            log_probs: log_probs.map_err(wrong)?,
            cut: only.stop_reason == 1,
        })
    }

    /// The log-probability of every token of a row but its first by the model that the adapter is of.
    pub fn reference(&self, row: &[u32]) -> Result<Vec<f32>, TinkerError> {
        let Some(session) = &self.session else {
            return Err(unsound("a row", "there is no session"));
        };
        self.checked(row)?;
        let body = json!({
            "num_samples": 1,
            "prompt": {"chunks": [{"type": "encoded_text", "tokens": row}]},
            "sampling_params": {"max_tokens": 1, "temperature": 1.0, "seed": 0},
            "prompt_logprobs": true,
            "base_model": session.base,
        });
        let said = self.sampled(&body)?;
        let found = wire::floats(said.prompt_logprobs.as_deref().unwrap_or_default());
        let found = found.map_err(|reason| broken("asample", reason))?;
        if found.len() + 1 != row.len() || found.iter().any(|value| !value.is_finite()) {
            return Err(broken(
                "asample",
                format!("{} log-probabilities of {} ids", found.len(), row.len()),
            ));
        }
        Ok(found)
    }

    fn sampled(&self, body: &Value) -> Result<SampleResponse, TinkerError> {
        let bytes = self
            .client
            .done("asample", Body::Json(body), Again::Harmless)?;
        SampleResponse::decode(&bytes[..]).map_err(|error| broken("asample", error.to_string()))
    }

    fn checked(&self, ids: &[u32]) -> Result<(), TinkerError> {
        if ids.is_empty() {
            return Err(unsound("a prompt", "it is empty"));
        }
        match ids
            .iter()
            .find(|&&id| id as usize >= self.config.vocabulary)
        {
            Some(id) => Err(unsound(
                "a prompt",
                format!("it holds the id {id} of {}", self.config.vocabulary),
            )),
            None => Ok(()),
        }
    }

    /// Log-probabilities of rows.
    pub fn forward(&mut self, data: &[Datum]) -> Result<Passed, TinkerError> {
        self.pass(data, "cross_entropy", BTreeMap::new(), true)
    }

    /// Adds the gradient of a loss over rows to what the next step takes.
    pub fn forward_backward(&mut self, data: &[Datum], loss: &Loss) -> Result<Passed, TinkerError> {
        // Bounds of the ratio, not distances from 1.
        let bounds = loss.ratio.as_ref().map(|ratio| {
            [
                ("clip_low_threshold".to_owned(), *ratio.start()),
                ("clip_high_threshold".to_owned(), *ratio.end()),
            ]
        });
        self.pass(
            data,
            loss.name,
            bounds.into_iter().flatten().collect(),
            false,
        )
    }

    fn pass(
        &mut self,
        data: &[Datum],
        loss: &str,
        config: BTreeMap<String, f64>,
        forward_only: bool,
    ) -> Result<Passed, TinkerError> {
        let what = "forward_backward";
        if data.is_empty() {
            return Err(unsound("a pass", "it has no row, and would never end"));
        }
        let session = self.session()?;
        let request = ForwardBackwardRequest {
            model_id: session.model.clone(),
            seq_id: session.next(),
            data: data.iter().map(Datum::message).collect(),
            loss_fn: loss.to_owned(),
            loss_fn_config: config,
            forward_only,
        };
        let body = request.encode_to_vec();
        let bytes = (self.client).done(what, Body::Protobuf(&body), Again::Harmless)?;
        let output = ForwardBackwardOutput::decode(&bytes[..]);
        let output = output.map_err(|error| broken(what, error.to_string()))?;
        let numbers = |name: &str| rows_of(&output, name, data).map_err(|why| broken(what, why));
        Ok(Passed {
            log_probs: numbers("logprobs")?,
            losses: if forward_only {
                Vec::new()
            } else {
                numbers("elementwise_loss")?
            },
        })
    }

    /// Moves the weights against the gradient of the passes since the last step.
    pub fn step(&mut self, rate: f64, adam: &OptimizerConfig) -> Result<Stepped, TinkerError> {
        let session = self.session()?;
        let body = json!({
            "model_id": session.model,
            "seq_id": session.next(),
            "adam_params": {
                "learning_rate": rate,
                "beta1": adam.beta_1,
                "beta2": adam.beta_2,
                "eps": adam.epsilon,
                "weight_decay": adam.weight_decay,
            },
        });
        let said = self
            .client
            .done_json("optim_step", &body, Again::Harmless)?;
        let metrics = said["metrics"].as_object();
        let norm = metrics.and_then(|all| {
            let mut named = all.iter().filter(|(name, _)| name.ends_with("grad_norm"));
            named.next().map(|(_, value)| value.as_f64())
        });
        match norm {
            Some(Some(norm)) if norm.is_finite() => Ok(Stepped { norm }),
            Some(_) => Err(TinkerError::NotFinite),
            None => Err(broken(
                "optim_step",
                "it names no norm of the gradient".to_owned(),
            )),
        }
    }
}

fn broken(what: &str, reason: String) -> TinkerError {
    TinkerError::Broken {
        what: what.to_owned(),
        reason,
    }
}

fn unsound(what: &str, reason: impl Into<String>) -> TinkerError {
    TinkerError::Unsound {
        what: what.to_owned(),
        reason: reason.into(),
    }
}
