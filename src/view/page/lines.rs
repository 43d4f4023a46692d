//! Numbers per policy version → a small line for a cell of a table, and shares as bars.

use std::fmt::Write as _;

/// A line of shares from 0 to 1, with what it shows in words.
pub(super) fn line(shares: &[f64], words: &str) -> String {
    const WIDTH: f64 = 120.0;
    const HEIGHT: f64 = 22.0;
    let step = WIDTH / shares.len().saturating_sub(1).max(1) as f64;
    let mut points = String::new();
    for (place, share) in shares.iter().enumerate() {
        // Writing to a String can't fail.
        let _ = write!(
            points,
            "{:.1},{:.1} ",
            place as f64 * step,
            2.0 + (1.0 - share) * (HEIGHT - 4.0)
        );
    }
    let label = crate::view::visible::escaped(words);
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\"><polyline class=\"c0\" points=\"{points}\"/></svg>"
    )
}

/// A bar of a share with its interval.
pub(super) fn bar(mean: f64, low: f64, high: f64) -> String {
    let of = |share: f64| 100.0 * share.clamp(0.0, 1.0);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 12\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"all\" width=\"100\" height=\"12\"/><rect class=\"share\" width=\"{:.1}\" height=\"12\"/><rect class=\"span\" x=\"{:.1}\" y=\"5\" width=\"{:.1}\" height=\"2\"/></svg>",
        of(mean),
        of(low),
        (of(high) - of(low)).max(0.5)
    )
}
