//! OpenRLHF's remote reward: `--reward.remote_url http://HOST/openrlhf`, any path below it.
//!
//! `{query, prompts, labels}` → `{rewards, scores, extra_logs}`, an item each. There is no place for a judge that failed: then the
//! whole request is an HTTP error, which the client tries again five times before it stops the training; what was judged
//! already comes from the cache.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{Dialect, label};
use crate::app::{App, Ask};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::pool::Client;
use crate::problems::Given;
use rlef_judge::program::{Program, Wanted};
use rlef_judge::verdict::{Grade, Scope, StopAt, Verdict};

/// Answers of a request that wait for a worker at once.
const AHEAD: usize = 32;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/openrlhf", post(reward))
        .route("/openrlhf/{*rest}", post(reward))
}

async fn reward(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::OpenRlhf.answer(rewarded(&app, request).await)
}

async fn rewarded(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let list = |name: &str| {
        let items = request.items(name)?;
        items.ok_or_else(|| Bad::field(name, "nothing", "a list"))
    };
    let (queries, prompts, labels) = (list("query")?, list("prompts")?, list("labels")?);
    request.finish()?;
    if queries.len() != labels.len() || queries.len() != prompts.len() {
        let words = "`query`, `prompts` and `labels` have different lengths";
        return Err(Failure::new(Kind::Request, words));
    }
    let mut answers = Vec::with_capacity(queries.len());
    for ((query, prompt), label) in queries.iter().zip(&prompts).zip(&labels) {
        let given = label::problem(app, &asked.purse, label)?;
        let query: String = serde_json::from_str(query)
            .map_err(|_| Bad::field("query", crate::json::kind(query), "texts"))?;
        // The query is the prompt with the answer behind it; a prompt's code is none of the answer.
        let prompt: Option<String> = serde_json::from_str(prompt).ok();
        let answer =
            prompt.and_then(|prompt| query.strip_prefix(prompt.as_str()).map(str::to_owned));
        answers.push((given, answer.unwrap_or(query)));
    }
    let verdicts = side_by_side(app, &asked.client, answers).await?;
    let rewards: Vec<f64> = verdicts.iter().map(score).collect();
    let passed: Vec<f64> = verdicts
        .iter()
        .map(|verdict| verdict.passed as f64 / verdict.total.max(1) as f64)
        .collect();
    Ok(json!({
        "rewards": rewards,
        "scores": rewards,
        "extra_logs": {"passed_tests": passed},
    }))
}

/// 1 for a program that passes all tests, 0 for any other.
pub(super) fn score(verdict: &Verdict) -> f64 {
    f64::from(u8::from(verdict.is_accepted()))
}

/// The verdict on one answer.
pub(super) async fn verdict(
    app: &App,
    client: &Client,
    given: Given,
    text: &str,
) -> Result<Verdict, Failure> {
    let found = Program::find(text, &Wanted::of(&given.problem));
    if let Ok(found) = &found {
        app.require(found.program.language)?;
    }
    let ask = Ask {
        given,
        found,
        scope: Scope::All,
        stop: StopAt::FirstFailure,
    };
    let judgement = app.judge(client, ask).await?;
    let none = || Failure::new(Kind::Infrastructure, "the judge gave no verdict");
    let verdict = judgement.verdict.clone().ok_or_else(none)?;
    if verdict.grade == Grade::Unsupported {
        let words = "the program needs what this isolation lacks: nothing is known of it";
        return Err(Failure::new(Kind::Infrastructure, words));
    }
    Ok(verdict)
}

async fn side_by_side(
    app: &Arc<App>,
    client: &Client,
    answers: Vec<(Given, String)>,
) -> Result<Vec<Verdict>, Failure> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; answers.len()];
    let mut waiting = answers.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AHEAD {
            let Some((place, (given, text))) = waiting.next() else {
                break;
            };
            let (app, client) = (Arc::clone(app), client.clone());
            running.spawn(async move { (place, verdict(&app, &client, given, &text).await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok((place, verdict))) => verdicts[place] = Some(verdict?),
            Some(Err(_)) => return Err(Failure::lost()),
        }
    }
    verdicts
        .into_iter()
        .map(|verdict| verdict.ok_or_else(Failure::lost))
        .collect()
}
