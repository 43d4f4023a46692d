//! Their data sets: those that are served, and rows that a request brings along.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use rlef_judge::problem::{Problem, Schema};
use rlef_judge::prompt::{self, PromptStyle};
use rlef_sandbox::Language;
use serde_json::{Value, json};

use super::super::Dialect;
use super::language;
use crate::app::App;
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::places::Purse;
use crate::problems::{Given, Set, sent};
use crate::reply::Json;

/// Prompts of one answer, unless told otherwise.
const LIMIT: usize = 1_000_000;

/// What all of their requests say of how to read and judge.
pub(super) struct TestConfig<'a> {
    object: Object<'a>,
    pub(super) language: Option<String>,
}

impl<'a> TestConfig<'a> {
    pub(super) fn of(request: &Object<'a>) -> Result<Self, Failure> {
        let object = request.object("config")?;
        let object = object.ok_or_else(|| Bad::field("config", "nothing", "an object"))?;
        object.ignore(&["locale", "is_fewshot", "compile_timeout"]);
        if object.raw("custom_extract_logic").is_some() {
            let words = "field `config.custom_extract_logic`: code of a client is not run here; leave it out";
            return Err(Failure::new(Kind::Request, words));
        }
        Ok(Self {
            language: object.text("language")?,
            object,
        })
    }

    pub(super) fn seconds(&self, name: &str) -> Result<Option<f64>, Failure> {
        Ok(self.object.amount(name)?)
    }

    /// A flag of `extra`.
    pub(super) fn extra(&self, name: &str) -> Result<bool, Failure> {
        Ok(match self.object.object("extra")? {
            Some(extra) => extra.flag(name)?,
            None => false,
        })
    }

    /// Whether it names their class for inputs with outputs.
    pub(super) fn is_common_oj(&self) -> Result<bool, Failure> {
        let name = self.object.text("dataset_type")?;
        Ok(name.as_deref() == Some("CommonOJDataset"))
    }

    /// The language by their name.
    pub(super) fn language(&self) -> Result<Option<Language>, Failure> {
        self.language.as_deref().map(language).transpose()
    }

    /// The rows that it brings along, each read when it is asked for.
    fn rows(&self) -> Option<Vec<&'a str>> {
        let raw = self.object.raw("provided_data")?;
        Some(crate::json::items(raw).unwrap_or_else(|| vec![raw]))
    }

    fn row(&self, purse: &Purse, raw: &str, id: Option<&str>) -> Result<Given, Failure> {
        let row = Object::within(raw, "config.provided_data.".to_owned())?;
        let is_pairs = row.items("test").is_ok_and(|tests| tests.is_some());
        if !(self.is_common_oj()? && is_pairs) {
            return sent(purse, raw, None);
        }
        // Theirs needs no more than the tests.
        let text = |text: Option<String>| Value::from(text.unwrap_or_default());
        let own = row.id("id")?.or_else(|| id.map(str::to_owned));
        let mut fields = vec![
            format!("\"id\":{}", text(own)),
            format!("\"content\":{}", text(row.text("content")?)),
        ];
        for name in ["test", "labels", "canonical_solution"] {
            if let Some(raw) = row.raw(name) {
                fields.push(format!("\"{name}\":{raw}"));
            }
        }
        sent(
            purse,
            &format!("{{{}}}", fields.join(",")),
            Schema::named("common-oj"),
        )
    }
}

/// The set of a request; 400 where there is none, as theirs.
fn set<'s>(app: &'s App, name: &str) -> Result<&'s Set, String> {
    let set = app.sets.set(name);
    set.ok_or_else(|| format!("no eval class found for dataset {name}"))
}

