//! A run, or an evaluation, as one file that needs nothing else: curves, tables and some episodes, for the artefacts of a CI job or
//! for mail. Its policy allows its own style and script by their hashes, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::app::STYLE;
use super::curves::{Series, charts};
use super::difference::Difference;
use super::page::{Curves, Summary, Turn, grade, turns};
use super::run_folder::{RunFolder, credit_of_record};
use super::visible::Shown;
use crate::eval::record::Evaluation;
use crate::journal::{Blocks, EpisodeRecord, JournalError};
use crate::problem::Problem;
use crate::verdict::Grade;

const SCRIPT: &str = include_str!("assets/report.js");
/// Blocks at the end of a journal among which episodes are chosen.
const BLOCKS: usize = 32;
/// Weight of the past in curves.
const SMOOTHING: f64 = 0.6;
/// Problems of a table at most.
const PROBLEMS: usize = 500;

/// Why there is no report. Every message completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no run.
    #[error("report on {0}: it holds no config.toml; name the folder of a run")]
    NoRun(String),
    /// The run's journal can't be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The page can't be made.
    #[error("make the report: {0}")]
    Page(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    policy: String,
    style: &'static str,
    script: &'static str,
    title: String,
    lines: Vec<String>,
    curves: String,
    evaluations: Vec<(String, String)>,
    problems: Vec<(String, usize, usize, String)>,
    problems_left: usize,
    episodes: Vec<Episode>,
    configuration: String,
}

struct Episode {
    why: &'static str,
    problem: String,
    step: usize,
    sample: usize,
    class: &'static str,
    outcome: String,
    statement: Shown,
    turns: Vec<Turn>,
}

/// What the report may load: its own style and script, by their hashes.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

impl Page {
    fn of(title: String, lines: Vec<String>) -> Self {
        Self {
            policy: policy(),
            style: STYLE,
            script: SCRIPT,
            title,
            lines,
            curves: String::new(),
            evaluations: Vec::new(),
            problems: Vec::new(),
            problems_left: 0,
            episodes: Vec::new(),
            configuration: String::new(),
        }
    }
}

/// The report of a run. `problem_of` finds the problem of an id, where it is at hand.
pub fn of_run(
    folder: &Path,
    problem_of: &dyn Fn(&str) -> Option<Problem>,
) -> Result<String, ReportError> {
    let name = folder.display().to_string();
    if !folder.join("config.toml").exists() {
        return Err(ReportError::NoRun(name));
    }
    let run = RunFolder::of(folder);
    let asked = run
        .asked
        .map_or_else(String::new, |asked| format!(" of {asked}"));
    let state = format!(
        "{}: {}. Round {}{asked}.",
        run.state.name(),
        run.state.words(),
        run.rounds
    );
    let lines = std::iter::once(state)
        .chain(run.faults.iter().cloned())
        .collect();
    let mut page = Page::of(name.clone(), lines);
    let series = Series {
        name: &name,
        rows: &run.rows,
    };
    page.curves = Curves {
        charts: charts(&[series], SMOOTHING),
        runs: vec![(0, name.clone(), run.state.name().to_owned())],
    }
    .render()?;
    for (file, title) in [
        ("before.json", "Before training"),
        ("after.json", "After training"),
    ] {
        // Runs of older versions keep reports of another form, which are told of on a terminal alone.
        if let Some(report) = Evaluation::load(&folder.join(file))
            .ok()
            .and_then(|found| found.report)
        {
            page.evaluations
                .push((title.to_owned(), Summary::of(&report).render()?));
        }
    }
    let journal = crate::journal::of_run(folder);
    if journal.exists() {
        page.episodes = chosen(folder, &Blocks::open(&journal)?, problem_of)?;
    }
    page.configuration = run.configuration;
    Ok(page.render()?)
}

