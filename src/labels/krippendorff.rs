//! Labels of any number of labellers, of which each labelled some things → Krippendorff's alpha (2011, "Computing Krippendorff's
//! Alpha-Reliability"): 1 where all agree, 0 where they agree as by chance. Pure.

/// How far two labels are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// 1 where they differ.
    Nominal,
    /// The square of their difference.
    Interval,
}

impl Distance {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Nominal => f64::from(u8::from(one != other)),
            Self::Interval => (one - other).powi(2),
        }
    }
}

/// `1 - observed / expected` disagreement over the labels of each thing. Things with one label say nothing. Nothing where there are
/// none with two, or where all labels are the same: then chance is all there is.
pub fn alpha(things: &[Vec<f64>], distance: Distance) -> Option<f64> {
    let paired = || things.iter().filter(|labels| labels.len() > 1);
    let count: usize = paired().map(Vec::len).sum();
    let mut observed = 0.0;
    for labels in paired() {
        let apart: f64 = pairs(labels)
            .map(|(one, other)| distance.of(one, other))
            .sum();
        // Both orders of each pair, each counted for as much as one label of the thing.
        observed += 2.0 * apart / (labels.len() - 1) as f64;
    }
    // Labels are few, things may be many.
    let mut shares: Vec<(f64, f64)> = Vec::new();
    for &label in paired().flatten() {
        match shares.iter_mut().find(|(known, _)| *known == label) {
            Some((_, share)) => *share += 1.0,
            None => shares.push((label, 1.0)),
        }
    }
    let mut expected = 0.0;
    for (one, share) in &shares {
        for (other, beside) in &shares {
            expected += share * beside * distance.of(*one, *other);
        }
    }
    (expected > 0.0).then(|| 1.0 - (count as f64 - 1.0) * observed / expected)
}

/// All pairs of these, each once.
fn pairs(labels: &[f64]) -> impl Iterator<Item = (f64, f64)> {
    labels
        .iter()
        .enumerate()
        .flat_map(|(place, &one)| labels[place + 1..].iter().map(move |&other| (one, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of labellers, a letter a thing, with a dot where there is no label.
    fn things(rows: &[&str]) -> Vec<Vec<f64>> {
        let label = |letter: u8| (letter != b'.').then(|| f64::from(letter));
        let length = rows[0].len();
        (0..length)
            .map(|place| {
                rows.iter()
                    .filter_map(|row| label(row.as_bytes()[place]))
                    .collect()
            })
            .collect()
    }

    fn near(found: Option<f64>, wanted: f64) {
        assert!(
            (found.unwrap() - wanted).abs() < 5e-4,
            "{found:?}, {wanted}"
        );
    }

    /// Worked examples: two labellers and two labels, two and five (the paper's A and B), and three with gaps, whose alphas are
    /// given as 0.691 and 0.811.
    #[test]
    fn published_examples() {
        near(
            alpha(&things(&["0100000000", "1110010100"]), Distance::Nominal),
            0.095,
        );
        near(
            alpha(
                &things(&["aabbdcccedda", "babbbccceddd"]),
                Distance::Nominal,
            ),
            0.692,
        );
        let three = things(&[".....34121133.3", "1.213343.......", "..21344.21133.4"]);
        near(alpha(&three, Distance::Nominal), 0.691);
        near(alpha(&three, Distance::Interval), 0.811);
    }

    #[test]
    fn hand_worked_alpha() {
        // Three things, two labels each: 1 1, 2 2, 1 2. Observed: one pair apart, both orders, 2. Labels: 1 three times, 2 three
        // times, expected 9 + 9 = 18. 1 - 5 * 2 / 18 = 4 / 9.
        let three = [vec![1.0, 1.0], vec![2.0, 2.0], vec![1.0, 2.0]];
        assert!((alpha(&three, Distance::Nominal).unwrap() - 4.0 / 9.0).abs() < 1e-12);
        // A label by itself says nothing.
        let more = [&three[..], &[vec![2.0], vec![]]].concat();
        assert_eq!(
            alpha(&more, Distance::Nominal),
            alpha(&three, Distance::Nominal)
        );
        // Three labels of one thing, -1 0 1, and two 1s of another. Squares: 1 + 4 + 1 = 6, both orders 12, over two others 6.
        // Labels: -1 once, 0 once, 1 three times: pairs (-1, 0) 1, (-1, 1) 3 * 4, (0, 1) 3, both orders 32. 1 - 4 * 6 / 32.
        let steps = [vec![-1.0, 0.0, 1.0], vec![1.0, 1.0]];
        assert!((alpha(&steps, Distance::Interval).unwrap() - 0.25).abs() < 1e-12);
        assert_eq!(alpha(&[vec![1.0, 1.0]], Distance::Nominal), None);
        assert_eq!(alpha(&[], Distance::Nominal), None);
    }
}
