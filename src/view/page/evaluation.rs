//! One evaluation: what it says with intervals, turn by turn, what repair fixed and broke, by label, and every problem.

use std::io::{BufRead as _, Read as _};

use askama::Template;
use serde_json::Value;

use super::{Summary, grade};
use crate::eval::record::Evaluation;
use crate::view::app::View;
use crate::view::places::Kind;
use crate::view::web::{Ask, Fault, href};

/// Bytes of a journal's first line at most.
const FIRST_LINE: u64 = 1 << 16;
/// Problems that a page shows at most.
const PROBLEMS: usize = 500;

#[derive(Template)]
#[template(path = "evaluation.html")]
struct Page<'a> {
    tab: &'static str,
    of: &'a str,
    evaluation: &'a Evaluation,
    summary: String,
    rows: Vec<Row>,
    count: usize,
    journal: Option<String>,
    filter: &'a str,
    shown: [(&'static str, bool); 3],
}

struct Row {
    id: String,
    link: Option<String>,
    class: &'static str,
    solved: Vec<usize>,
    n: usize,
    failures: String,
    labels: String,
}

/// Reads an evaluation that is among those named.
pub(super) fn load(view: &View, name: &str) -> Result<Evaluation, Fault> {
    let place = view.place(Kind::Evaluation, name)?;
    Evaluation::load(place.path()).map_err(|error| Fault::Failed(format!("failed to {error}")))
}

/// The settings that a journal of an evaluation begins with.
fn settings(name: &str) -> Option<Value> {
    let file = crate::files::open(std::path::Path::new(name)).ok()?;
    let mut line = String::new();
    std::io::BufReader::new(file)
        .take(FIRST_LINE)
        .read_line(&mut line)
        .ok()?;
    serde_json::from_str(&line).ok()
}

/// Whether a journal's settings are those that an evaluation was made with.
fn fits(settings: &Value, evaluation: &Evaluation) -> bool {
    let made = &evaluation.provenance;
    let policy = serde_json::to_value(&made.policy).unwrap_or_default();
    settings["problems"] == made.problems_hash.as_str()
        && settings["policy"] == policy
        && settings["rollouts"] == made.rollouts
        && settings["seed"] == made.seed
        && settings["play"]["turns"] == made.play.turns
}

/// The journal of an evaluation, among those named.
pub(super) fn journal_of(view: &View, evaluation: &Evaluation) -> Option<String> {
    let all = view
        .places
        .list()
        .into_iter()
        .filter(|place| place.kind == Kind::Journal);
    all.map(|place| place.name)
        .find(|name| settings(name).is_some_and(|found| fits(&found, evaluation)))
}

/// The evaluation that a journal is of, among those named.
pub(super) fn of_journal(view: &View, name: &str) -> Option<Evaluation> {
    let settings = settings(name)?;
    let all = view
        .places
        .list()
        .into_iter()
        .filter(|place| place.kind == Kind::Evaluation);
    let mut all = all.filter_map(|place| Evaluation::load(place.path()).ok());
    all.find(|evaluation| fits(&settings, evaluation))
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let of = ask.need("of")?;
    let evaluation = load(view, of)?;
    let journal = journal_of(view, &evaluation);
    let summary = match &evaluation.report {
        Some(report) => Summary::of(report).render()?,
        None => String::new(),
    };
    let filter = ask.get("problem").unwrap_or_default();
    let shown = ask.get("show").unwrap_or("all");
    let wanted = |record: &&crate::eval::record::ProblemRecord| {
        let solved = record.c.last().copied().unwrap_or(0);
        record.id.to_lowercase().contains(&filter.to_lowercase())
            && match shown {
                "solved" => solved > 0,
                "unsolved" => solved == 0,
                _ => true,
            }
    };
    let found: Vec<_> = evaluation.problems.iter().filter(wanted).collect();
    let rows = found.iter().take(PROBLEMS).map(|record| {
        let solved = record.c.last().copied().unwrap_or(0);
        let failures = record
            .failures
            .iter()
            .map(|(one, count)| format!("{count} {}", grade(Some(*one))));
        let labels = record
            .labels
            .iter()
            .map(|(label, value)| format!("{label}: {value}"));
        Row {
            id: record.id.clone(),
            link: journal
                .as_ref()
                .map(|journal| href("/episodes", &[("of", journal), ("problem", &record.id)])),
            class: if solved == record.n && solved > 0 {
                "good"
            } else if solved == 0 {
                "bad"
            } else {
                "none"
            },
            solved: record.c.clone(),
            n: record.n,
            failures: failures.collect::<Vec<_>>().join(", "),
            labels: labels.collect::<Vec<_>>().join(", "),
        }
    });
    Ok(Page {
        tab: "evaluations",
        of,
        summary,
        rows: rows.collect(),
        count: found.len(),
        journal: journal
            .as_ref()
            .map(|journal| href("/episodes", &[("of", journal)])),
        filter,
        shown: ["all", "solved", "unsolved"].map(|name| (name, name == shown)),
        evaluation: &evaluation,
    }
    .render()?)
}