/// The problem of this id, of the rows that the request brings along, else of the set.
pub(super) fn problem(
    app: &App,
    purse: &Purse,
    dataset: &str,
    id: &str,
    config: &TestConfig<'_>,
) -> Result<Given, Failure> {
    let Some(rows) = config.rows() else {
        return app.sets.find(Some(dataset), id);
    };
    if let [only] = rows.as_slice() {
        return config.row(purse, only, Some(id));
    }
    for raw in rows {
        let row = Object::within(raw, "config.provided_data.".to_owned())?;
        if row.id("id")?.as_deref() == Some(id) || row.id("task_id")?.as_deref() == Some(id) {
            return config.row(purse, raw, Some(id));
        }
    }
    let words = format!("no row of `config.provided_data` has the id {id}");
    Err(Failure::new(Kind::NotFound, words))
}

/// What theirs raises for a request that it can't serve.
pub(super) fn bad_request(detail: &str) -> Response {
    let body = Json(json!({ "detail": detail }));
    (StatusCode::BAD_REQUEST, body).into_response()
}

/// An id as their rows have it: a number where it is one.
pub(super) fn id_json(id: &str) -> Value {
    match id.parse::<i64>() {
        Ok(number) if number.to_string() == id => number.into(),
        _ => id.into(),
    }
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    let names: Vec<&str> = app.sets.all().iter().map(Set::name).collect();
    Json(names).into_response()
}

pub(super) async fn ids(State(app): State<Arc<App>>, request: Request) -> Response {
    several(&app, request, &|problem, _| id_json(&problem.id)).await
}

pub(super) async fn prompts(State(app): State<Arc<App>>, request: Request) -> Response {
    several(&app, request, &prompt_json).await
}

/// What is said of a problem, in this language or its own.
type Says<'a> = &'a (dyn Fn(&Problem, Option<Language>) -> Value + Sync);

async fn several(app: &Arc<App>, request: Request, says: Says<'_>) -> Response {
    match said_of_several(app, request, says).await {
        Ok(Ok(all)) => Json(all).into_response(),
        Ok(Err(detail)) => bad_request(&detail),
        Err(failure) => Dialect::SandboxFusion.failure(&failure),
    }
}

async fn said_of_several(
    app: &Arc<App>,
    request: Request,
    says: Says<'_>,
) -> Result<Result<Vec<Value>, String>, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let dataset = request.required("dataset")?;
    let number = |name: &str| request.get::<usize>(name, "a whole number");
    let (offset, limit) = (number("offset")?, number("limit")?);
    let config = TestConfig::of(&request)?;
    request.finish()?;
    let language = config.language()?;
    let (offset, limit) = (offset.unwrap_or(0), limit.unwrap_or(LIMIT));
    if let Some(rows) = config.rows() {
        let some = rows.into_iter().skip(offset).take(limit);
        let all: Result<Vec<Value>, Failure> = some
            .map(|raw| {
                Ok(says(
                    &config.row(&asked.purse, raw, None)?.problem,
                    language,
                ))
            })
            .collect();
        return all.map(Ok);
    }
    Ok(set(app, &dataset).map(|set| {
        let some = set.problems().iter().skip(offset).take(limit);
        some.map(|problem| says(problem, language)).collect()
    }))
}

fn prompt_json(problem: &Problem, language: Option<Language>) -> Value {
    let language = language.unwrap_or_else(|| problem.language());
    json!({
        "id": id_json(&problem.id),
        "prompt": prompt::statement(PromptStyle::Full, language, &problem.statement),
        "labels": problem.labels,
    })
}

pub(super) async fn prompt(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::SandboxFusion.answer(prompted(&app, request).await)
}

async fn prompted(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let dataset = request.required("dataset")?;
    let id = request
        .id("id")?
        .ok_or_else(|| Bad::field("id", "nothing", "an id"))?;
    let config = TestConfig::of(&request)?;
    request.finish()?;
    let given = problem(app, &asked.purse, &dataset, &id, &config)?;
    Ok(prompt_json(&given.problem, config.language()?))
}

/// Their classes without metrics of their own answer so.
pub(super) async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    let read = body::read(&app, request, None).await;
    Dialect::SandboxFusion.answer(read.map(|_| json!({})))
}

pub(super) async fn metrics_function(State(app): State<Arc<App>>, request: Request) -> Response {
    let read = body::read(&app, request, None).await;
    Dialect::SandboxFusion.answer(read.map(|_| json!({"function": null})))
}
