//! One program or many → verdict, first failure, feedback, reward and what it cost.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use rlef_judge::environment::RewardRule;
use rlef_judge::feedback::{self, FeedbackOptions, FeedbackStyle};
use rlef_judge::judge::Judgement;
use rlef_judge::program::{Extraction, Found, NoProgram};
use rlef_judge::verdict::{Failure as TestFailure, Grade, PublicVerdict, Scope, StopAt, Verdict};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::answer;
use crate::app::{App, Ask, program};
use crate::body::{self, Asked};
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::places::Purse;
use crate::pool::Client;
use crate::problems::Given;

/// Programs of one request at most.
const MOST: usize = 4096;
/// Programs of one request that wait for a worker at once: so that it has its turn with others, and holds little.
const AHEAD: usize = 32;

/// One program to be judged, and how to speak of it.
struct Item {
    ask: Ask,
    style: Option<FeedbackStyle>,
}

impl Item {
    fn of(app: &App, purse: &Purse, request: &Object<'_>) -> Result<Self, Failure> {
        let given = app.sets.of_request(purse, request)?;
        let found = program(request, &given)?;
        let word =
            |name: &str, expected: &str| request.text(name).map(|text| (text, expected.to_owned()));
        let scope = match word("scope", "`all`, `public` or `private`")? {
            (None, _) => Scope::All,
            (Some(text), expected) => match text.as_str() {
                "all" => Scope::All,
                "public" => Scope::Public,
                "private" => Scope::Private,
                _ => return Err(unknown("scope", &text, &expected)),
            },
        };
        let stop = match word("stop", "`never` or `first_failure`")? {
            (None, _) => StopAt::Never,
            (Some(text), expected) => match text.as_str() {
                "never" => StopAt::Never,
                "first_failure" => StopAt::FirstFailure,
                _ => return Err(unknown("stop", &text, &expected)),
            },
        };
        let style = match word("feedback", "`full`, `compact` or `none`")? {
            (None, _) => Some(FeedbackStyle::Full),
            (Some(text), expected) => match text.as_str() {
                "full" => Some(FeedbackStyle::Full),
                "compact" => Some(FeedbackStyle::Compact),
                "none" => None,
                _ => return Err(unknown("feedback", &text, &expected)),
            },
        };
        request.finish()?;
        if let Ok(found) = &found {
            app.require(found.program.language)?;
        }
        let ask = Ask {
            given,
            found,
            scope,
            stop,
        };
        Ok(Self { ask, style })
    }

    async fn judged(self, app: &App, client: &Client) -> Result<Value, Failure> {
        let Self { ask, style } = self;
        let (given, found, scope) = (ask.given.clone(), ask.found.clone(), ask.scope);
        let judgement = app.judge(client, ask).await?;
        said(&given, &found, scope, &judgement, style)
    }
}

fn unknown(name: &str, found: &str, expected: &str) -> Failure {
    Bad::field(name, &format!("`{found}`"), expected).into()
}

/// What is said of a program.
fn said(
    given: &Given,
    found: &Result<Found, NoProgram>,
    scope: Scope,
    judgement: &Judgement,
    style: Option<FeedbackStyle>,
) -> Result<Value, Failure> {
    let verdict = judgement
        .verdict
        .as_ref()
        .ok_or_else(|| Failure::new(Kind::Infrastructure, "the judge gave no verdict"))?;
    let mut said = verdict_json(given, verdict);
    said["problem_id"] = given.problem.id.clone().into();
    said["program"] = json!(Extraction::of(found));
    said["reward"] = json!(reward(verdict.grade));
    said["scores"] = json!(judgement.scores);
    said["feedback"] = json!(style.and_then(|style| feedback_of(given, verdict, scope, style)));
    Ok(said)
}

/// What the paper gives for it at the end of an episode; nothing where nothing is known of the program.
fn reward(grade: Grade) -> Option<f64> {
    let rule = RewardRule::default();
    match grade {
        Grade::Accepted => Some(rule.solved),
        Grade::Unsupported => None,
        _ => Some(rule.failed),
    }
}

