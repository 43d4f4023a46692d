//! Numbers of runs by round → charts as SVG: several runs over each other by colour, several numbers of a run by dashes. Drawn by
//! attributes alone, which a strict policy allows.

mod drawing;

use std::fmt::Write as _;

use crate::logger::Row;
pub(super) use drawing::short;
use drawing::{Line, drawn, smoothed, thinned};

/// Colours of runs, as classes of the style sheet.
const COLOURS: usize = 8;
/// What charts there are: a title, and the numbers in it with what they are called.
const CHARTS: [(&str, &[(&str, &str)]); 16] = [
    ("Reward", &[("reward", "mean return")]),
    (
        "Solved",
        &[
            ("solve_rate", "in the end"),
            ("solve_rate_turn_1", "at turn 1"),
            ("validation/solved", "validation"),
        ],
    ),
    (
        "KL to the reference, a token",
        &[("reference_kl", "mean log-ratio")],
    ),
    ("KL of an update", &[("approx_kl", "approx_kl")]),
    ("Entropy", &[("entropy", "nats a token")]),
    ("Clip fraction", &[("clip_fraction", "share of tokens")]),
    (
        "Explained variance",
        &[("explained_variance", "of the returns")],
    ),
    ("Policy loss", &[("policy_loss", "policy")]),
    ("Value loss", &[("value_loss", "value")]),
    ("Gradient norm", &[("gradient_norm", "policy")]),
    ("Turns", &[("turns", "mean of an episode")]),
    (
        "Answers",
        &[
            ("no_program_rate", "without a program"),
            ("cut_rate", "cut at the limit"),
        ],
    ),
    ("Tokens of a round", &[("tokens", "sampled")]),
    (
        "Episodes lost",
        &[
            ("aborted", "aborted"),
            ("lost_answers", "by the server"),
            ("unsupported", "unsupported"),
            ("no_opinion", "no opinion"),
        ],
    ),
    (
        "Seconds by phase",
        &[
            ("time/sampling_seconds", "sampling"),
            ("time/judging_seconds", "judging"),
            ("time/scoring_seconds", "scoring"),
            ("time/updating_seconds", "updating"),
        ],
    ),
    (
        "Tokens a second",
        &[("time/tokens_per_second", "of sampling")],
    ),
];

/// One run's numbers.
pub(super) struct Series<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// Its rounds.
    pub(super) rows: &'a [Row],
}

/// A chart.
pub(super) struct Chart {
    /// What it shows.
    pub(super) title: String,
    /// The picture.
    pub(super) svg: String,
    /// Which dashes are which number, where there are several.
    pub(super) legend: Vec<(usize, String)>,
}

/// All charts that have a number, the objective's own last. Smoothing is the weight of the past, from 0 to 1.
pub(super) fn charts(runs: &[Series<'_>], smoothing: f64) -> Vec<Chart> {
    let mut own: Vec<String> = Vec::new();
    for name in runs
        .iter()
        .flat_map(|run| run.rows.iter().flat_map(|row| row.numbers.keys()))
    {
        if name.starts_with("own/") && !own.contains(name) {
            own.push(name.clone());
        }
    }
    own.sort();
    let fixed = CHARTS
        .iter()
        .map(|(title, names)| chart(title, names, runs, smoothing));
    let more = own.iter().map(|name| {
        let words = name.trim_start_matches("own/").replace('_', " ");
        chart(
            &words,
            &[(name.as_str(), "of the objective")],
            runs,
            smoothing,
        )
    });
    fixed.chain(more).flatten().collect()
}

/// One number of one run.
pub(super) fn single(title: &str, name: &str, run: &Series<'_>) -> Option<Chart> {
    let run = Series {
        name: run.name,
        rows: run.rows,
    };
    chart(title, &[(name, title)], &[run], 0.0)
}

fn chart(
    title: &str,
    names: &[(&str, &str)],
    runs: &[Series<'_>],
    smoothing: f64,
) -> Option<Chart> {
    let mut lines = Vec::new();
    let mut legend = Vec::new();
    for (dash, (name, words)) in names.iter().enumerate() {
        let mut any = false;
        for (colour, run) in runs.iter().enumerate() {
            let points = run
                .rows
                .iter()
                .filter_map(|row| Some((row.round as f64, *row.numbers.get(*name)?)));
            let raw: Vec<(f64, f64)> = points.filter(|point| point.1.is_finite()).collect();
            // What is 0 throughout says no more than its absence.
            if raw.iter().all(|point| point.1 == 0.0) {
                continue;
            }
            any = true;
            let smooth = thinned(&smoothed(&raw, smoothing));
            lines.push(Line {
                colour: colour % COLOURS,
                dash,
                raw: thinned(&raw),
                smooth,
            });
        }
        if any {
            legend.push((dash, (*words).to_owned()));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let label = described(title, names, runs);
    Some(Chart {
        svg: drawn(&lines, &label, smoothing > 0.0),
        title: title.to_owned(),
        legend,
    })
}

/// What a chart says to whoever doesn't see it.
fn described(title: &str, names: &[(&str, &str)], runs: &[Series<'_>]) -> String {
    let mut words = title.to_owned();
    for run in runs {
        for (name, what) in names {
            let numbers: Vec<f64> = run
                .rows
                .iter()
                .filter_map(|row| row.numbers.get(*name).copied())
                .collect();
            if let (Some(first), Some(last)) = (numbers.first(), numbers.last()) {
                let _ = write!(
                    words,
                    "; {}, {what}: {} to {}",
                    run.name,
                    short(*first),
                    short(*last)
                );
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[f64]) -> Vec<Row> {
        let row = |(round, value): (usize, &f64)| Row {
            round: round + 1,
            numbers: [("reward".to_owned(), *value), ("own/kept".to_owned(), 0.5)].into(),
        };
        values.iter().enumerate().map(row).collect()
    }

    #[test]
    fn charts_are_drawn_of_what_there_is_and_names_in_them_do_not_act() {
        let (one, other) = (rows(&[0.0, f64::NAN, 1.0]), rows(&[0.5]));
        let runs = [
            Series {
                name: "<b>",
                rows: &one,
            },
            Series {
                name: "two",
                rows: &other,
            },
        ];
        let found = charts(&runs, 0.6);
        let titles: Vec<&str> = found.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles, ["Reward", "kept"]);
        let svg = &found[0].svg;
        assert!(
            svg.contains("class=\"c0 d0\"") && svg.contains("<circle class=\"c1\""),
            "{svg}"
        );
        assert!(
            !svg.contains("<b>") && !svg.contains("NaN") && !svg.contains("style="),
            "{svg}"
        );
    }
}
