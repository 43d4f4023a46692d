//! Two sources' labels of the same things → how alike they are, beyond what chance would make them. All take what each thing
//! counts, so that clusters can be drawn again. Pure.

/// Two labels of one thing, and what it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Both {
    pub(crate) one: f64,
    pub(crate) other: f64,
    pub(crate) weight: f64,
}

/// The share that is labelled alike.
pub(super) fn raw(labels: &[Both]) -> Option<f64> {
    let all: f64 = labels.iter().map(|both| both.weight).sum();
    let alike = labels.iter().filter(|both| both.one == both.other);
    let alike: f64 = alike.map(|both| both.weight).sum();
    (all > 0.0).then(|| alike / all)
}

/// Cohen's kappa (1960): `(p - e) / (1 - e)` with the share `p` labelled alike and `e` what two sources with the same shares of
/// each label would have by chance. Nothing where that is all there is.
pub(crate) fn kappa(labels: &[Both]) -> Option<f64> {
    weighted(labels, |one, other| if one == other { 0.0 } else { 1.0 })
}

/// The same with the square of how far two labels are apart (Cohen 1968), for labels that are numbers.
pub(super) fn squared_kappa(labels: &[Both]) -> Option<f64> {
    weighted(labels, |one, other| (one - other).powi(2))
}

/// `1 - observed / expected` disagreement.
fn weighted(labels: &[Both], apart: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let all: f64 = labels.iter().map(|both| both.weight).sum();
    let observed: f64 = labels
        .iter()
        .map(|both| both.weight * apart(both.one, both.other))
        .sum();
    let (ones, others) = (
        shares(labels, |both| both.one),
        shares(labels, |both| both.other),
    );
    let mut expected = 0.0;
    for (one, share) in &ones {
        for (other, beside) in &others {
            expected += share * beside * apart(*one, *other);
        }
    }
    // Shares are sums, not yet divided.
    let expected = expected / all;
    (all > 0.0 && expected > 0.0).then(|| 1.0 - observed / expected)
}

/// What each label of one side counts.
fn shares(labels: &[Both], of: impl Fn(&Both) -> f64) -> Vec<(f64, f64)> {
    let mut shares: Vec<(f64, f64)> = Vec::new();
    for both in labels {
        let label = of(both);
        match shares.iter_mut().find(|(known, _)| *known == label) {
            Some((_, share)) => *share += both.weight,
            None => shares.push((label, both.weight)),
        }
    }
    shares
}

/// Pearson's correlation; nothing where either side is always the same.
pub(super) fn pearson(labels: &[Both]) -> Option<f64> {
    let all: f64 = labels.iter().map(|both| both.weight).sum();
    let mean = |of: &dyn Fn(&Both) -> f64| {
        labels
            .iter()
            .map(|both| both.weight * of(both))
            .sum::<f64>()
            / all
    };
    let (one, other) = (mean(&|both| both.one), mean(&|both| both.other));
    let both = mean(&|both| (both.one - one) * (both.other - other));
    let squares =
        mean(&|both| (both.one - one).powi(2)) * mean(&|both| (both.other - other).powi(2));
    (all > 0.0 && squares > 1e-24).then(|| both / squares.sqrt())
}

/// Labels as their ranks, equal ones at the mean of theirs: Pearson's correlation of these is Spearman's.
pub(super) fn ranked(labels: &[Both]) -> Vec<Both> {
    let ones = ranks(labels, |both| both.one);
    let others = ranks(labels, |both| both.other);
    let pairs = labels.iter().zip(ones.into_iter().zip(others));
    pairs
        .map(|(both, (one, other))| Both {
            one,
            other,
            weight: both.weight,
        })
        .collect()
}

fn ranks(labels: &[Both], of: impl Fn(&Both) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&one, &other| of(&labels[one]).total_cmp(&of(&labels[other])));
    let mut ranks = vec![0.0; labels.len()];
    let mut start = 0;
    while start < order.len() {
        let same = |place: &&usize| of(&labels[**place]) == of(&labels[order[start]]);
        let end = start + order[start..].iter().take_while(same).count();
        for &place in &order[start..end] {
            ranks[place] = (start + end - 1) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(counts: &[(f64, f64, f64)]) -> Vec<Both> {
        let both = |&(one, other, weight): &(f64, f64, f64)| Both { one, other, weight };
        counts.iter().map(both).collect()
    }

    fn near(found: Option<f64>, wanted: f64) {
        assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn hand_worked_kappa() {
        // 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: p = 0.7, e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
        let table = labels(&[
            (1.0, 1.0, 20.0),
            (1.0, 0.0, 5.0),
            (0.0, 1.0, 10.0),
            (0.0, 0.0, 15.0),
        ]);
        near(raw(&table), 0.7);
        near(kappa(&table), 0.4);
        // Two labels alone: squares say the same.
        near(squared_kappa(&table), 0.4);
        // Alike, and unlike throughout.
        near(kappa(&labels(&[(1.0, 1.0, 1.0), (0.0, 0.0, 1.0)])), 1.0);
        near(kappa(&labels(&[(1.0, 0.0, 1.0), (0.0, 1.0, 1.0)])), -1.0);
        // One label alone: chance is all there is.
        assert_eq!(kappa(&labels(&[(1.0, 1.0, 5.0)])), None);
        assert_eq!(raw(&[]), None);
    }

    #[test]
    fn hand_worked_squares() {
        // Ratings 1, 2, 3 against 1, 3, 3. Observed 1 of 3; expected: over the nine pairs of (1, 2, 3) and (1, 3, 3)
        // 0+4+4 + 1+1+1 + 4+0+0 = 15, by 3.
        let table = labels(&[(1.0, 1.0, 1.0), (2.0, 3.0, 1.0), (3.0, 3.0, 1.0)]);
        near(squared_kappa(&table), 1.0 - 1.0 / 5.0);
    }

    #[test]
    fn hand_worked_correlations() {
        let table = labels(&[(1.0, 2.0, 1.0), (2.0, 4.0, 1.0), (3.0, 9.0, 1.0)]);
        // Means 2 and 5: both 7, squares 2 and 26.
        near(pearson(&table), 7.0 / 52.0_f64.sqrt());
        near(pearson(&ranked(&table)), 1.0);
        let tied = labels(&[(1.0, 1.0, 1.0), (1.0, 2.0, 1.0), (2.0, 3.0, 1.0)]);
        // Ranks 0.5, 0.5, 2 against 0, 1, 2: both 1.5, squares 1.5 and 2.
        near(pearson(&ranked(&tied)), 1.5 / 3.0_f64.sqrt());
        assert_eq!(pearson(&labels(&[(1.0, 1.0, 1.0), (1.0, 2.0, 1.0)])), None);
    }
}