/// What a policy may be told; nothing where there is no public test that says anything.
fn feedback_of(
    given: &Given,
    verdict: &Verdict,
    scope: Scope,
    style: FeedbackStyle,
) -> Option<String> {
    let problem = &given.problem;
    let is_shown = verdict.grade == Grade::NoProgram || !problem.public_tests.is_empty();
    if scope == Scope::Private || !is_shown || verdict.grade == Grade::Unsupported {
        return None;
    }
    let options = FeedbackOptions {
        language: problem.language(),
        ..style.into()
    };
    Some(feedback::render(
        &PublicVerdict::of(verdict.clone(), problem),
        options,
    ))
}

/// A verdict, with its first failure: what a private test asked is told to those alone who sent it.
pub(super) fn verdict_json(given: &Given, verdict: &Verdict) -> Value {
    let isolation = if verdict.fuel.is_some() {
        "wasm"
    } else {
        "process"
    };
    json!({
        "verdict": verdict.grade,
        "accepted": verdict.is_accepted(),
        "passed": verdict.passed,
        "total": verdict.total,
        "first_failure": verdict.failures.first().map(|failure| failure_json(given, failure)),
        "usage": {
            "cpu_ms": verdict.cpu_ms,
            "wall_ms": verdict.wall_ms,
            "fuel": verdict.fuel,
            "isolation": (verdict.grade != Grade::NoProgram).then_some(isolation),
        },
    })
}

fn failure_json(given: &Given, failure: &TestFailure) -> Value {
    let public = failure.test < given.problem.public_tests.len();
    let mut said = json!({
        "test": failure.test,
        "public": public,
        "verdict": failure.grade,
    });
    if public || given.is_theirs {
        said["input"] = failure.input.clone().into();
        said["expected"] = failure.expected.clone().into();
        said["got"] = failure.got.clone().into();
        said["trace"] = failure.trace.clone().into();
    }
    said
}

pub(super) async fn one(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(judged(&app, request).await)
}

async fn judged(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let item = Item::of(app, &asked.purse, &Object::of_body(&asked.text)?)?;
    item.judged(app, &asked.client).await
}

pub(super) async fn many(State(app): State<Arc<App>>, request: Request) -> Response {
    answer(all_judged(&app, request).await)
}

async fn all_judged(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let items = items(app, &asked)?;
    let results = side_by_side(app, &asked.client, items).await?;
    let lost = |result: &&Result<Value, Failure>| matches!(result, Err(failure) if failure.is_infrastructure());
    let failures = results.iter().filter(lost).count();
    let results: Vec<Value> = results
        .into_iter()
        .map(|result| result.unwrap_or_else(|failure| json!({"error": failure.json()})))
        .collect();
    Ok(json!({"results": results, "infrastructure_failures": failures}))
}

/// The items of a request: all can be read, or none is judged.
fn items(app: &App, asked: &Asked) -> Result<Vec<Item>, Failure> {
    let request = Object::of_body(&asked.text)?;
    let raw = request.items("items")?;
    request.finish()?;
    let raw = raw.ok_or_else(|| Bad::field("items", "nothing", "a list"))?;
    if raw.len() > MOST {
        let words = format!(
            "field `items`: expected at most {MOST}, found {}",
            raw.len()
        );
        return Err(Failure::new(Kind::Large, words));
    }
    let read = |(place, raw): (usize, &str)| {
        let item = Object::within(raw, format!("items[{place}]."));
        item.map_err(Failure::from)
            .and_then(|item| Item::of(app, &asked.purse, &item))
            .map_err(|failure| Failure {
                message: format!("items[{place}]: {}", failure.message),
                ..failure
            })
    };
    raw.into_iter().enumerate().map(read).collect()
}

/// Judges all, a few at a time; dropping this ends them.
async fn side_by_side(
    app: &Arc<App>,
    client: &Client,
    items: Vec<Item>,
) -> Result<Vec<Result<Value, Failure>>, Failure> {
    let mut results: Vec<Option<Result<Value, Failure>>> = items.iter().map(|_| None).collect();
    let mut waiting = items.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < AHEAD {
            let Some((place, item)) = waiting.next() else {
                break;
            };
            let (app, client) = (Arc::clone(app), client.clone());
            running.spawn(async move { (place, item.judged(&app, &client).await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok((place, result))) => results[place] = Some(result),
            Some(Err(_)) => return Err(Failure::lost()),
        }
    }
    let result = |result: Option<_>| result.unwrap_or_else(|| Err(Failure::lost()));
    Ok(results.into_iter().map(result).collect())
}
