//! All evaluations, of which two can be set side by side.

use askama::Template;

use super::estimate;
use crate::eval::record::Evaluation;
use crate::view::app::View;
use crate::view::places::Kind;
use crate::view::web::{Ask, Fault, href};

#[derive(Template)]
#[template(path = "evaluations.html")]
struct Page {
    tab: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    link: String,
    problems: String,
    policy: String,
    first: String,
    last: String,
    turns: usize,
    episodes: usize,
    lost: usize,
    fault: Option<String>,
}

/// The page.
pub(in crate::view) fn page(view: &View, _: &Ask) -> Result<String, Fault> {
    let all = view
        .places
        .list()
        .into_iter()
        .filter(|place| place.kind == Kind::Evaluation);
    let rows = all.map(|place| {
        let link = href("/evaluation", &[("of", &place.name)]);
        let loaded = Evaluation::load(place.path());
        let fault = loaded
            .as_ref()
            .err()
            .map(|error| format!("failed to {error}"));
        let report = loaded.as_ref().ok().and_then(|found| found.report.as_ref());
        let share = |turn: Option<&crate::statistics::Estimate>| {
            turn.map_or_else(|| "–".to_owned(), |found| estimate(*found))
        };
        let made = loaded.as_ref().ok().map(|found| &found.provenance);
        Row {
            link,
            problems: made.map_or_else(String::new, |made| made.problems.clone()),
            policy: made.map_or_else(String::new, |made| made.policy.name.clone()),
            turns: made.map_or(0, |made| made.play.turns),
            first: share(report.and_then(|report| report.solved_by_turn.first())),
            last: share(report.and_then(|report| report.solved_by_turn.last())),
            episodes: report.map_or(0, |report| report.episodes),
            lost: report.map_or(0, |report| report.aborted),
            fault,
            name: place.name,
        }
    });
    Ok(Page {
        tab: "evaluations",
        rows: rows.collect(),
    }
    .render()?)
}
