//! A run, or several over each other: curves, how they stand, what they were told, where else to look.

use askama::Template;

use crate::view::app::View;
use crate::view::curves::{self, Chart, Series};
use crate::view::places::Kind;
use crate::view::run_folder::RunFolder;
use crate::view::web::{Ask, Fault, href};

/// Runs that are drawn over each other at most.
const MOST: usize = 8;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    tab: &'static str,
    runs: Vec<One>,
    charts: String,
    fragment: String,
    live: String,
    smoothing: f64,
    others: Vec<String>,
}

struct One {
    name: String,
    state: &'static str,
    words: &'static str,
    rounds: usize,
    asked: Option<usize>,
    configuration: String,
    episodes: String,
    problems: String,
    evaluations: Vec<(String, String)>,
    faults: Vec<String>,
}

#[derive(Template)]
#[template(path = "curves.html")]
pub(in crate::view) struct Curves {
    pub(in crate::view) charts: Vec<Chart>,
    pub(in crate::view) runs: Vec<(usize, String, String)>,
}

fn named(view: &View, ask: &Ask) -> Result<Vec<(String, RunFolder)>, Fault> {
    let names: Vec<&str> = ask.all("of").collect();
    if names.is_empty() || names.len() > MOST {
        return Err(Fault::Bad(format!(
            "expected from one to {MOST} runs as ?of= in the address, found {}",
            names.len()
        )));
    }
    let one = |name: &str| {
        Ok((
            name.to_owned(),
            RunFolder::of(view.place(Kind::Run, name)?.path()),
        ))
    };
    names.into_iter().map(one).collect()
}

fn smoothing(ask: &Ask) -> Result<f64, Fault> {
    let smoothing = ask.number::<f64>("smooth")?.unwrap_or(0.6);
    if (0.0..1.0).contains(&smoothing) {
        Ok(smoothing)
    } else {
        Err(Fault::Bad(format!(
            "expected a number from 0 to less than 1 in ?smooth=, found {smoothing}"
        )))
    }
}

fn drawn(runs: &[(String, RunFolder)], smoothing: f64) -> Result<String, Fault> {
    let series: Vec<Series<'_>> = runs
        .iter()
        .map(|(name, run)| Series {
            name,
            rows: &run.rows,
        })
        .collect();
    let legend = runs.iter().enumerate().map(|(colour, (name, run))| {
        let asked = run
            .asked
            .map_or_else(String::new, |asked| format!(" of {asked}"));
        (
            colour,
            name.clone(),
            format!("{}, round {}{asked}", run.state.name(), run.rounds),
        )
    });
    let curves = Curves {
        charts: curves::charts(&series, smoothing),
        runs: legend.collect(),
    };
    Ok(curves.render()?)
}

/// The curves alone, as a piece of the page.
pub(in crate::view) fn curves(view: &View, ask: &Ask) -> Result<String, Fault> {
    drawn(&named(view, ask)?, smoothing(ask)?)
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let runs = named(view, ask)?;
    let smoothing = smoothing(ask)?;
    let all = view.places.list();
    let others = all.iter().filter(|place| {
        place.kind == Kind::Run && runs.iter().all(|(name, _)| *name != place.name)
    });
    let others = others.map(|place| place.name.clone()).collect();
    let charts = drawn(&runs, smoothing)?;
    let pairs: Vec<(&str, &str)> = runs.iter().map(|(name, _)| ("of", name.as_str())).collect();
    let live = href("/live", &pairs);
    let one = |(name, run): &(String, RunFolder)| {
        let inside = |place: &&crate::view::places::Place| {
            place.kind == Kind::Evaluation
                && place.path().parent() == Some(std::path::Path::new(name))
        };
        let evaluations = all.iter().filter(inside).map(|place| {
            let file = place
                .path()
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (file, href("/evaluation", &[("of", &place.name)]))
        });
        One {
            name: name.clone(),
            state: run.state.name(),
            words: run.state.words(),
            rounds: run.rounds,
            asked: run.asked,
            configuration: run.configuration.clone(),
            episodes: href("/episodes", &[("of", name)]),
            problems: href("/problems", &[("of", name)]),
            evaluations: evaluations.collect(),
            faults: run.faults.clone(),
        }
    };
    let page = Page {
        tab: "runs",
        runs: runs.iter().map(one).collect(),
        charts,
        fragment: ask.with("/curves", "", None),
        live,
        smoothing,
        others,
    };
    Ok(page.render()?)
}
