//! slime's remote reward: `--rm-type remote_rm --rm-url http://HOST/slime`, any path below it.
//!
//! `{prompt, response, label}` → a number. There is no place for a judge that failed: then it is an HTTP error, which the client
//! tries again ten times before it raises.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::Value;

use super::openrlhf::{score, verdict};
use super::{Dialect, label};
use crate::app::App;
use crate::body;
use crate::failure::Failure;
use crate::json::{Bad, Object};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/slime", post(reward))
        .route("/slime/{*rest}", post(reward))
}

async fn reward(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::Slime.answer(rewarded(&app, request).await)
}

async fn rewarded(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let response = request.required("response")?;
    let label = request.raw("label");
    let label = label.ok_or_else(|| Bad::field("label", "nothing", "the problem or its id"))?;
    let given = label::problem(app, &asked.purse, label)?;
    let verdict = verdict(app, &asked.client, given, &response).await?;
    Ok(score(&verdict).into())
}