/// The report of an evaluation.
pub fn of_evaluation(name: &str, evaluation: &Evaluation) -> Result<String, ReportError> {
    let made = &evaluation.provenance;
    let lines = vec![format!(
        "{} on {}: {} turns, {} episodes a problem, seed {}, isolation {}, rlef {}.",
        made.policy.name,
        made.problems,
        made.play.turns,
        made.rollouts,
        made.seed,
        made.sandbox.isolation,
        made.rlef
    )];
    let mut page = Page::of(name.to_owned(), lines);
    if let Some(report) = &evaluation.report {
        page.evaluations
            .push(("What it solves".to_owned(), Summary::of(report).render()?));
    }
    let row = |record: &crate::eval::record::ProblemRecord| {
        let failures = record
            .failures
            .iter()
            .map(|(one, count)| format!("{count} {}", grade(Some(*one))));
        let solved = record.c.last().copied().unwrap_or(0);
        (
            record.id.clone(),
            solved,
            record.n,
            failures.collect::<Vec<_>>().join(", "),
        )
    };
    page.problems = evaluation.problems.iter().take(PROBLEMS).map(row).collect();
    page.problems_left = evaluation.problems.len().saturating_sub(PROBLEMS);
    Ok(page.render()?)
}

/// Whether an episode is one of a kind.
type Holds = fn(&EpisodeRecord) -> bool;

/// Some episodes of the last policy versions, each for a reason.
fn chosen(
    folder: &Path,
    blocks: &Blocks,
    problem_of: &dyn Fn(&str) -> Option<Problem>,
) -> Result<Vec<Episode>, ReportError> {
    let reward = |record: &EpisodeRecord| -> f64 {
        let rewards = record.turns.iter().filter_map(|turn| turn.reward.as_ref());
        rewards
            .map(|reward| reward.outcome + reward.scores.values().sum::<f64>())
            .sum()
    };
    let reasons: [(&'static str, Holds); 5] = [
        ("Repaired", |record| {
            record.outcome == Some(Grade::Accepted) && record.turns.len() > 1
        }),
        ("Solved at once", |record| {
            record.outcome == Some(Grade::Accepted) && record.turns.len() == 1
        }),
        ("Never solved", |record| {
            record.outcome.is_some_and(|grade| grade != Grade::Accepted) && record.turns.len() > 1
        }),
        ("Passes the public tests alone", |record| {
            record.outcome.is_some_and(|grade| grade != Grade::Accepted)
                && record
                    .turns
                    .last()
                    .is_some_and(|turn| turn.grade == Grade::Accepted)
        }),
        ("Without a program", |record| {
            record
                .turns
                .iter()
                .any(|turn| turn.grade == Grade::NoProgram)
        }),
    ];
    let mut found: BTreeMap<usize, EpisodeRecord> = BTreeMap::new();
    let mut least: Option<EpisodeRecord> = None;
    for block in (0..blocks.count()).rev().take(BLOCKS) {
        for record in blocks.records::<EpisodeRecord>(block)?.into_iter().rev() {
            for (place, (_, holds)) in reasons.iter().enumerate() {
                if !found.contains_key(&place) && holds(&record) {
                    found.insert(place, record.clone());
                }
            }
            if record.outcome.is_some()
                && least
                    .as_ref()
                    .is_none_or(|least| reward(&record) < reward(least))
            {
                least = Some(record);
            }
        }
        if found.len() == reasons.len() {
            break;
        }
    }
    let with_reasons = found
        .into_iter()
        .map(|(place, record)| (reasons[place].0, record));
    let all = with_reasons.chain(least.map(|record| ("The least reward", record)));
    let episode = |(why, record): (&'static str, EpisodeRecord)| -> Result<Episode, ReportError> {
        let problem = problem_of(&record.problem_id);
        let prompt = match &record.prompt {
            Some(name) => blocks.prompt(name)?,
            None => None,
        };
        let statement =
            prompt.or_else(|| problem.as_ref().map(|problem| problem.statement.clone()));
        let credit = credit_of_record(folder, &record)?;
        Ok(Episode {
            why,
            step: record.step,
            sample: record.sample,
            class: if record.outcome == Some(Grade::Accepted) {
                "good"
            } else {
                "bad"
            },
            outcome: grade(record.outcome),
            statement: Shown::of(
                statement
                    .as_deref()
                    .unwrap_or("The journal does not hold its text."),
                false,
            ),
            turns: turns(&record, problem.as_ref(), (None, credit.as_deref()), false)?,
            problem: record.problem_id,
        })
    };
    all.map(episode).collect()
}
