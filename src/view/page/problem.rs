//! One problem: its statement, tests, programs of its own, whether it is left out, and how often it was solved over policy versions.

use askama::Template;

use super::episode::{problem_of, sets};
use super::percent;
use super::problems::rates;
use super::turn::table;
use crate::logger::Row as Numbers;
use crate::problem::quarantine::{self, Quarantine};
use crate::problem::{Problem, Reference};
use crate::view::app::View;
use crate::view::curves::{Chart, Series, single};
use crate::view::highlight;
use crate::view::places::Kind;
use crate::view::run_folder::RunFolder;
use crate::view::visible::Shown;
use crate::view::web::{Ask, Fault, href};

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'a> {
    tab: &'static str,
    of: &'a str,
    id: &'a str,
    list: String,
    episodes: String,
    statement: Shown,
    labels: Vec<(String, String)>,
    limits: String,
    public: String,
    private: String,
    programs: Vec<(&'static str, String, Vec<String>)>,
    quarantine: Option<String>,
    chart: Option<Chart>,
    solved: String,
    notes: Vec<String>,
}

/// Why the list that a run leaves out names this problem, if it does.
fn left_out(run: Option<&RunFolder>, id: &str, problem: Option<&Problem>) -> Option<String> {
    let name = &run?.config.as_ref()?.quarantine;
    if name.is_empty() {
        return None;
    }
    let list = match Quarantine::load(std::path::Path::new(name)) {
        Ok(list) => list,
        Err(error) => return Some(format!("failed to {error}")),
    };
    let entry = list
        .entries
        .into_iter()
        .find(|entry| entry.problem_id == id)?;
    let until = entry
        .expires
        .as_deref()
        .map_or_else(String::new, |date| format!(", until {date}"));
    let changed = problem.is_some_and(|problem| quarantine::hash(problem) != entry.sha256);
    let over = !entry.holds(&quarantine::today());
    let still = match (changed, over) {
        (true, _) => "; it was changed since, and is used again",
        (_, true) => "; that is over",
        _ => "",
    };
    Some(format!("{}: {}{until}{still}", entry.reason, entry.detail))
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let (of, id) = (ask.need("of")?, ask.need("id")?);
    let episodes = view.episodes(of)?;
    let (problem, notes) = problem_of(view, ask, &sets(view, of), id);
    let rate = episodes.with(|table, _| {
        table
            .number_of(id)
            .map(|number| rates(table).swap_remove(number as usize))
    });
    if problem.is_none() && rate.is_none() {
        return Err(Fault::Missing(format!("{of} has no problem {id}")));
    }
    let rate = rate.unwrap_or_default();
    let sum = rate
        .values()
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let numbers: Vec<Numbers> = rate
        .iter()
        .map(|(step, (played, solved))| Numbers {
            round: *step as usize,
            numbers: [(
                "solved".to_owned(),
                *solved as f64 / (*played).max(1) as f64,
            )]
            .into(),
        })
        .collect();
    let run = view
        .places
        .find(Kind::Run, of)
        .map(|place| RunFolder::of(place.path()));
    let problem_or_none = problem.clone().unwrap_or_default();
    let program = |what: &'static str| {
        move |one: &Reference| {
            (
                what,
                one.language.title().to_owned(),
                highlight::lines(one.language, &one.source),
            )
        }
    };
    let right = problem_or_none
        .references
        .iter()
        .take(5)
        .map(program("Right"));
    let wrong = problem_or_none
        .wrong
        .iter()
        .take(5)
        .map(program("Known to be wrong"));
    let limits = serde_json::to_string(&problem_or_none.limits).unwrap_or_default();
    Ok(Page {
        tab: "problems",
        of,
        id,
        list: href("/problems", &[("of", of)]),
        episodes: href("/episodes", &[("of", of), ("problem", id)]),
        statement: Shown::of(&problem_or_none.statement, ask.get("whole").is_some()),
        labels: problem_or_none.labels.clone().into_iter().collect(),
        limits,
        public: table(&problem_or_none.public_tests)?,
        private: table(&problem_or_none.private_tests)?,
        programs: right.chain(wrong).collect(),
        quarantine: left_out(run.as_ref(), id, problem.as_ref()),
        chart: (numbers.len() > 1)
            .then(|| {
                single(
                    "Solved, by policy version",
                    "solved",
                    &Series {
                        name: id,
                        rows: &numbers,
                    },
                )
            })
            .flatten(),
        solved: if sum.0 == 0 {
            "never played".to_owned()
        } else {
            format!(
                "{} of {} episodes solved ({})",
                sum.1,
                sum.0,
                percent(sum.1 as f64 / sum.0 as f64)
            )
        },
        notes,
    }
    .render()?)
}
