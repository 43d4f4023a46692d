//! One WebSocket: one episode at a time. A message is answered before the next is looked at; who hangs up ends his step.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Reset, Whose, first, next, no_socket, state_json, text};
use crate::app::App;
use crate::episodes::Episode;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::meter::Meter;
use crate::metrics::Gauge;
use crate::places::{Held, Wait};
use crate::pool::Client;

/// Bytes that are read of a socket at once: what is read belongs to the message that it begins.
const READ: usize = 16 << 10;
/// Bytes of a control frame before what it says.
const CONTROL: usize = 6;
/// Messages that may come while a step is under way.
const AHEAD: usize = 8;
/// How long the other end has to hear why its socket is closed.
const GOODBYE: Duration = Duration::from_secs(1);

pub(super) async fn connect(
    State(app): State<Arc<App>>,
    client: Whose,
    meter: axum::Extension<Arc<Meter>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return no_socket();
    };
    let most = app.config.bounds.body_bytes;
    upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .write_buffer_size(0)
        .max_write_buffer_size(most.saturating_mul(2).max(1 << 20))
        .read_buffer_size(READ)
        .on_upgrade(move |socket| async move {
            meter.start(app.bytes.of(&client.who));
            Session::new(app, client.0, meter.0, socket).serve().await;
        })
}

/// What a socket holds between two messages.
struct Session {
    app: Arc<App>,
    client: Client,
    meter: Arc<Meter>,
    socket: WebSocket,
    /// Messages that came while a step was under way.
    ahead: std::collections::VecDeque<Came>,
    playing: Option<(String, Arc<Episode>)>,
}

/// A message, and the memory that it holds.
struct Came {
    text: String,
    _held: Held,
}

/// Why a socket is closed.
enum Over {
    /// A message did not come in time.
    Slow,
    /// It was, by its client.
    Gone,
    /// Too much came at once, or what is no text.
    Flood,
    /// Nothing came for too long.
    Idle,
    /// The server ends.
    Draining,
}

impl Session {
    const fn new(app: Arc<App>, client: Client, meter: Arc<Meter>, socket: WebSocket) -> Self {
        Self {
            app,
            client,
            meter,
            socket,
            ahead: std::collections::VecDeque::new(),
            playing: None,
        }
    }

    async fn serve(mut self) {
        let app = Arc::clone(&self.app);
        let _open = Gauge::up(&app.metrics.connections);
        let over = loop {
            let message = match self.next().await {
                Ok(message) => message,
                Err(over) => break over,
            };
            let said = match self.answer(&message.text).await {
                Ok(Some(said)) => said,
                Ok(None) => break Over::Gone,
                Err(over) => break over,
            };
            let sent = self.socket.send(Message::text(said.to_string()));
            if !matches!(
                timeout(self.app.config.bounds.pause, sent).await,
                Ok(Ok(()))
            ) {
                break Over::Gone;
            }
        };
        self.forget();
        let (code, reason) = match over {
            Over::Gone => return,
            Over::Flood => (1008, "answers are waited for before more is sent, as text"),
            Over::Slow => (1008, "the message did not come in time"),
            Over::Idle => (1001, "nothing was sent for too long"),
            Over::Draining => (1001, "the server ends"),
        };
        let frame = axum::extract::ws::CloseFrame {
            code,
            reason: reason.into(),
        };
        let close = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                // A connection that is dropped with bytes unread is reset, and the reason may be lost with it.
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = timeout(GOODBYE, close).await;
    }

    fn forget(&mut self) {
        if let Some((name, _)) = self.playing.take() {
            // It may have been closed by HTTP.
            let _ = self.app.episodes.close(&name);
        }
    }

    /// The next message.
    async fn next(&mut self) -> Result<Came, Over> {
        if let Some(message) = self.ahead.pop_front() {
            return Ok(message);
        }
        let mut draining = self.app.draining.subscribe();
        let bounds = &self.app.config.bounds;
        let (idle, whole) = (bounds.episode_idle, bounds.body);
        let meter = Arc::clone(&self.meter);
        tokio::select! {
            biased;
            () = async { drop(draining.wait_for(|draining| *draining).await) } => Err(Over::Draining),
            () = too_slow(&meter, whole) => Err(Over::Slow),
            message = timeout(idle, received(&mut self.socket, &self.meter)) => match message {
                Ok(message) => message,
                Err(_) => Err(Over::Idle),
            },
        }
    }

