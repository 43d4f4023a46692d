//! Lines of points → a picture as SVG, with round numbers at its edges. Pure.

use std::fmt::Write as _;

use crate::view::visible::escaped;

/// Points of a line at most: more can't be told apart.
const POINTS: usize = 400;
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 170.0;
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 8.0;

/// A line of a chart.
pub(super) struct Line {
    pub(super) colour: usize,
    pub(super) dash: usize,
    /// As they were.
    pub(super) raw: Vec<(f64, f64)>,
    /// As they are drawn.
    pub(super) smooth: Vec<(f64, f64)>,
}

/// An exponential mean of what came before, without the pull of its start (Kingma and Ba 2015, equation 4).
pub(super) fn smoothed(points: &[(f64, f64)], weight: f64) -> Vec<(f64, f64)> {
    let (mut mean, mut share) = (0.0, 0.0);
    let each = points.iter().map(|&(at, value)| {
        mean = weight * mean + (1.0 - weight) * value;
        share = weight * share + (1.0 - weight);
        (at, mean / share)
    });
    each.collect()
}

/// At most [`POINTS`] points, each the mean of those in its place.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
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

/// The picture.
pub(super) fn drawn(lines: &[Line], label: &str, is_smoothed: bool) -> String {
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
pub(in crate::view) fn short(value: f64) -> String {
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
    fn numbers_are_short() {
        let of = [
            (0.0, "0"),
            (0.25, "0.25"),
            (-1.0, "-1"),
            (1234.4, "1234"),
            (100.0, "100"),
            (0.00012, "0.00012"),
            (0.0015, "0.0015"),
            (0.000_012, "1.2e-5"),
            (55.58, "55.6"),
        ];
        for (value, text) in of {
            assert_eq!(short(value), text);
        }
    }
}
