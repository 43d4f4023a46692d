//! SandboxFusion, which verl, tinker-cookbook and others speak: `/run_code` runs a program (`run`), `/submit` judges an answer
//! (`submit`), and the data sets are those that are served.
//!
//! A sandbox that failed is `SandboxError` with HTTP 200, as theirs is. A request whose turn does not come before its client
//! gives up, `compile_timeout + run_timeout + 10` seconds, is told 504, the only status that verl's client tries again.

mod datasets;
mod run;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use rlef_sandbox::Language;
use serde_json::json;

use super::Dialect;
use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::json::Bad;
use crate::reply::Json;

/// Languages of theirs that are not here; programs in their shell call others, and in the one here none.
const OTHERS: [&str; 19] = [
    "python2",
    "go_test",
    "bash",
    "sql",
    "cuda",
    "R",
    "D_ut",
    "julia",
    "pytest",
    "junit",
    "kotlin_script",
    "jest",
    "verilog",
    "python_gpu",
    "lean",
    "swift",
    "racket",
    "gtest",
    "react",
];

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/ping", get(ping))
        .route("/run_code", post(run::run_code))
        .route("/run_jupyter", post(run_jupyter))
        .route("/submit", post(submit::submit))
        .route("/list_datasets", get(datasets::list))
        .route("/list_ids", post(datasets::ids))
        .route("/get_prompts", post(datasets::prompts))
        .route("/get_prompt_by_id", post(datasets::prompt))
        .route("/get_metrics", post(datasets::metrics))
        .route("/get_metrics_function", post(datasets::metrics_function))
}

async fn ping() -> Response {
    Json("pong").into_response()
}

/// Said with theirs, so that a client gives up instead of taking it for an answer.
async fn run_jupyter(State(app): State<Arc<App>>, request: Request) -> Response {
    if let Err(failure) = crate::body::read(&app, request, None).await {
        return Dialect::SandboxFusion.failure(&failure);
    }
    let message = "there are no notebooks here: send the cells as one program to /run_code";
    let body = json!({
        "status": "SandboxError",
        "message": message,
        "driver": null,
        "cells": [],
        "executor_pod_name": null,
        "files": {},
    });
    (StatusCode::NOT_IMPLEMENTED, Json(body)).into_response()
}

/// The language that they call so.
fn language(name: &str) -> Result<Language, Failure> {
    let own = match name {
        "nodejs" => Some(Language::JavaScript),
        name => Language::from_tag(name).filter(|_| !OTHERS.contains(&name)),
    };
    own.ok_or_else(|| {
        if OTHERS.contains(&name) {
            let words = format!(
                "{name} programs can't be run here: of the languages python, cpp, c, nodejs, go, java, rust, typescript, php, ruby, \
                 lua, perl, csharp, kotlin and scala are there"
            );
            return Failure::new(Kind::Problem, words);
        }
        Bad::field("language", "another", "the name of a language").into()
    })
}

/// Whether they compile it in a step of its own, which has a result of its own.
const fn is_compiled(language: Language) -> bool {
    matches!(
        language,
        Language::Cpp | Language::C | Language::Rust | Language::Java | Language::Go
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_names_of_languages_are_ours_or_said_to_be_missing() {
        for (name, expected) in [
            ("python", Language::Python),
            ("cpp", Language::Cpp),
            ("nodejs", Language::JavaScript),
            ("go", Language::Go),
            ("java", Language::Java),
            ("rust", Language::Rust),
            ("c", Language::C),
            ("php", Language::Php),
            ("csharp", Language::CSharp),
            ("kotlin", Language::Kotlin),
        ] {
            assert_eq!(language(name).unwrap(), expected);
        }
        for name in OTHERS {
            assert_eq!(language(name).unwrap_err().kind, Kind::Problem, "{name}");
        }
        assert_eq!(language("cobol").unwrap_err().kind, Kind::Request);
    }
}
