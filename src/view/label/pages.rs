//! The pages of `rlef label`: who labels, what is labelled, how far it is.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use rlef_sandbox::Language;

use super::agreement::Agreement;
use super::desk::{Desk, Open, Posted, Refused, Standing, name};
use super::task::{Answer, Kind};
use crate::problem::Problem;
use crate::program::{Program, Wanted};
use crate::view::app::{SCRIPT, STYLE, failed};
use crate::view::curves::short;
use crate::view::highlight;
use crate::view::page::percent;
use crate::view::web::{Ask, Fault, answer, html};

const LABEL_SCRIPT: &str = include_str!("../assets/label.js");

#[derive(Template)]
#[template(path = "labelers.html")]
struct Start<'a> {
    kind: &'static str,
    guidelines: &'a str,
    progress: String,
}

#[derive(Template)]
#[template(path = "progress.html")]
struct Progress {
    standing: Standing,
    kappas: Vec<Row>,
    alpha: Option<(String, usize)>,
}

/// How far two agree.
struct Row {
    who: String,
    things: usize,
    alike: String,
    kappa: String,
}

impl Progress {
    fn of(standing: Standing) -> Self {
        let row = |found: &Agreement| Row {
            who: found.who.clone(),
            things: found.things,
            alike: percent(found.alike),
            kappa: found.kappa.map_or_else(|| "–".to_owned(), short),
        };
        Self {
            kappas: standing.kappas.iter().map(row).collect(),
            alpha: standing.alpha.map(|(alpha, things)| (short(alpha), things)),
            standing,
        }
    }
}

#[derive(Template)]
#[template(path = "label.html")]
struct Labelling<'a> {
    kind: &'static str,
    labeler: &'a str,
    prompt: &'a str,
    problem: &'a str,
    item: &'a str,
    count: usize,
    answers: Vec<Shown>,
    steps: Vec<String>,
    guidelines: &'a str,
    standing: Standing,
}

#[derive(Template)]
#[template(path = "labelled.html")]
struct Finished<'a> {
    labeler: &'a str,
    progress: String,
}

/// An answer as a labeller sees it.
struct Shown {
    name: String,
    /// Its program's lines, marked; all of it where no program is told from its words.
    lines: Vec<String>,
    words: Option<String>,
    grade: Option<String>,
    class: &'static str,
    failure: String,
}

