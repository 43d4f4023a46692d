//! What the server is and has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer;
use crate::app::App;
use crate::failure::without_paths;
use crate::reply::Json;

/// Whether it takes requests: as several dialects ask for it.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let draining = *app.draining.borrow();
    let (status, word) = if draining {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    } else {
        (StatusCode::OK, "healthy")
    };
    let body = json!({"status": word, "draining": draining});
    (status, Json(body)).into_response()
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let open = app.episodes.count() as u64;
    let counts = [
        (&app.metrics.episodes, open),
        (&app.metrics.held, app.places.taken() as u64),
        (&app.metrics.held_bytes, app.bytes.taken() as u64),
    ];
    for (number, count) in counts {
        number.store(count, Ordering::Relaxed);
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, app.metrics.text(&app.machine.counts())).into_response()
}

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], super::OPENAPI).into_response()
}

pub(super) async fn version(State(app): State<Arc<App>>) -> Response {
    answer(Ok(json!({
        "name": "rlef",
        "version": env!("CARGO_PKG_VERSION"),
        "api": 1,
        "rules": rlef_judge::verdict::RULES,
        "judge": without_paths(&app.machine.judge().stamp()),
    })))
}

pub(super) async fn languages(State(app): State<Arc<App>>) -> Response {
    let language = |state: &rlef_sandbox::LanguageState| {
        json!({
            "name": state.language.name(),
            "title": state.language.title(),
            "usable": state.usable,
            "tools": without_paths(&state.tools),
        })
    };
    let languages: Vec<Value> = app.languages.iter().map(language).collect();
    answer(Ok(json!({ "languages": languages })))
}

pub(super) async fn protections(State(app): State<Arc<App>>) -> Response {
    let protection = &app.protection;
    let state = |state: &rlef_sandbox::SafeguardState| {
        json!({
            "name": state.name,
            "in_force": state.in_force,
            "means": without_paths(&state.means),
            "remedy": state.remedy.as_deref().map(without_paths),
        })
    };
    let states: Vec<Value> = protection.safeguards.iter().map(state).collect();
    let gaps = protection.gaps.iter().map(|gap| without_paths(gap));
    answer(Ok(json!({
        "isolation": protection.isolation,
        "interpreter": without_paths(&protection.interpreter),
        "safeguards": states,
        "gaps": gaps.collect::<Vec<_>>(),
    })))
}
