//! A session on the server and the one model of it, kept alive by a thread of its own and given up at the end.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use super::client::{Again, Body, Client};
use super::{TinkerConfig, TinkerError};

/// Seconds between signs of life. The server gives models up of which it has heard nothing for some minutes.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// A model that is trained.
pub(super) struct Session {
    client: Arc<Client>,
    /// Its name on the server.
    pub(super) model: String,
    /// What the server calls the model below it.
    pub(super) base: String,
    /// Number of the last call that trains, by which one that is sent twice is known.
    sequence: i32,
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
}

impl Session {
    /// Opens one, with a new adapter, or with the weights and moments that were saved under this path.
    pub(super) fn open(
        client: &Arc<Client>,
        config: &TinkerConfig,
        saved: Option<&str>,
    ) -> Result<Self, TinkerError> {
        let base = base(client, &config.model)?;
        let session = json!({"tags": ["rlef"], "sdk_version": env!("CARGO_PKG_VERSION")});
        let broken = |what: &str, field: &str| TinkerError::Broken {
            what: what.to_owned(),
            reason: format!("it has no {field}"),
        };
        let said = client.ask_json("create_session", Body::Json(&session), Again::Harmless)?;
        let session = said["session_id"].as_str();
        let session = session.ok_or_else(|| broken("create_session", "session_id"))?;
        // One that was never heard of again is kept for ever, and its models in their places.
        let beat = json!({"session_id": session});
        client.ask("session_heartbeat", Body::Json(&beat), Again::Harmless)?;
        let body = json!({
            "session_id": session,
            "base_model": base,
            "lora_config": {"rank": config.rank, "seed": config.seed},
        });
        let (stop, stopped) = channel();
        let heart = {
            let client = Arc::clone(client);
            std::thread::spawn(move || {
                while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                    let beat = client.ask("session_heartbeat", Body::Json(&beat), Again::Never);
                    if let Err(error) = beat {
                        tracing::warn!(%error, "the server has not heard that this run is alive");
                    }
                }
            })
        };
        let mut opened = Self {
            client: Arc::clone(client),
            model: String::new(),
            base,
            sequence: 0,
            stop: Some(stop),
            heart: Some(heart),
        };
        // Twice would be two models, in two places of the few that there are.
        let made = client.done_json("create_model", &body, Again::Never)?;
        let model = made["model_id"].as_str();
        model
            .ok_or_else(|| broken("create_model", "model_id"))?
            .clone_into(&mut opened.model);
        let rank = made["lora_config"]["rank"].as_u64();
        if rank != Some(config.rank as u64) {
            return Err(TinkerError::Broken {
                what: "create_model".to_owned(),
                reason: format!(
                    "an adapter of rank {} was made, not of {rank:?}",
                    config.rank
                ),
            });
        }
        if let Some(path) = saved {
            // Only as the first call of a new model.
            let body = json!({"model_id": opened.model, "path": path, "optimizer": true});
            client.done("load_weights", Body::Json(&body), Again::Harmless)?;
        }
        Ok(opened)
    }

    /// The number of the next call that trains.
    pub(super) fn next(&mut self) -> i32 {
        self.sequence += 1;
        self.sequence
    }
}

/// What the server calls the model that it trains: it takes any other name, and trains its own.
fn base(client: &Client, named: &str) -> Result<String, TinkerError> {
    let path = "get_server_capabilities";
    let said = client.ask_json(path, Body::None, Again::Harmless)?;
    let models = said["supported_models"].as_array();
    let mut models = models
        .into_iter()
        .flatten()
        .filter_map(|model| model["model_name"].as_str());
    let found = if named.is_empty() {
        models.next()
    } else {
        models.clone().find(|model| *model == named)
    };
    match found {
        Some(model) => Ok(model.to_owned()),
        None => Err(TinkerError::OtherModel {
            expected: named.to_owned(),
            found: models.next().unwrap_or("nothing").to_owned(),
        }),
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
        if !self.model.is_empty() {
            // Else its place is taken until the server gives the session up.
            let body = json!({"model_id": self.model});
            let _ = self
                .client
                .ask("unload_model", Body::Json(&body), Again::Never);
        }
    }
}
