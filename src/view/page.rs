//! The pages, one a file: what is asked for → a page's text.

mod compare;
mod episode;
mod episodes;
mod evaluation;
mod evaluations;
mod lines;
mod problem;
mod problems;
mod run;
mod runs;
mod summary;
mod turn;

use askama::Template;

use super::web::Fault;
pub(super) use compare::page as compare;
pub(super) use episode::page as episode;
pub(super) use episodes::page as episodes;
pub(super) use evaluation::page as evaluation;
pub(super) use evaluations::page as evaluations;
pub(super) use problem::page as problem;
pub(super) use problems::page as problems;
pub(super) use run::{Curves, curves, page as run};
pub(super) use runs::page as runs;
pub(super) use summary::Summary;
pub(super) use turn::{Turn, turns};

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    tab: &'static str,
    words: &'a str,
    status: u16,
}

/// The page that says why there is none.
pub(super) fn fault(fault: &Fault) -> Result<String, askama::Error> {
    FaultPage {
        tab: "",
        words: fault.words(),
        status: fault.status().as_u16(),
    }
    .render()
}

/// A share as per cent.
pub(super) fn percent(share: f64) -> String {
    // What is rounded to nought is no less than it.
    format!("{:.1}%", (1000.0 * share).round() / 10.0 + 0.0)
}

/// A share with its interval.
pub(super) fn estimate(found: crate::statistics::Estimate) -> String {
    format!(
        "{:.1}% [{:.1}, {:.1}]",
        100.0 * found.mean,
        100.0 * found.low,
        100.0 * found.high
    )
}

/// A grade's name in words.
pub(super) fn grade(grade: Option<crate::verdict::Grade>) -> String {
    grade.map_or_else(|| "lost".to_owned(), |grade| grade.name().replace('_', " "))
}
