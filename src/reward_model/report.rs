//! Scores of held-out answers → how often the model orders pairs as people or judges do, and whether it is as sure as it is
//! right. Prompts are drawn whole in intervals, and those whose pairs name one cluster together.

use std::collections::HashMap;

use serde::Serialize;

use super::RewardModel;
use super::data::{Comparison, Prompted};
use crate::statistics::{Estimate, bootstrap};

/// Groups of how sure the model is, from 0.5 to 1.
const BINS: usize = 10;
/// Two answers are of equal length where they differ by so much of the longer one at most.
const EQUAL: f64 = 0.1;
/// Names the draws of intervals.
const SEED: u64 = 7;

/// What is said of a reward model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Prompts.
    pub prompts: usize,
    /// Pairs that are no tie.
    pub pairs: usize,
    /// Share of pairs in the right order; equal scores count half.
    pub accuracy: Estimate,
    /// Pairs of which both answers are about as long.
    pub equal_pairs: usize,
    /// The same over these alone.
    pub accuracy_at_equal_length: Estimate,
    /// Share of pairs in which the longer answer has the higher score: what length alone may decide.
    pub prefers_longer: f64,
    /// Mean distance between how sure the model is and how often it is right, over groups of pairs (ECE).
    pub calibration_error: f64,
}

/// One pair as the model sees it.
struct Seen {
    cluster: usize,
    /// The preferred answer's score less the other's.
    margin: f64,
    is_equal: bool,
    /// Whether the preferred answer is longer (1), as long (0), or shorter (-1).
    longer: f64,
}

impl Report {
    /// Of prompts that the model has not learnt from.
    pub fn of(model: &RewardModel, prompts: &[Prompted], tokens_per_pass: usize) -> Self {
        let mut seen = Vec::new();
        let mut clusters: HashMap<&str, usize> = HashMap::new();
        for (place, prompted) in prompts.iter().enumerate() {
            let cluster = prompted.cluster.as_deref();
            let cluster = cluster.map_or(place, |name| *clusters.entry(name).or_insert(place));
            let scores = model.scores(&prompted.texts, tokens_per_pass);
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            let certain = |pair: &Comparison| pair.certainty > 0.5;
            for pair in prompted.pairs().into_iter().filter(certain) {
                let (chosen, rejected) = (
                    prompted.lengths[pair.chosen],
                    prompted.lengths[pair.rejected],
                );
                let longest = chosen.max(rejected).max(1) as f64;
                let apart = chosen as f64 - rejected as f64;
                seen.push(Seen {
                    cluster,
                    margin: scores[pair.chosen] - scores[pair.rejected],
                    is_equal: apart.abs() <= EQUAL * longest,
                    longer: if apart == 0.0 { 0.0 } else { apart.signum() },
                });
            }
        }
        Self::of_seen(prompts.len(), &seen)
    }

    fn of_seen(prompts: usize, seen: &[Seen]) -> Self {
        let right = |one: &Seen| match one.margin.total_cmp(&0.0) {
            _ if one.margin == 0.0 => 0.5,
            std::cmp::Ordering::Greater => 1.0,
            _ => 0.0,
        };
        let accuracy = |chosen: &[&Seen]| {
            let values: Vec<f64> = chosen.iter().map(|one| right(one)).collect();
            let clusters: Vec<usize> = chosen.iter().map(|one| one.cluster).collect();
            bootstrap::mean(&values, &clusters, SEED)
        };
        let all: Vec<&Seen> = seen.iter().collect();
        let equal: Vec<&Seen> = seen.iter().filter(|one| one.is_equal).collect();
        let longer = seen
            .iter()
            .filter(|one| one.longer * one.margin > 0.0)
            .count();
        let differing = seen.iter().filter(|one| one.longer != 0.0).count();
        Self {
            prompts,
            pairs: seen.len(),
            accuracy: accuracy(&all),
            equal_pairs: equal.len(),
            accuracy_at_equal_length: accuracy(&equal),
            prefers_longer: longer as f64 / differing.max(1) as f64,
            calibration_error: calibration(seen, right),
        }
    }
}

/// `Σ |right - sure|` over groups by how sure the model is, each by its share of pairs.
fn calibration(seen: &[Seen], right: impl Fn(&Seen) -> f64) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for one in seen {
        let sure = 1.0 / (1.0 + (-one.margin.abs()).exp());
        let place = ((sure - 0.5) * 2.0 * BINS as f64) as usize;
        let bin = &mut bins[place.min(BINS - 1)];
        bin.0 += sure;
        bin.1 += right(one);
    }
    let gaps: f64 = bins.iter().map(|(sure, right)| (sure - right).abs()).sum();
    gaps / seen.len().max(1) as f64
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "pairs in the right order  {} of {} pairs of {} prompts\nat equal length           {} of {} pairs\nprefers the longer        {:5.1}%\ncalibration error         {:5.3}",
            self.accuracy,
            self.pairs,
            self.prompts,
            self.accuracy_at_equal_length,
            self.equal_pairs,
            100.0 * self.prefers_longer,
            self.calibration_error
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(cluster: usize, margin: f64, longer: f64) -> Seen {
        Seen {
            cluster,
            margin,
            is_equal: longer == 0.0,
            longer,
        }
    }

    #[test]
    fn hand_worked_report() {
        let all = [
            seen(0, 2.0, 1.0),
            seen(0, -1.0, -1.0),
            seen(1, 0.5, 0.0),
            seen(2, 0.0, 1.0),
        ];
        let report = Report::of_seen(3, &all);
        assert_eq!((report.pairs, report.equal_pairs), (4, 1));
        assert!((report.accuracy.mean - 2.5 / 4.0).abs() < 1e-12);
        assert!(report.accuracy.low < report.accuracy.mean);
        assert_eq!(report.accuracy_at_equal_length.mean, 1.0);
        // The longer one is higher in the first two of three; the third is even.
        assert!((report.prefers_longer - 2.0 / 3.0).abs() < 1e-12);
        // σ(2) = 0.880797 and right, σ(1) = 0.731059 and wrong, σ(0.5) = 0.622459 and right, 0.5 and half right.
        let gaps = (1.0 - 0.880_797) + 0.731_059 + (1.0 - 0.622_459) + 0.0;
        assert!((report.calibration_error - gaps / 4.0).abs() < 1e-5);
        assert!(report.to_string().contains("62.5%"), "{report}");
    }
}