    /// What is said to a message; nothing where it ends the session.
    async fn answer(&mut self, message: &str) -> Result<Option<Value>, Over> {
        let object = match Object::of_body(message) {
            Ok(object) => object,
            Err(bad) => return Ok(Some(error("INVALID_JSON", &format!("Invalid JSON: {bad}")))),
        };
        let kind = object.text("type").ok().flatten().unwrap_or_default();
        Ok(Some(match kind.as_str() {
            "close" => return Ok(None),
            "reset" => {
                let answered = self.reset(&object);
                observed(answered)
            }
            "step" => match step_text(&object) {
                Ok(text) => observed(self.step(text).await?),
                Err(failure) => observed(Err(failure)),
            },
            "state" => {
                let name = self.playing.as_ref().map(|(name, _)| name.as_str());
                let episode = self.playing.as_ref().map(|(_, episode)| &**episode);
                json!({"type": "state", "data": state_json(name, episode)})
            }
            other => error("UNKNOWN_TYPE", &format!("Unknown message type: {other}")),
        }))
    }

    fn reset(&mut self, message: &Object<'_>) -> Result<Value, Failure> {
        let data = message.raw("data").unwrap_or("{}");
        message.finish()?;
        let data = Object::within(data, "data.".to_owned())?;
        let purse = self.app.bytes.of(&self.client.who);
        let reset = Reset::of(&self.app, &purse, &data)?;
        self.forget();
        let episode = Arc::new(reset.episode);
        let name = self.app.episodes.add(reset.name, Arc::clone(&episode))?;
        let said = first(&name, &episode);
        self.playing = Some((name, episode));
        Ok(said)
    }

    /// Takes a step, while it is watched whether anybody waits for it.
    async fn step(&mut self, text: String) -> Result<Result<Value, Failure>, Over> {
        let Some((name, episode)) = self.playing.clone() else {
            let words = "there is no episode yet; reset first";
            return Ok(Err(Failure::new(Kind::Conflict, words)));
        };
        let app = Arc::clone(&self.app);
        let step = async {
            let place = app.places.take(&self.client.who, Wait::No).await?;
            let held = app.bytes.of(&self.client.who).hold(text.len())?;
            let stepped = episode.step(&app, &self.client, None, text).await?;
            drop((place, held));
            Ok(next(&name, &episode, &stepped))
        };
        let mut step = std::pin::pin!(step);
        loop {
            tokio::select! {
                biased;
                done = step.as_mut() => return Ok(done),
                message = received(&mut self.socket, &self.meter) => {
                    let message = message?;
                    if self.ahead.len() >= AHEAD {
                        return Err(Over::Flood);
                    }
                    self.ahead.push_back(message);
                }
            }
        }
    }
}

/// The next text; pings are answered below.
async fn received(socket: &mut WebSocket, meter: &Meter) -> Result<Came, Over> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                return Ok(Came {
                    text: text.as_str().to_owned(),
                    _held: meter.whole(),
                });
            }
            // It may have come between two parts of a message.
            Some(Ok(Message::Ping(said) | Message::Pong(said))) => {
                meter.apart(said.len() + CONTROL);
            }
            Some(Ok(Message::Binary(_))) => return Err(Over::Flood),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over::Gone),
        }
    }
}

/// Resolves once a message has been coming for longer than this.
async fn too_slow(meter: &Meter, whole: Duration) {
    loop {
        let waited = meter
            .since()
            .map_or(Duration::ZERO, |since| since.elapsed());
        if waited >= whole {
            return;
        }
        tokio::time::sleep(whole.saturating_sub(waited)).await;
    }
}

fn step_text(message: &Object<'_>) -> Result<String, Failure> {
    let data = message.object("data")?;
    message.finish()?;
    let data = data.ok_or_else(|| Bad::field("data", "nothing", "an object with the action"))?;
    // The action itself, or within a field of that name.
    match data.object("action")? {
        Some(action) => {
            data.finish()?;
            text(&action)
        }
        None => text(&data),
    }
}

fn error(code: &str, message: &str) -> Value {
    json!({"type": "error", "data": {"message": message, "code": code}})
}

fn observed(result: Result<Value, Failure>) -> Value {
    match result {
        Ok(data) => json!({"type": "observation", "data": data}),
        Err(failure) => {
            let code = match failure.kind {
                Kind::Request | Kind::Problem | Kind::NotFound => "VALIDATION_ERROR",
                Kind::Busy | Kind::Share => "CAPACITY_REACHED",
                Kind::Infrastructure => "EXECUTION_ERROR",
                _ => "SESSION_ERROR",
            };
            error(code, &failure.message)
        }
    }
}
