//! Numbers of runs by round → charts as SVG: several runs over each other by colour, several numbers of a run by dashes. Drawn by
//! attributes alone, which a strict policy allows.

use std::fmt::Write as _;

use super::visible::escaped;
use crate::logger::Row;

/// Colours of runs, as classes of the style sheet.
const COLOURS: usize = 8;
/// Points of a line at most: more can't be told apart.
const POINTS: usize = 400;
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;

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

struct Line {
    colour: usize,
    dash: usize,
    /// As they were.
    raw: Vec<(f64, f64)>,
    /// As they are drawn.
    smooth: Vec<(f64, f64)>,
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

/// An exponential mean of what came before, without the pull of its start (Kingma and Ba 2015, equation 4).
fn smoothed(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let (mut mean, mut share) = (0.0, 0.0);
    let each = points.iter().map(|&(at, value)| {
        mean = weight * mean + (1.0 - weight) * value;
        share = weight * share + (1.0 - weight);
        (at, mean / share)
    });
    each.collect()
}

/// At most [`POINTS`] points, each the mean of those in its place.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let count = part.len() as f64;
        let sum = part
            .iter()
            .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count, sum.1 / count)
    };
    points.chunks(size).map(mean).collect()
}

fn drawn(lines: &[Line], label: &str, is_smoothed: bool) -> String {
    let all = || {
        lines
            .iter()
            .flat_map(|line| line.raw.iter().chain(&line.smooth))
    };
    let ends = |of: fn(&(f64, f64)) -> f64| {
        all()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
    };
    let (mut left, mut right) = ends(|point| point.0);
    if left == right {
        (left, right) = (left - 0.5, right + 0.5);
    }
    let (low, high) = ends(|point| point.1);
    let ticks = ticks(low, high);
    let (low, high) = (ticks[0].min(low), ticks[ticks.len() - 1].max(high));
    let x = |value: f64| LEFT + (value - left) / (right - left) * (WIDTH - LEFT - 8.0);
    let y = |value: f64| TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escaped(label)
    );
    for tick in &ticks {
        let at = y(*tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 8.0,
            LEFT - 5.0,
            at + 3.5,
            short(*tick)
        );
    }
    let rounds = [(left.ceil(), "start"), (right.floor(), "end")];
    for (round, anchor) in rounds {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{round}</text>",
            x(round),
            HEIGHT - 5.0
        );
    }
    let path = |points: &[(f64, f64)]| {
        let points: Vec<String> = points
            .iter()
            .map(|&(at, value)| format!("{:.1},{:.1}", x(at), y(value)))
            .collect();
        points.join(" ")
    };
    for line in lines {
        let (colour, dash) = (line.colour, line.dash);
        if is_smoothed {
            let _ = write!(
                svg,
                "<polyline class=\"raw c{colour}\" points=\"{}\"/>",
                path(&line.raw)
            );
        }
        if let [(at, value)] = line.smooth[..] {
            let _ = write!(
                svg,
                "<circle class=\"c{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"/>",
                x(at),
                y(value)
            );
        } else {
            let _ = write!(
                svg,
                "<polyline class=\"c{colour} d{dash}\" points=\"{}\"/>",
                path(&line.smooth)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Round numbers over a range, some three to six of them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if high - low > 1e-12 * high.abs().max(low.abs()) {
        (low, high)
    } else {
        // A line that is level needs a height to stand in.
        let half = if low == 0.0 { 0.5 } else { low.abs() * 0.1 };
        (low - half, high + half)
    };
    let rough = (high - low) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|of| of * power)
        .into_iter()
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let first = (low / step).floor() as i64;
    let last = (high / step).ceil() as i64;
    (first..=last).map(|tick| tick as f64 * step).collect()
}

/// A number in three digits that count.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || !value.is_finite() {
        return if size == 0.0 {
            "0".to_owned()
        } else {
            value.to_string()
        };
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let decimals = (2.0 - size.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
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
    fn hand_worked_smoothing() {
        let points = [(1.0, 1.0), (2.0, 3.0), (3.0, 3.0)];
        // Weights 0.5: 1; (0.25 + 1.5) / 0.75; (0.125 + 0.75 + 1.5) / 0.875.
        let found: Vec<f64> = smoothed(&points, 0.5).iter().map(|point| point.1).collect();
        for (found, wanted) in found.iter().zip([1.0, 7.0 / 3.0, 19.0 / 7.0]) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
        assert_eq!(smoothed(&points, 0.0), points);
    }

    #[test]
    fn ticks_are_round_and_hold_all() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(-0.9, 0.3), [-1.0, -0.5, 0.0, 0.5]);
        for (low, high) in [
            (0.0, 0.0),
            (3.0, 3.0),
            (-1e-9, 1e-9),
            (1e9, 1.1e9),
            (-5.0, -5.0),
        ] {
            let found = ticks(low, high);
            assert!(found.len() >= 2 && found.len() < 12, "{found:?}");
            assert!(
                found[0] <= low && found[found.len() - 1] >= high,
                "{found:?}"
            );
        }
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

    #[test]
    fn numbers_are_short() {
        let of = [
            (0.0, "0"),
            (0.25, "0.25"),
            (-1.0, "-1"),
            (1234.4, "1234"),
            (100.0, "100"),
            (0.00012, "0.00012"),
            (0.0015, "0.0015"),
            (0.000012, "1.2e-5"),
            (55.58, "55.6"),
        ];
        for (value, text) in of {
            assert_eq!(short(value), text);
        }
    }
}
