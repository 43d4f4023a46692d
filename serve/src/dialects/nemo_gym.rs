//! NeMo-Gym's resources server, as its `code_gen` is: `/seed_session`, `/close_session`, `/verify`, `/aggregate_metrics`,
//! `/reverify_mode`.
//!
//! A judge that failed is said as Gym has it: reward 0 with `mask_sample` true, a `failure_kind` and a `failure_reason`.

use std::io::Read as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use rlef_judge::comparator::Comparison;
use rlef_judge::problem::TestCase;
use rlef_judge::program::{Program, Wanted};
use rlef_judge::verdict::{Grade, Scope, StopAt, Verdict};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Dialect, label};
use crate::app::{App, Ask};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{self, Bad, Object};
use crate::places::{Held, Purse};
use crate::problems::Given;
use crate::reply::Json;

/// Bytes of packed tests once they are unpacked.
const MOST_UNPACKED: usize = 256 << 20;
/// Bytes that are unpacked at once.
const PART: usize = 64 << 10;
/// What Gym groups failures by: a kind of this server's own.
const FAILURE_KIND: &str = "rlef:infrastructure";

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/seed_session", post(seed))
        .route("/close_session", post(seed))
        .route("/verify", post(verify))
        .route("/aggregate_metrics", post(aggregate))
        .route("/reverify_mode", get(reverify_mode))
}

/// Verdicts need no state: the same question has the same answer.
async fn reverify_mode() -> Response {
    Json("stateless").into_response()
}

async fn seed(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::NemoGym.answer(seeded(&app, request).await)
}

/// Nothing is kept for a session; one that its caller named is confirmed.
async fn seeded(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    Ok(match request.text("resources_session_id")? {
        None => json!({}),
        Some(id) => json!({ "resources_session_id": id }),
    })
}

async fn verify(State(app): State<Arc<App>>, request: Request) -> Response {
    match verified(&app, request).await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(failure) => Dialect::NemoGym.failure(&failure),
    }
}

/// What is said besides the request itself.
struct Said {
    reward: f64,
    model_output: Option<String>,
    code: Option<String>,
    result: Option<Vec<Value>>,
    metadata: Option<Value>,
    took: Option<f64>,
    failure: Option<String>,
}

async fn verified(app: &Arc<App>, request: Request) -> Result<String, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let response = request.object("response")?;
    let response = response.ok_or_else(|| Bad::field("response", "nothing", "an object"))?;
    let text = output_text(&response)?;
    let metadata = request.object("verifier_metadata")?;
    let difficulty = match &metadata {
        Some(metadata) => metadata.raw("difficulty"),
        None => None,
    };
    let mut said = Said {
        reward: 0.0,
        model_output: None,
        code: None,
        result: None,
        metadata: None,
        took: None,
        failure: None,
    };
    if !text.trim().is_empty() {
        let metadata = metadata.as_ref().ok_or_else(|| {
            Bad::field(
                "verifier_metadata",
                "nothing",
                "an object with unit_tests or problem_id",
            )
        })?;
        let given = problem(app, &asked.purse, metadata)?;
        let begun = Instant::now();
        let found = Program::find(&text, &Wanted::of(&given.problem));
        said.code = found.as_ref().ok().map(|found| {
            // Theirs are the lines between the fences: the last one's end belongs to the fence.
            let source = &found.program.source;
            source.strip_suffix('\n').unwrap_or(source).to_owned()
        });
        if said.code.is_some() {
            let ask = Ask {
                given,
                found,
                scope: Scope::All,
                stop: StopAt::FirstFailure,
            };
            let judged = app.judge(&asked.client, ask).await;
            said.judge(judged.and_then(|judgement| {
                let none = || Failure::new(Kind::Infrastructure, "the judge gave no verdict");
                judgement.verdict.clone().ok_or_else(none)
            }))?;
            said.took = Some(begun.elapsed().as_secs_f64());
        }
        said.model_output = Some(text);
    }
    Ok(said.echo(&request, difficulty))
}

impl Said {
    /// Takes the verdict, or that there is none. What the request is at fault for stays an error.
    fn judge(&mut self, judged: Result<Verdict, Failure>) -> Result<(), Failure> {
        let verdict = match judged {
            Ok(verdict) if verdict.grade == Grade::Unsupported => {
                self.failure = Some("the program needs what this isolation lacks".to_owned());
                return Ok(());
            }
            Ok(verdict) => verdict,
            Err(failure) if failure.is_infrastructure() => {
                self.failure = Some(failure.message);
                return Ok(());
            }
            Err(failure) => return Err(failure),
        };
        // LiveCodeBench's codes.
        let (code, words) = match verdict.grade {
            Grade::Accepted => (0, ""),
            Grade::WrongAnswer => (-2, "Wrong Answer"),
            Grade::TimeLimit => (-3, "Time Limit Exceeded"),
            _ => (-4, "Runtime Error"),
        };
        let mut result = vec![Value::from(true); verdict.passed];
        self.metadata = Some(if verdict.is_accepted() {
            json!({"execution time": verdict.cpu_ms / 1000.0})
        } else {
            result.push(code.into());
            json!({"error_code": code, "error_message": words, "verdict": verdict.grade})
        });
        self.reward = f64::from(u8::from(verdict.is_accepted()));
        self.result = Some(result);
        Ok(())
    }

