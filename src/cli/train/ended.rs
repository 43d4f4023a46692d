//! What a run has changed, said in one line.

use std::path::Path;

use super::super::report;
use super::load::Loaded;
use crate::journal;
use crate::logger::Logger;
use crate::problem::Problem;

/// What a run has changed, and where to look, in one line.
pub(super) fn ended(loaded: &Loaded, solved: Option<(Option<f64>, f64)>, folder: &Path) -> String {
    let config = &loaded.config;
    let percent = |share: f64| format!("{:.1}%", 100.0 * share);
    let changed = match solved {
        Some((Some(before), after)) => format!(
            "{} -> {} of {} solved; ",
            percent(before),
            percent(after),
            config.evaluation.problems
        ),
        Some((None, after)) => format!(
            "{} of {} solved; ",
            percent(after),
            config.evaluation.problems
        ),
        None => String::new(),
    };
    let curves = match config.loggers.first() {
        Some(Logger::Tensorboard) => "tensorboard/",
        Some(Logger::Csv) => "metrics.csv",
        None => "metrics.jsonl",
    };
    let episodes = match journal::of_run(folder).file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => journal::NAME.to_owned(),
    };
    let problems: Vec<Problem> = (loaded.tasks.iter())
        .flat_map(|task| task.problems.iter().cloned())
        .collect();
    let report = match report::of_ended(folder, &problems) {
        Some(_) => ", a report in report.html",
        None => "",
    };
    format!(
        "{changed}the trained policy is in {}/checkpoints/{:06}, curves in {curves}, episodes in {episodes}{report}",
        folder.display(),
        config.rounds
    )
}
