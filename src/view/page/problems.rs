//! The problems of a run, a journal or a set: how often each is solved, over policy versions.

use std::collections::BTreeMap;

use askama::Template;

use super::episode::sets;
use super::{lines::line, percent};
use crate::view::app::View;
use crate::view::episodes::Table;
use crate::view::places::Kind;
use crate::view::web::{Ask, Fault, href};

/// Problems of a page.
const PAGE: usize = 100;
/// Points of a line at most.
const POINTS: usize = 12;

#[derive(Template)]
#[template(path = "problems.html")]
struct Page<'a> {
    tab: &'static str,
    of: &'a str,
    sources: Vec<(String, String)>,
    filter: &'a str,
    sort: [(&'static str, bool); 3],
    rows: Vec<Row>,
    count: usize,
    before: Option<String>,
    next: Option<String>,
    notes: Vec<String>,
    is_partial: bool,
}

struct Row {
    id: String,
    link: String,
    played: usize,
    solved: String,
    spark: String,
}

/// Played and solved episodes by policy version.
type Rate = BTreeMap<u32, (usize, usize)>;

/// How often problems were solved: for each played and solved episodes by policy version.
pub(super) fn rates(table: &Table) -> Vec<Rate> {
    let mut rates: Vec<Rate> = vec![BTreeMap::new(); table.problems().len()];
    for row in table
        .rows()
        .iter()
        .filter(|row| row.facts.is_known && row.facts.grade.is_some())
    {
        let (played, solved) = rates[row.problem as usize].entry(row.step).or_default();
        *played += 1;
        *solved += usize::from(row.facts.solved_at > 0);
    }
    rates
}

fn spark(rate: &Rate) -> String {
    let all: Vec<(usize, usize)> = rate.values().copied().collect();
    if all.len() < 2 {
        return String::new();
    }
    let share = |part: &[(usize, usize)]| {
        let sum = part
            .iter()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        sum.1 as f64 / sum.0.max(1) as f64
    };
    let shares: Vec<f64> = all.chunks(all.len().div_ceil(POINTS)).map(share).collect();
    let (first, last) = (shares[0], shares[shares.len() - 1]);
    line(
        &shares,
        &format!("solved from {} to {}", percent(first), percent(last)),
    )
}

/// Where problems can be looked at: runs, journals, and the sets of evaluations.
fn sources(view: &View) -> Vec<(String, String)> {
    let all = view
        .places
        .list()
        .into_iter()
        .filter(|place| place.kind != Kind::Evaluation);
    all.map(|place| (href("/problems", &[("of", &place.name)]), place.name))
        .collect()
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let sources = sources(view);
    let filter = ask.get("problem").unwrap_or_default();
    let sort = ask.get("sort").unwrap_or("played");
    let mut page = Page {
        tab: "problems",
        of: ask.get("of").unwrap_or_default(),
        sources,
        filter,
        sort: ["played", "hardest", "id"].map(|name| (name, name == sort)),
        rows: Vec::new(),
        count: 0,
        before: None,
        next: None,
        notes: Vec::new(),
        is_partial: false,
    };
    let Some(of) = ask.get("of") else {
        return Ok(page.render()?);
    };
    // Sets are read for problems that were never played; without them those that were are all there is.
    let mut all: BTreeMap<String, Rate> = BTreeMap::new();
    for name in sets(view, of) {
        match &*view.sets.problems(&name) {
            Ok(set) => all.extend(
                set.problems
                    .iter()
                    .map(|problem| (problem.id.clone(), BTreeMap::new())),
            ),
            Err(reason) => page.notes.push(reason.clone()),
        }
    }
    let episodes = view.episodes(of)?;
    page.is_partial = episodes.with(|table, _| {
        let rates = rates(table);
        all.extend(table.problems().iter().cloned().zip(rates));
        let (count, known) = table.counts();
        known < count
    });
    let wanted = filter.to_lowercase();
    let sum = |rate: &Rate| {
        rate.values()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let mut found: Vec<(String, (usize, usize), Rate)> = (all.into_iter())
        .filter(|(id, _)| id.to_lowercase().contains(&wanted))
        .map(|(id, rate)| (id, sum(&rate), rate))
        .collect();
    let share = |sum: (usize, usize)| sum.1 as f64 / sum.0.max(1) as f64;
    match sort {
        "hardest" => found.sort_by(|one, other| {
            (one.1.0 == 0)
                .cmp(&(other.1.0 == 0))
                .then(share(one.1).total_cmp(&share(other.1)))
        }),
        "played" => found.sort_by_key(|one| std::cmp::Reverse(one.1.0)),
        _ => {}
    }
    let number = ask.number::<usize>("page")?.unwrap_or(1).max(1);
    page.count = found.len();
    let rows = found
        .iter()
        .skip((number - 1).saturating_mul(PAGE))
        .take(PAGE)
        .map(|(id, sum, rate)| Row {
            id: id.clone(),
            link: href("/problem", &[("of", of), ("id", id)]),
            played: sum.0,
            solved: if sum.0 == 0 {
                "–".to_owned()
            } else {
                percent(share(*sum))
            },
            spark: spark(rate),
        });
    page.rows = rows.collect();
    let link = |number: usize| ask.with("/problems", "page", Some(&number.to_string()));
    page.before = (number > 1).then(|| link(number - 1));
    page.next = (number.saturating_mul(PAGE) < found.len()).then(|| link(number + 1));
    Ok(page.render()?)
}
