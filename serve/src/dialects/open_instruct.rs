//! open-instruct's code server: `/test_program` takes assertions, `/test_program_stdio` inputs with outputs; both answer with
//! one 0 or 1 a test. `code_api_url` names `http://HOST/test_program`.
//!
//! There is no place for a judge that failed but an HTTP error, which its verifier takes for a score of 0.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use rlef_judge::comparator::Comparison;
use rlef_judge::problem::{Problem, Schema, TestCase};
use rlef_judge::program::{Found, Program};
use rlef_judge::verdict::{Grade, Scope, StopAt};
use rlef_sandbox::{Language, Limits};
use serde_json::{Value, json};

use super::Dialect;
use crate::app::{App, Ask, milliseconds};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{self, Bad, Object};
use crate::places::Purse;
use crate::problems::{Given, sent};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/test_program", post(asserted))
        .route("/test_program_stdio", post(stdio))
}

async fn asserted(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::OpenInstruct.answer(tested(&app, request, &of_asserts).await)
}

async fn stdio(State(app): State<Arc<App>>, request: Request) -> Response {
    Dialect::OpenInstruct.answer(tested(&app, request, &of_pairs).await)
}

/// Makes a problem of the texts of tests.
type Read<'a> = &'a (dyn Fn(&Purse, &[&str]) -> Result<Given, Failure> + Sync);

async fn tested(app: &Arc<App>, request: Request, read: Read<'_>) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let program = request.required("program")?;
    let seconds = request.amount("max_execution_time")?.unwrap_or(1.0);
    let raw = request.raw("tests").unwrap_or("[]");
    request.finish()?;
    let inner = unwrapped(raw)?;
    let text = inner.as_deref().unwrap_or(raw);
    let tests = json::items(text).ok_or_else(|| Bad::field("tests", json::kind(text), "a list"))?;
    if tests.is_empty() {
        return Ok(json!({"results": [], "runtimes": []}));
    }
    let given = read(&asked.purse, &tests)?;
    let given = given.changed(&asked.purse, "seconds", &seconds.to_le_bytes(), |problem| {
        problem.limits = limits(seconds);
    })?;
    let count = tests.len();
    let ask = Ask {
        given,
        found: Ok(Found::given(Program::bare(program, Language::Python))),
        scope: Scope::All,
        stop: StopAt::Never,
    };
    let judgement = app.judge(&asked.client, ask).await?;
    let none = || Failure::new(Kind::Infrastructure, "the judge gave no verdict");
    let verdict = judgement.verdict.as_ref().ok_or_else(none)?;
    if verdict.grade == Grade::Unsupported {
        let words = "the program needs what this isolation lacks: nothing is known of it";
        return Err(Failure::new(Kind::Infrastructure, words));
    }
    // What doesn't compile fails every test, and says so once.
    let fails_all = verdict.grade == Grade::CompileError;
    let failed =
        |test: usize| fails_all || verdict.failures.iter().any(|failure| failure.test == test);
    let each = verdict.wall_ms / 1000.0 / count as f64;
    let results: Vec<u8> = (0..count).map(|test| u8::from(!failed(test))).collect();
    let runtimes = (0..count).map(|test| if failed(test) { -1.0 } else { each });
    Ok(json!({"results": results, "runtimes": runtimes.collect::<Vec<f64>>()}))
}

fn limits(seconds: f64) -> Limits {
    let cpu_ms = milliseconds(seconds);
    Limits {
        cpu_ms,
        // It may sleep no longer than it may compute; what it waits for a core is not counted.
        wall_ms: cpu_ms + 1000,
        ..Limits::default()
    }
}

/// The list that a text holds; nothing where it is a list already.
fn unwrapped(raw: &str) -> Result<Option<String>, Failure> {
    if !raw.starts_with('"') {
        return Ok(None);
    }
    let text: String = serde_json::from_str(raw).map_err(|error| Bad::new(error.to_string()))?;
    if json::check(&text).is_err() {
        // What it holds else is a pickle: a program of its author.
        let words = "field `tests`: expected a list or the text of a list, found a text of another kind; packed tests are \
                     not read, for they are pickles";
        return Err(Failure::new(Kind::Request, words));
    }
    Ok(Some(text.trim().to_owned()))
}

/// Assertions, all of one function.
fn of_asserts(purse: &Purse, tests: &[&str]) -> Result<Given, Failure> {
    let list = tests.join(",");
    let row = format!(
        r#"{{"question": "", "input_output": {{"inputs": [], "outputs": [], "assert_case": [{list}]}}}}"#
    );
    let given = sent(purse, &row, Schema::named("apps"))?;
    // The order of tests is that of the answer.
    if given.problem.private_tests.len() != tests.len() {
        let words = "field `tests`: expected an assertion in each, found an empty one";
        return Err(Failure::new(Kind::Request, words));
    }
    Ok(given)
}

/// Inputs with the outputs that belong to them, compared by LiveCodeBench's rule, as open-instruct does.
fn of_pairs(purse: &Purse, tests: &[&str]) -> Result<Given, Failure> {
    let pair = |(place, raw): (usize, &&str)| {
        let test = Object::within(raw, format!("tests[{place}]."))?;
        let (input, expected) = (test.required("input")?, test.required("output")?);
        if test.raw("fn_name").is_some() {
            return Err(Bad::new(format!(
                "field `tests[{place}].fn_name`: tests that call a function are not read here; send assertions to /test_program"
            )));
        }
        Ok(TestCase::Stdin { input, expected })
    };
    let tests_read = tests.iter().enumerate().map(pair);
    let problem = Problem {
        id: "the request".to_owned(),
        private_tests: tests_read.collect::<Result<_, Bad>>()?,
        comparison: Comparison::Decimals,
        ..Problem::default()
    };
    Given::theirs(purse, problem, "pairs", &tests.join(","))
}