    /// The request as it came, and what there is to say, which wins over fields of the same name.
    fn echo(self, request: &Object<'_>, difficulty: Option<&str>) -> String {
        let own = json!({
            "reward": self.reward,
            "mask_sample": self.failure.is_some(),
            "failure_kind": self.failure.is_some().then_some(FAILURE_KIND),
            "failure_reason": self.failure,
            "extracted_model_output": self.model_output,
            "extracted_model_code": self.code,
            "result": self.result,
            "metadata": self.metadata,
            "unit_tests_time_taken": self.took,
            "reasoning_format_violation_rate": 0.0,
        });
        let mut parts = Vec::new();
        for (name, raw) in request.all() {
            if own.get(name).is_none() && name != "difficulty" && name != "_ng_rollout_id" {
                parts.push(format!("{}:{raw}", Value::from(name)));
            }
        }
        parts.push(format!("\"difficulty\":{}", difficulty.unwrap_or("null")));
        if let Value::Object(own) = own {
            let pair = |(name, value): (String, Value)| format!("{}:{value}", Value::from(name));
            parts.extend(own.into_iter().map(pair));
        }
        format!("{{{}}}", parts.join(","))
    }
}

/// The text of a response: all that its messages say, one after the other.
fn output_text(response: &Object<'_>) -> Result<String, Failure> {
    let mut text = String::new();
    for item in response.items("output")?.unwrap_or_default() {
        let item = Object::within(item, "response.output.".to_owned())?;
        if item.text("type")?.is_some_and(|kind| kind != "message") {
            continue;
        }
        for part in item.items("content")?.unwrap_or_default() {
            let part = Object::within(part, "response.output.content.".to_owned())?;
            if part.text("type")?.as_deref() == Some("output_text") {
                text.push_str(&part.required("text")?);
            }
        }
    }
    Ok(text)
}

/// The problem of a row's metadata: unit tests, packed or not, or what any label may be.
fn problem(app: &App, purse: &Purse, metadata: &Object<'_>) -> Result<Given, Failure> {
    let Some(raw) = metadata.raw("unit_tests") else {
        if let Some(id) = metadata.id("problem_id")? {
            return app.sets.find(metadata.text("set")?.as_deref(), &id);
        }
        let words = "field `verifier_metadata`: expected `unit_tests`, or the `problem_id` of a problem that is served";
        return Err(Failure::new(Kind::Request, words));
    };
    let tests = Object::within(raw, "verifier_metadata.unit_tests.".to_owned())?;
    let given = match tests.text("packed")? {
        None => label::paired(purse, raw)?,
        Some(packed) => {
            let mut held = Held::default();
            let unpacked = unpacked(purse, &mut held, &packed)?;
            let inner = Object::of_body(&unpacked)?;
            let list = |name: &str| {
                let raw = inner.raw(name);
                raw.ok_or_else(|| {
                    Bad::field(&format!("unit_tests.packed.{name}"), "nothing", "a list")
                })
            };
            let function = tests.raw("fn_name").unwrap_or("null");
            let pairs = format!(
                r#"{{"inputs":{},"outputs":{},"fn_name":{function}}}"#,
                list("inputs")?,
                list("outputs")?
            );
            label::paired(purse, &pairs)?
        }
    };
    // These are LiveCodeBench's tests, which are compared by its rule.
    given.changed(purse, "nemo-gym", b"", |problem| {
        let mut all = problem.public_tests.iter().chain(&problem.private_tests);
        if all.all(|test| matches!(test, TestCase::Stdin { .. })) {
            problem.comparison = Comparison::Decimals;
        }
    })
}

/// Base64 of zlib of JSON, of a bounded size.
fn unpacked(purse: &Purse, held: &mut Held, packed: &str) -> Result<String, Failure> {
    let broken = |why: String| {
        Failure::new(
            Kind::Request,
            format!("field `verifier_metadata.unit_tests.packed`: {why}"),
        )
    };
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|error| broken(error.to_string()))?;
    let (mut text, mut part) = (Vec::new(), vec![0; PART]);
    let mut decoder = flate2::read::ZlibDecoder::new(&*bytes);
    loop {
        let length = decoder
            .read(&mut part)
            .map_err(|error| broken(error.to_string()))?;
        if length == 0 {
            break;
        }
        if text.len() + length > MOST_UNPACKED {
            return Err(broken(format!("more than {MOST_UNPACKED} bytes")));
        }
        // A few bytes may stand for very many.
        purse.take_now(held, length)?;
        text.extend_from_slice(&part[..length]);
    }
    let text = String::from_utf8(text).map_err(|error| broken(error.to_string()))?;
    json::check(&text)?;
    Ok(text)
}

async fn aggregate(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::NemoGym.answer(aggregated(&app, request).await)
}

/// The mean reward and how many solved it, over the samples that are valid measurements.
async fn aggregated(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let responses = request.items("verify_responses")?;
    let responses = responses.ok_or_else(|| Bad::field("verify_responses", "nothing", "a list"))?;
    let (mut rewards, mut masked) = (Vec::new(), 0_usize);
    for raw in &responses {
        let response = Object::within(raw, "verify_responses.".to_owned())?;
        let reward: Option<f64> = response.get("reward", "a number")?;
        match reward {
            Some(reward) if !response.flag("mask_sample")? => rewards.push(reward),
            _ => masked += 1,
        }
    }
    let count = rewards.len() as f64;
    let mean = |sum: f64| (!rewards.is_empty()).then(|| sum / count);
    let solved = rewards.iter().filter(|reward| **reward > 0.0).count() as f64;
    Ok(json!({
        "group_level_metrics": [],
        "agent_metrics": {
            "mean/reward": mean(rewards.iter().sum()),
            "mean/accuracy": mean(solved),
            "masked_samples": masked,
        },
        "key_metrics": {"mean/reward": mean(rewards.iter().sum())},
    }))
}
