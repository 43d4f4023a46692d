//! All runs, how they stand, and what they came to last.

use askama::Template;

use super::percent;
use crate::view::app::View;
use crate::view::curves::short;
use crate::view::places::Kind;
use crate::view::run_folder::RunFolder;
use crate::view::web::{Ask, Fault, href};

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    tab: &'static str,
    runs: Vec<Row>,
    journals: Vec<(String, String)>,
}

struct Row {
    name: String,
    link: String,
    episodes: String,
    state: &'static str,
    words: &'static str,
    rounds: String,
    reward: String,
    solved: String,
    validation: String,
    objective: String,
    policy: String,
    fault: Option<String>,
}

/// The page.
pub(in crate::view) fn page(view: &View, _: &Ask) -> Result<String, Fault> {
    let all = view.places.list();
    let runs = all
        .iter()
        .filter(|place| place.kind == Kind::Run)
        .map(|place| {
            let run = RunFolder::of(place.path());
            let share = |name| run.last(name).map_or_else(|| "–".to_owned(), percent);
            Row {
                link: href("/run", &[("of", &place.name)]),
                episodes: href("/episodes", &[("of", &place.name)]),
                name: place.name.clone(),
                state: run.state.name(),
                words: run.state.words(),
                rounds: format!(
                    "{} of {}",
                    run.rounds,
                    run.asked
                        .map_or_else(|| "?".to_owned(), |asked| asked.to_string())
                ),
                reward: run.last("reward").map_or_else(|| "–".to_owned(), short),
                solved: share("solve_rate"),
                validation: share("validation/solved"),
                objective: run
                    .config
                    .as_ref()
                    .map_or_else(String::new, |config| config.objective.name().to_owned()),
                policy: run
                    .config
                    .as_ref()
                    .map_or_else(String::new, |config| config.policy.display().to_string()),
                fault: run.faults.into_iter().next(),
            }
        });
    let journals = all.iter().filter(|place| place.kind == Kind::Journal);
    let journals = journals.map(|place| {
        (
            place.name.clone(),
            href("/episodes", &[("of", &place.name)]),
        )
    });
    Ok(Page {
        tab: "runs",
        runs: runs.collect(),
        journals: journals.collect(),
    }
    .render()?)
}
