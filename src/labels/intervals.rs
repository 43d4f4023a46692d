//! Intervals of whatever is computed of labels: clusters are drawn again with replacement, and each counts as often as it was
//! drawn. Percentiles 2.5 and 97.5 (Efron & Tibshirani 1993, section 13.3).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Options;

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Both ends; nothing of one cluster alone, and where most draws have no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.3}", self.value)?;
        match self.interval {
            Some((low, high)) => write!(out, " [{low:.3}, {high:.3}]"),
            None => Ok(()),
        }
    }
}

/// What `of` gives for clusters that count 1, with its interval over clusters drawn again. `of` is told what each cluster counts.
pub(super) fn measured(
    clusters: usize,
    options: Options,
    of: impl Fn(&[f64]) -> Option<f64>,
) -> Option<Measured> {
    let value = of(&vec![1.0; clusters])?;
    let several = several(clusters, options, |counts| {
        of(counts).map(|value| vec![value])
    });
    let interval = several.and_then(|intervals| intervals.first().copied());
    Some(Measured { value, interval })
}

/// The intervals of several numbers over the same draws; nothing of one cluster alone, and where most draws have no value.
pub(super) fn several(
    clusters: usize,
    options: Options,
    of: impl Fn(&[f64]) -> Option<Vec<f64>>,
) -> Option<Vec<(f64, f64)>> {
    if clusters < 2 || options.draws == 0 {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut drawn: Vec<Vec<f64>> = Vec::with_capacity(options.draws);
    for _ in 0..options.draws {
        let mut counts = vec![0.0; clusters];
        for _ in 0..clusters {
            counts[rng.random_range(0..clusters)] += 1.0;
        }
        drawn.extend(of(&counts));
    }
    if 2 * drawn.len() < options.draws {
        return None;
    }
    let width = drawn.first()?.len();
    let interval = |place: usize| {
        let mut values: Vec<f64> = drawn.iter().map(|values| values[place]).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let at = |quantile: f64| values[((values.len() as f64 * quantile) as usize).min(last)];
        (at(0.025), at(0.975))
    };
    Some((0..width).map(interval).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_drawn_whole_and_one_alone_has_no_interval() {
        let options = Options::default();
        // Two clusters with 0 and 1: means 0, 1/2 and 1 with probability 1/4, 1/2, 1/4.
        let mean = |counts: &[f64]| Some(counts[1] / (counts[0] + counts[1]));
        let found = measured(2, options, mean).unwrap();
        assert_eq!((found.value, found.interval), (0.5, Some((0.0, 1.0))));
        assert_eq!(found.to_string(), "0.500 [0.000, 1.000]");
        let alone = measured(1, options, |_| Some(0.25)).unwrap();
        assert_eq!((alone.value, alone.interval), (0.25, None));
        // Where most draws have no value there is no interval to speak of.
        let rare = measured(5, options, |counts| (counts == [1.0; 5]).then_some(1.0)).unwrap();
        assert_eq!(rare.interval, None);
        assert_eq!(measured(2, options, |_| None), None);
    }
}
