//! Differences of some problems → a test: p-value, bounds, verdict, and what it would take to tell. Pure.
//!
//! Regression: "nothing changed" is rejected at alpha, and a drop beyond the margin is not excluded. No regression: a drop of
//! the margin or more is rejected at alpha. Both are one-sided. Anything else is inconclusive, and says so: an absent alarm
//! from too little data is no pass.

use std::fmt::Write as _;

use serde::Serialize;

use super::Verdict;
use crate::counted::counted;
use crate::evaluation::estimators::pass_at_k;
use crate::statistics::{bootstrap, normal_quantile, paired};

/// Both sides of some problems.
#[derive(Clone, Debug)]
pub struct Data {
    /// (episodes, solved) of each problem.
    pub baseline: Vec<(usize, usize)>,
    /// The same of the candidate, in the same order.
    pub candidate: Vec<(usize, usize)>,
    /// Number of each problem's cluster, in the same order: what was sampled together is weighed as one.
    pub clusters: Vec<usize>,
    /// k of pass@k.
    pub k: usize,
    /// Whole number of whose inverse every difference is a multiple, if it fits.
    pub denominator: Option<u64>,
}

/// Chance to find a drop as large as the minimum detectable effect.
pub(crate) const POWER: f64 = 0.8;

/// What was found on some problems. Shares are between 0 and 1; a positive drop is a loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Problems.
    pub problems: usize,
    /// Clusters they form, the unit that is weighed.
    pub clusters: usize,
    /// The metric on the baseline.
    pub baseline: f64,
    /// And on the candidate.
    pub candidate: f64,
    /// Baseline − candidate.
    pub drop: f64,
    /// One-sided lower bound of the drop, at confidence 1 − alpha.
    pub low: f64,
    /// One-sided upper bound.
    pub high: f64,
    /// Chance of such a drop or a larger one where nothing changed.
    pub p: f64,
    /// The same, adjusted for all tests of this gate (Holm).
    pub p_adjusted: f64,
    /// `p` is exact, not drawn.
    pub exact: bool,
    /// Smallest true drop that would be found with a chance of 80%.
    pub minimum_detectable: f64,
    /// Problems it would take at this number of episodes to exclude a drop of the margin, with a chance of 80% where
    /// nothing changed; absent where the margin is 0.
    pub problems_needed: Option<usize>,
    /// Episodes per problem it would take on these problems; absent where that is not known or not enough.
    pub episodes_needed: Option<usize>,
    /// The answer on these problems.
    pub verdict: Verdict,
}

/// Weighs the differences.
pub fn decide(data: &Data, margin: f64, alpha: f64, seed: u64) -> Test {
    let value = |&(n, c): &(usize, usize)| pass_at_k(n, c, data.k);
    let differences: Vec<f64> = data
        .baseline
        .iter()
        .zip(&data.candidate)
        .map(|(old, new)| value(old) - value(new))
        .collect();
    let problems = differences.len();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / problems.max(1) as f64;
    let (baseline, candidate) = (
        mean(&mut data.baseline.iter().map(value)),
        mean(&mut data.candidate.iter().map(value)),
    );
    let drop = mean(&mut differences.iter().copied());
    let z = normal_quantile(1.0 - alpha);
    let paired: Vec<(f64, f64)> = differences.iter().map(|&d| (d, 1.0)).collect();
    let clusters = bootstrap::gathered(&paired, &data.clusters);
    let sums: Vec<f64> = clusters.iter().map(|(sum, _)| *sum).collect();
    let largest = clusters.iter().map(|(_, size)| *size as usize).max();
    let (low, high) = paired::bounds(&sums, problems, largest.unwrap_or(1), z);
    let (p, exact) = paired::sign_flip(&sums, data.denominator, seed);
    let error = (high - drop) / z;
    let reach = z + normal_quantile(POWER);
    let (problems_needed, episodes_needed) = if margin > 0.0 {
        let factor = reach * error / margin;
        let needed = (problems as f64 * factor * factor).ceil() as usize;
        (Some(needed.max(1)), episodes(data, error, margin / reach))
    } else {
        (None, None)
    };
    let mut test = Test {
        problems,
        clusters: clusters.len(),
        baseline,
        candidate,
        drop,
        low,
        high,
        p,
        p_adjusted: p,
        exact,
        minimum_detectable: reach * error,
        problems_needed,
        episodes_needed,
        verdict: Verdict::Inconclusive,
    };
    test.adjust(p, margin, alpha);
    if test.verdict == Verdict::Inconclusive {
        // The rule has just said that what there is does not suffice.
        let played = data.baseline.iter().chain(&data.candidate);
        let least = played.map(|&(n, _)| n + 1).min().unwrap_or(1);
        test.problems_needed = test.problems_needed.map(|needed| needed.max(problems + 1));
        test.episodes_needed = test.episodes_needed.map(|needed| needed.max(least));
    }
    test
}

/// Episodes per problem and side that bring the standard error of the mean, `error` now, down to `target`: what varies
/// between problems stays, what varies within a problem shrinks. Only for k = 1 with at least two episodes, where the two
/// can be told apart. `error` is that of the bounds that decide, so that the advice and the verdict never contradict.
fn episodes(data: &Data, error: f64, target: f64) -> Option<usize> {
    let problems = data.baseline.len() as f64;
    let sides = || data.baseline.iter().chain(&data.candidate);
    if data.k != 1 || problems < 2.0 || sides().any(|&(n, _)| n < 2) {
        return None;
    }
    let variance = error * error * problems;
    // Unbiased estimate of p(1-p) of each side, and of what it adds to the variance of a difference.
    let unit = |&(n, c): &(usize, usize)| {
        let (n, share) = (n as f64, c as f64 / n as f64);
        (share * (1.0 - share) * n / (n - 1.0), n)
    };
    let per_episode = sides().map(|side| unit(side).0).sum::<f64>() / problems;
    let within = sides()
        .map(|side| {
            let (unit, n) = unit(side);
            unit / n
        })
        .sum::<f64>()
        / problems;
    let between = (variance - within).max(0.0);
    let room = problems * target * target - between;
    (room > 0.0).then(|| ((per_episode / room).ceil() as usize).max(1))
}

impl Test {
    /// Decides by a p-value adjusted for other tests.
    pub fn adjust(&mut self, p: f64, margin: f64, alpha: f64) {
        self.p_adjusted = p;
        self.verdict = if self.high <= margin {
            Verdict::NoRegression
        } else if p < alpha {
            Verdict::Regression
        } else {
            Verdict::Inconclusive
        };
    }

    /// What it would take to tell.
    pub fn what_it_takes(&self, margin: f64) -> String {
        let points = |share: f64| format!("{:.1}", 100.0 * share);
        if margin <= 0.0 {
            return format!(
                "no drop is tolerated, so only a certain gain would pass; {} problems find a drop of {} points (80% of the \
                 time)",
                self.problems,
                points(self.minimum_detectable)
            );
        }
        let mut text = format!(
            "neither a change nor its absence is certain: a drop of up to {} points is possible, {} are tolerated; it takes \
             {}",
            points(self.high),
            points(margin),
            counted(self.problems_needed.unwrap_or(0), "problem")
        );
        if let Some(episodes) = self.episodes_needed {
            let _ = write!(
                text,
                " or {} a problem on both sides",
                counted(episodes, "rollout")
            );
        }
        let _ = write!(text, " to tell (now {})", counted(self.problems, "problem"));
        text
    }
}
