//! OpenEnv: an episode of RLEF as an environment, by WebSocket (`/ws`, an episode a connection) or by HTTP (`/reset`, `/step`,
//! `/state`), with `/schema`, `/metadata` and `/health`.
//!
//! An action is `{"completion": ANSWER}` (`code`, `message` or `answer` are the same); an observation is `{"message": TEXT, ..}`. A
//! judge that failed is an error of the kind EXECUTION_ERROR, or HTTP 500; the step may be taken again.

mod socket;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use super::Dialect;
use crate::app::App;
use crate::body;
use crate::episodes::{Episode, Stepped};
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::native::play_config;
use crate::places::Purse;
use crate::pool::Client;
use crate::problems::Given;
use crate::reply::Json;

/// Names of an action's text.
const TEXTS: [&str; 4] = ["completion", "code", "message", "answer"];
/// Characters of a name that a client gives an episode.
const LONGEST_NAME: usize = 255;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/ws", any(socket::connect))
        .route("/reset", post(reset))
        .route("/step", post(step))
        .route("/state", get(state))
        .route("/schema", get(schema))
        .route("/metadata", get(metadata))
}

/// `/health` under the prefix: at the top it is everybody's.
pub(super) fn health() -> Router<Arc<App>> {
    Router::new().route("/openenv/health", get(crate::native::health))
}

/// What a reset says: which problem, and how it is played.
struct Reset {
    episode: Episode,
    name: Option<String>,
}

impl Reset {
    fn of(app: &App, purse: &Purse, data: &Object<'_>) -> Result<Self, Failure> {
        let name = data.text("episode_id")?;
        if name
            .as_ref()
            .is_some_and(|name| name.is_empty() || name.len() > LONGEST_NAME)
        {
            return Err(Bad::field("episode_id", "another", "1 to 255 characters").into());
        }
        let seed = data.get::<u64>("seed", "a whole number that is not negative")?;
        let given = match data.raw("problem_id").or_else(|| data.raw("problem")) {
            Some(_) => app.sets.of_request(purse, data)?,
            None => drawn(app, data.text("set")?.as_deref(), seed)?,
        };
        let config = play_config(data)?;
        data.finish()?;
        Ok(Self {
            episode: Episode::open(app, given, config)?,
            name,
        })
    }
}

/// The problem that a seed draws; without one any.
fn drawn(app: &App, set: Option<&str>, seed: Option<u64>) -> Result<Given, Failure> {
    let sets: Vec<_> = app
        .sets
        .all()
        .iter()
        .filter(|each| set.is_none_or(|name| each.name() == name))
        .collect();
    let count: usize = sets.iter().map(|set| set.problems().len()).sum();
    if count == 0 {
        let words = "no problem is served: start the server with --problems, or send a `problem` with the reset";
        return Err(Failure::new(Kind::NotFound, words));
    }
    // Neighbouring seeds are not to draw neighbouring problems.
    let number = seed
        .unwrap_or_else(rand::random)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut place = (number >> 11) as usize % count;
    for set in sets {
        match set.problems().get(place) {
            Some(problem) => return app.sets.find(Some(set.name()), &problem.id),
            None => place -= set.problems().len(),
        }
    }
    Err(Failure::lost())
}

/// The text of an action.
fn text(action: &Object<'_>) -> Result<String, Failure> {
    action.ignore(&["metadata"]);
    let mut found = None;
    for name in TEXTS {
        if let Some(text) = action.text(name)? {
            if found.is_some() {
                let words = format!("an action has one of {}, found several", TEXTS.join(", "));
                return Err(Failure::new(Kind::Request, words));
            }
            found = Some(text);
        }
    }
    action.finish()?;
    found.ok_or_else(|| {
        let words = format!(
            "an action has one of {} with the answer, found none",
            TEXTS.join(", ")
        );
        Failure::new(Kind::Request, words)
    })
}

/// What is said first.
fn first(name: &str, episode: &Episode) -> Value {
    let metadata = json!({"episode_id": name, "problem_id": episode.given.problem.id});
    json!({
        "observation": {
            "message": episode.first,
            "problem_id": episode.given.problem.id,
            "turn": 0,
            "verdict": null,
            "stop_reason": null,
            "outcome": null,
            "rewards": null,
            "metadata": metadata,
        },
        "reward": null,
        "done": false,
        "metadata": metadata,
    })
}

