//! The episodes of a journal: filtered, sorted, a page of them.

use askama::Template;

use super::grade;
use crate::verdict::Grade;
use crate::view::app::View;
use crate::view::curves::short;
use crate::view::episodes::{Facts, Key, Query, Row as Found};
use crate::view::web::{Ask, Fault, href};

/// Episodes of a page.
const PAGE: usize = 50;
/// Verdicts that can be asked for.
const GRADES: [Grade; 9] = [
    Grade::Accepted,
    Grade::WrongAnswer,
    Grade::CompileError,
    Grade::RuntimeError,
    Grade::TimeLimit,
    Grade::MemoryLimit,
    Grade::OutputLimit,
    Grade::NoProgram,
    Grade::Unsupported,
];
/// What they can be sorted by.
const KEYS: [(&str, Key, &str); 6] = [
    ("played", Key::Played, "as played"),
    ("problem", Key::Problem, "problem"),
    ("step", Key::Step, "policy version"),
    ("reward", Key::Reward, "reward"),
    ("turns", Key::Turns, "turns"),
    ("length", Key::Length, "length"),
];

#[derive(Template)]
#[template(path = "episodes.html")]
struct Page<'a> {
    tab: &'static str,
    of: &'a str,
    count: usize,
    all: usize,
    known: usize,
    is_partial: bool,
    fault: Option<String>,
    rows: Vec<Row>,
    first: usize,
    last: usize,
    before: Option<String>,
    next: Option<String>,
    grades: Vec<(&'static str, String, bool)>,
    keys: Vec<(&'static str, &'static str, bool)>,
    descending: bool,
    ask: &'a Ask,
}

impl Page<'_> {
    /// What a field of the form holds.
    fn field(&self, name: &str) -> &str {
        self.ask.get(name).unwrap_or_default()
    }
}

struct Row {
    link: String,
    step: u32,
    problem: String,
    sample: u32,
    class: &'static str,
    grade: String,
    turns: u16,
    solved: String,
    reward: String,
    length: String,
}

fn query(ask: &Ask) -> Result<Query, Fault> {
    let grade = match ask.get("verdict") {
        None => None,
        Some("lost") => Some(None),
        Some(name) => {
            let found = GRADES.into_iter().find(|grade| grade.name() == name);
            let wrong = || Fault::Bad(format!("expected a verdict in ?verdict=, found {name:?}"));
            Some(Some(found.ok_or_else(wrong)?))
        }
    };
    let key = match ask.get("sort") {
        None => Key::Played,
        Some(name) => {
            let found = KEYS.into_iter().find(|key| key.0 == name);
            found
                .ok_or_else(|| Fault::Bad(format!("expected an order in ?sort=, found {name:?}")))?
                .1
        }
    };
    let page = ask.number::<usize>("page")?.unwrap_or(1).max(1);
    Ok(Query {
        problem: ask.get("problem").unwrap_or_default().to_owned(),
        from: ask.number("from")?,
        to: ask.number("to")?,
        grade,
        solved_at: ask.number("solved")?,
        least: ask.number("least")?,
        most: ask.number("most")?,
        key,
        descending: ask.get("descending").is_some(),
        skip: (page - 1).saturating_mul(PAGE),
        take: PAGE,
    })
}

fn row(number: usize, row: Found, facts: Facts, problem: &str, ask: &Ask) -> Row {
    let grade = if facts.is_known {
        grade(facts.grade)
    } else {
        "not read yet".to_owned()
    };
    let class = match facts.grade {
        Some(Grade::Accepted) => "good",
        Some(_) => "bad",
        None => "none",
    };
    let of = ask.get("of").unwrap_or_default();
    Row {
        link: href("/episode", &[("of", of), ("n", &number.to_string())]),
        step: row.step,
        problem: problem.to_owned(),
        sample: row.sample,
        class,
        grade,
        turns: facts.turns,
        solved: match facts.solved_at {
            0 => "–".to_owned(),
            turn => turn.to_string(),
        },
        reward: if facts.reward.is_nan() {
            "–".to_owned()
        } else {
            short(f64::from(facts.reward))
        },
        length: facts.bytes.to_string(),
    }
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let of = ask.need("of")?;
    let episodes = view.episodes(of)?;
    let query = query(ask)?;
    let (found, all, known, fault) = episodes.with(|table, fault| {
        let (all, known) = table.counts();
        (table.find(&query), all, known, fault.map(str::to_owned))
    });
    let facts = episodes.facts(&found.numbers)?;
    let rows = episodes.with(|table, _| {
        let rows = found
            .numbers
            .iter()
            .zip(&facts)
            .filter_map(|(&number, facts)| {
                let found = table.row(number)?;
                Some(row(
                    number,
                    found,
                    *facts,
                    table.problem(found.problem),
                    ask,
                ))
            });
        rows.collect::<Vec<_>>()
    });
    let page = query.skip / PAGE + 1;
    let link = |page: usize| ask.with("/episodes", "page", Some(&page.to_string()));
    let verdict = ask.get("verdict").unwrap_or_default();
    let mut grades: Vec<(&str, String, bool)> = GRADES
        .iter()
        .map(|one| (one.name(), grade(Some(*one)), one.name() == verdict))
        .collect();
    grades.push(("lost", "lost".to_owned(), verdict == "lost"));
    let sort = ask.get("sort").unwrap_or("played");
    let last = query.skip + rows.len();
    Ok(Page {
        tab: "episodes",
        of,
        count: found.count,
        all,
        known,
        is_partial: known < all && query.needs_facts(),
        fault,
        first: if rows.is_empty() { 0 } else { query.skip + 1 },
        last,
        before: (page > 1).then(|| link(page - 1)),
        next: (last < found.count).then(|| link(page + 1)),
        rows,
        grades,
        keys: KEYS
            .iter()
            .map(|(name, _, words)| (*name, *words, *name == sort))
            .collect(),
        descending: query.descending,
        ask,
    }
    .render()?)
}
