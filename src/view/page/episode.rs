//! One episode as a dialogue.

use std::path::Path;

use askama::Template;

use super::turn::{Turn, table, turns};
use super::{grade, percent};
use crate::config::HELD_OUT;
use crate::episode::StopReason;
use crate::journal::EpisodeRecord;
use crate::problem::Problem;
use crate::view::app::View;
use crate::view::curves::short;
use crate::view::difference::Difference;
use crate::view::places::Kind;
use crate::view::run_folder::{RunFolder, credit_of_record};
use crate::view::sets::near;
use crate::view::tokens::CLASSES;
use crate::view::visible::Shown;
use crate::view::web::{Ask, Fault, href};

#[derive(Template)]
#[template(path = "episode.html")]
struct Page<'a> {
    tab: &'static str,
    of: &'a str,
    list: String,
    record: &'a EpisodeRecord,
    class: &'static str,
    outcome: String,
    stop: &'static str,
    reward: Option<String>,
    statement: Shown,
    problem_link: String,
    turns: Vec<Turn>,
    private: String,
    private_count: usize,
    has_tokens: bool,
    has_credit: bool,
    passed: String,
    before: Option<String>,
    next: Option<String>,
    others: Vec<(String, String, bool)>,
    whole: String,
    classes: [&'static str; 6],
    notes: Vec<String>,
}

/// Sets that a run was played on, by their names.
pub(super) fn sets_of(run: &RunFolder) -> Vec<String> {
    let Some(config) = &run.config else {
        return Vec::new();
    };
    let all = [
        &config.problems,
        &config.evaluation.problems,
        &config.validation.problems,
    ];
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !name.is_empty() && name != HELD_OUT && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The problem of an id, among the sets of whatever the journal is of, and why there is none.
pub(super) fn problem_of(
    view: &View,
    ask: &Ask,
    sets: &[String],
    id: &str,
) -> (Option<Problem>, Vec<String>) {
    let mut notes = Vec::new();
    for name in ask.all("set").chain(sets.iter().map(String::as_str)) {
        match &*view.sets.problems(name) {
            Ok(set) => {
                if let Some(problem) = set.find(id) {
                    return (Some(problem.clone()), Vec::new());
                }
            }
            Err(reason) => notes.push(reason.clone()),
        }
    }
    notes.push("the problem is not at hand, so that its tests are not shown".to_owned());
    (None, notes)
}

/// The sets that a journal is of: a run's, or those of the evaluations that were named beside it.
pub(super) fn sets(view: &View, of: &str) -> Vec<String> {
    let names = match view.places.find(Kind::Run, of) {
        Some(place) => sets_of(&RunFolder::of(place.path())),
        None => super::evaluation::of_journal(view, of)
            .into_iter()
            .map(|found| found.provenance.problems)
            .collect(),
    };
    // A run's folder is asked for by its name, which is around its files as well.
    let record = Path::new(of).join("journal");
    names.iter().map(|name| near(name, &record)).collect()
}

const fn stop_words(stop: StopReason) -> &'static str {
    match stop {
        StopReason::Solved => "every public test passed",
        StopReason::MaxTurns => "the turn limit was reached",
        StopReason::ContextFull => "the next turn would not have fit the context",
        StopReason::Aborted => "it was lost: the sandbox or the policy's server failed",
    }
}

/// The number in the journal that an address names: by itself, or by policy version, problem and sample.
fn number(view: &View, ask: &Ask, of: &str) -> Result<usize, Fault> {
    if let Some(number) = ask.number("n")? {
        return Ok(number);
    }
    let id = ask.need("problem")?;
    let (step, sample) = (
        ask.number("step")?.unwrap_or(0),
        ask.number("sample")?.unwrap_or(0),
    );
    let found = view
        .episodes(of)?
        .wait_for(|table| table.named(step, id, sample));
    found.ok_or_else(|| {
        let words = format!("{of} has no episode of {id}, policy version {step}, sample {sample}");
        Fault::Missing(words)
    })
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let of = ask.need("of")?;
    let episodes = view.episodes(of)?;
    let number = number(view, ask, of)?;
    let Some((row, record)) = episodes.record(number)? else {
        return Err(Fault::Missing(format!("{of} has no episode {number}")));
    };
    let sets = sets(view, of);
    let (problem, mut notes) = problem_of(view, ask, &sets, &record.problem_id);
    let policy = view
        .places
        .find(Kind::Run, of)
        .and_then(|place| RunFolder::of(place.path()).config);
    let tokenizer = policy
        .as_ref()
        .map(|config| view.sets.tokenizer(&config.policy));
    let has_tokens = record.turns.iter().any(|turn| turn.tokens.is_some());
    if let Some(Err(reason)) = tokenizer.as_deref().filter(|_| has_tokens) {
        notes.push(format!("tokens are not shown: {reason}"));
    }
    let whole = ask.get("whole").is_some();
    let tokenizer = tokenizer.as_deref().and_then(|found| found.as_ref().ok());
    let prompt = match &record.prompt {
        Some(name) => episodes.prompt(name)?,
        None => None,
    };
    let statement = prompt.or_else(|| problem.as_ref().map(|problem| problem.statement.clone()));
    let statement = statement.unwrap_or_else(|| "The journal does not hold its text.".to_owned());
    let private = problem
        .as_ref()
        .map_or(&[][..], |problem| &problem.private_tests);
    let link = |number: usize| href("/episode", &[("of", of), ("n", &number.to_string())]);
    let (count, others) = episodes.with(|table, _| {
        let same = table.rows().iter().enumerate();
        let same = same.filter(|(_, other)| other.problem == row.problem && other.step == row.step);
        let others: Vec<(String, String, bool)> = same
            .take(64)
            .map(|(other, found)| (found.sample.to_string(), link(other), other == number))
            .collect();
        (table.counts().0, others)
    });
    let place = view.places.find(Kind::Run, of);
    let credit = place.map(|place| credit_of_record(place.path(), &record));
    let credit = credit.and_then(|found| {
        let told =
            |error: &_| notes.push(format!("what the round made of it is not shown: {error}"));
        found.inspect_err(told).ok().flatten()
    });
    let turns = turns(
        &record,
        problem.as_ref(),
        (tokenizer, credit.as_deref()),
        whole,
    )?;
    let facts = episodes.facts(&[number])?;
    let reward = facts
        .first()
        .map(|facts| facts.reward)
        .filter(|reward| !reward.is_nan());
    Ok(Page {
        tab: "episodes",
        of,
        list: href("/episodes", &[("of", of)]),
        class: match record.outcome {
            Some(crate::verdict::Grade::Accepted) => "good",
            Some(_) => "bad",
            None => "none",
        },
        outcome: grade(record.outcome),
        stop: stop_words(record.stop),
        reward: reward.map(|reward| short(f64::from(reward))),
        statement: Shown::of(&statement, whole),
        problem_link: href("/problem", &[("of", of), ("id", &record.problem_id)]),
        has_tokens: turns.iter().any(|turn| !turn.tokens.is_empty()),
        has_credit: credit.is_some(),
        turns,
        private: table(private)?,
        private_count: private.len(),
        passed: format!(
            "{} of {} tests ({})",
            record.passed,
            record.total,
            percent(record.passed as f64 / record.total.max(1) as f64)
        ),
        before: number.checked_sub(1).map(link),
        next: (number + 1 < count).then(|| link(number + 1)),
        others,
        whole: ask.with("/episode", "whole", Some("1")),
        classes: CLASSES,
        notes,
        record: &record,
    }
    .render()?)
}