/// What is said of a step.
fn next(name: &str, episode: &Episode, stepped: &Stepped) -> Value {
    let after = &stepped.after;
    let verdict = stepped.step.judged.verdict.as_ref();
    let metadata = json!({"episode_id": name, "problem_id": episode.given.problem.id});
    json!({
        "observation": {
            "message": stepped.step.observation.clone().unwrap_or_default(),
            "problem_id": episode.given.problem.id,
            "turn": after.turns.len(),
            "verdict": verdict.map(|verdict| verdict.grade),
            "stop_reason": after.stop,
            "outcome": after.outcome.as_ref().map(|outcome| outcome.grade),
            "rewards": after.rewards,
            "metadata": metadata,
        },
        "reward": stepped.step.reward,
        "done": after.stop.is_some(),
        "metadata": metadata,
    })
}

fn state_json(name: Option<&str>, episode: Option<&Episode>) -> Value {
    let played = episode.map(Episode::played);
    json!({
        "episode_id": name,
        "step_count": played.as_ref().map_or(0, |played| played.turns.len()),
        "problem_id": episode.map(|episode| episode.given.problem.id.as_str()),
        "done": played.as_ref().is_some_and(|played| played.stop.is_some()),
    })
}

async fn reset(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::OpenEnv.answer(was_reset(&app, request).await)
}

async fn was_reset(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let text = if asked.text.trim().is_empty() {
        "{}"
    } else {
        &asked.text
    };
    let reset = Reset::of(app, &asked.purse, &Object::of_body(text)?)?;
    let episode = Arc::new(reset.episode);
    let name = app.episodes.add(reset.name, Arc::clone(&episode))?;
    Ok(first(&name, &episode))
}

async fn step(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::OpenEnv.answer(was_stepped(&app, request).await)
}

/// By HTTP the episode is named: in the request, or in its action's metadata.
async fn was_stepped(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let action = request.object("action")?;
    let action = action.ok_or_else(|| Bad::field("action", "nothing", "an object"))?;
    let named = match action.object("metadata")? {
        Some(metadata) => metadata.text("episode_id")?,
        None => None,
    };
    let name = request.text("episode_id")?.or(named);
    request.ignore(&["timeout_s", "request_id"]);
    request.finish()?;
    let name = name.ok_or_else(|| {
        let words =
            "expected `episode_id`, as /reset gave it in `metadata`; by WebSocket it needs none";
        Failure::new(Kind::Request, words)
    })?;
    let text = text(&action)?;
    let episode = app.episodes.get(&name)?;
    let stepped = episode.step(app, &asked.client, None, text).await?;
    Ok(next(&name, &episode, &stepped))
}

async fn state(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Response {
    let name = query
        .as_deref()
        .and_then(|query| query.strip_prefix("episode_id="));
    let Some(name) = name else {
        return Json(state_json(None, None)).into_response();
    };
    match app.episodes.get(name) {
        Ok(episode) => Json(state_json(Some(name), Some(&episode))).into_response(),
        Err(failure) => Dialect::OpenEnv.failure(&failure),
    }
}

async fn schema() -> Response {
    let optional = |kind: &str| json!({"anyOf": [{"type": kind}, {"type": "null"}]});
    let metadata = json!({"type": "object", "additionalProperties": true});
    let observation = json!({
        "title": "RlefObservation",
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "problem_id": {"type": "string"},
            "turn": {"type": "integer"},
            "verdict": optional("string"),
            "stop_reason": optional("string"),
            "outcome": optional("string"),
            "rewards": optional("array"),
            "done": {"type": "boolean"},
            "reward": optional("number"),
            "metadata": metadata,
        },
    });
    Json(json!({
        "action": {
            "title": "RlefAction",
            "type": "object",
            "properties": {"completion": {"type": "string"}, "metadata": metadata},
            "required": ["completion"],
            "additionalProperties": false,
        },
        "observation": observation,
        "reset_observation": observation,
        "state": {
            "title": "RlefState",
            "type": "object",
            "properties": {
                "episode_id": optional("string"),
                "step_count": {"type": "integer"},
                "problem_id": optional("string"),
                "done": {"type": "boolean"},
            },
        },
    }))
    .into_response()
}

async fn metadata() -> Response {
    Json(json!({
        "name": "rlef",
        "description": "Programming problems, played turn by turn with feedback of public tests and graded by all.",
        "readme_content": null,
        "version": env!("CARGO_PKG_VERSION"),
        "author": null,
        "documentation_url": null,
    }))
    .into_response()
}

/// What a client that speaks no WebSocket is told at `/ws`.
fn no_socket() -> Response {
    let body = json!({"detail": "expected a WebSocket"});
    (StatusCode::UPGRADE_REQUIRED, Json(body)).into_response()
}

/// Whose socket it is.
type Whose = axum::Extension<Client>;
