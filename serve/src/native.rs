//! rlef's own interface, below `/v1`. What it takes and gives is in `openapi.json`, which it serves.
//!
//! Within `/v1` fields may be added to answers, and fields that may be left out to requests; nothing is removed, renamed or given
//! another meaning. What can't be done so is `/v2`, beside it.

mod episode;
mod judge;
mod machine;
mod problem;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::reply::Json;

/// What it takes and gives.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

pub(crate) use episode::config as play_config;
pub(crate) use machine::health;

/// Its routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(machine::metrics))
        .route("/v1/openapi.json", get(machine::openapi))
        .route("/v1/version", get(machine::version))
        .route("/v1/languages", get(machine::languages))
        .route("/v1/protections", get(machine::protections))
        .route("/v1/problems", get(problem::list))
        .route("/v1/problems/{*id}", get(problem::one))
        .route("/v1/judge", post(judge::one))
        .route("/v1/judge/batch", post(judge::many))
        .route("/v1/episodes", post(episode::open))
        .route(
            "/v1/episodes/{id}",
            get(episode::state).delete(episode::close),
        )
        .route("/v1/episodes/{id}/steps", post(episode::step))
}

/// An answer or why there is none.
pub(crate) fn answer(result: Result<serde_json::Value, Failure>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// What is said of a route that there isn't.
pub(crate) async fn nowhere(request: axum::extract::Request) -> Response {
    let path = request.uri().path().to_owned();
    let failure = Failure::new(
        Kind::NotFound,
        "there is no such route; GET /v1/openapi.json and docs/serve.md list them",
    );
    crate::dialects::Dialect::of(&path).failure(&failure)
}

/// What is said of a route that is there, but not by this method.
pub(crate) async fn by_no_means(request: axum::extract::Request) -> Response {
    let path = request.uri().path().to_owned();
    let failure = Failure::new(
        Kind::Method,
        format!("this route is not there for {}", request.method()),
    );
    crate::dialects::Dialect::of(&path).failure(&failure)
}