/// All pages.
pub fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(start))
        .route("/label", get(label).post(say))
        .route("/undo", post(undo))
        .route("/progress", get(progress))
        .route(
            "/view.css",
            get(async || answer(StatusCode::OK, "text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/view.js",
            get(async || answer(StatusCode::OK, "text/javascript; charset=utf-8", SCRIPT)),
        )
        .route(
            "/label.js",
            get(async || {
                answer(
                    StatusCode::OK,
                    "text/javascript; charset=utf-8",
                    LABEL_SCRIPT,
                )
            }),
        )
        .fallback(async |uri: Uri| {
            failed(&Fault::Missing(format!("there is no page {}", uri.path())))
        })
        .with_state(desk)
}

fn rendered(made: Result<String, askama::Error>) -> Response {
    match made {
        Ok(text) => html(StatusCode::OK, text),
        Err(error) => failed(&error.into()),
    }
}

async fn start(State(desk): State<Arc<Desk>>) -> Response {
    let page = Progress::of(desk.standing()).render().and_then(|progress| {
        Start {
            kind: desk.task().kind.name(),
            guidelines: &desk.options.guidelines,
            progress,
        }
        .render()
    });
    rendered(page)
}

async fn progress(State(desk): State<Arc<Desk>>) -> Response {
    rendered(Progress::of(desk.standing()).render())
}

async fn label(State(desk): State<Arc<Desk>>, uri: Uri) -> Response {
    let ask = Ask::of(uri.query());
    let labeler = match name(ask.get("as").unwrap_or_default()) {
        Ok(labeler) => labeler,
        Err(refused) => return refusal(refused),
    };
    let Some(open) = desk.open(&labeler) else {
        let page = Progress::of(desk.standing()).render();
        let page = page.and_then(|progress| {
            Finished {
                labeler: &labeler,
                progress,
            }
            .render()
        });
        return rendered(page);
    };
    rendered(labelling(&desk, &labeler, &open))
}

fn labelling(desk: &Desk, labeler: &str, open: &Open) -> Result<String, askama::Error> {
    let kind = desk.task().kind;
    let answers = open.order.iter().enumerate();
    let answers = answers.map(|(place, &number)| shown(place, &open.item.answers[number]));
    let steps = match kind {
        Kind::Steps => (0..open.item.steps.len())
            .map(|step| open.item.step(step).to_owned())
            .collect(),
        Kind::Pairs | Kind::Rankings => Vec::new(),
    };
    Labelling {
        kind: kind.name(),
        labeler,
        prompt: &open.item.prompt,
        problem: &open.item.problem_id,
        item: &open.item.id,
        count: open.count,
        answers: answers.collect(),
        steps,
        guidelines: &desk.options.guidelines,
        standing: desk.standing(),
    }
    .render()
}

fn shown(place: usize, answer: &Answer) -> Shown {
    // Which language it is in is known of its fence alone; colours need no more.
    let found = Program::find(&answer.text, &Wanted::of(&Problem::default()));
    let (lines, words) = match &found {
        Ok(found) => {
            let source = &found.program.source;
            let is_all = source.trim() == answer.text.trim();
            (
                highlight::lines(found.program.language, source),
                (!is_all).then(|| answer.text.clone()),
            )
        }
        Err(_) => (highlight::lines(Language::Python, &answer.text), None),
    };
    let letter = char::from(b'A' + place as u8);
    Shown {
        name: format!("Answer {letter}"),
        lines,
        words,
        grade: answer.shown.as_ref().map(|shown| {
            format!(
                "{}, {} of {} tests passed",
                shown.grade.name().replace('_', " "),
                shown.passed,
                shown.total
            )
        }),
        class: match &answer.shown {
            Some(shown) if shown.grade == crate::verdict::Grade::Accepted => "good",
            Some(_) => "bad",
            None => "none",
        },
        failure: answer
            .shown
            .as_ref()
            .map_or_else(String::new, |shown| shown.failure.clone()),
    }
}

/// Keeps what a labeller says; answered once it is on the disk.
async fn say(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let posted: Posted = match serde_json::from_slice(&body) {
        Ok(posted) => posted,
        Err(error) => return refusal(Refused::Bad(error.to_string())),
    };
    let kept = tokio::task::spawn_blocking(move || desk.say(posted)).await;
    match kept {
        Ok(Ok(())) => answer(StatusCode::OK, "text/plain; charset=utf-8", "kept\n"),
        Ok(Err(refused)) => refusal(refused),
        Err(error) => failed(&Fault::Failed(error.to_string())),
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Undone {
    labeler: String,
}

async fn undo(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let undone: Undone = match serde_json::from_slice(&body) {
        Ok(undone) => undone,
        Err(error) => return refusal(Refused::Bad(error.to_string())),
    };
    let taken = tokio::task::spawn_blocking(move || desk.undo(&undone.labeler)).await;
    match taken {
        Ok(Ok(true)) => answer(StatusCode::OK, "text/plain; charset=utf-8", "taken back\n"),
        Ok(Ok(false)) => answer(
            StatusCode::CONFLICT,
            "text/plain; charset=utf-8",
            "there is no label to take back\n",
        ),
        Ok(Err(refused)) => refusal(refused),
        Err(error) => failed(&Fault::Failed(error.to_string())),
    }
}

fn refusal(refused: Refused) -> Response {
    let (status, words) = match refused {
        Refused::Bad(words) => (StatusCode::BAD_REQUEST, words),
        Refused::Stale(words) => (StatusCode::CONFLICT, words),
        Refused::Book(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            sentence(&error.to_string()),
        ),
    };
    answer(status, "text/plain; charset=utf-8", words + "\n")
}

/// What failed as a sentence: some messages begin it, others complete it.
fn sentence(error: &str) -> String {
    let rest = error.strip_prefix("failed to ").unwrap_or(error);
    format!("failed to {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_once() {
        assert_eq!(sentence("failed to write x"), "failed to write x");
        assert_eq!(sentence("use x, line 1"), "failed to use x, line 1");
    }
}
