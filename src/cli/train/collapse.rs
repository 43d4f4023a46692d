//! Whether preferred answers are still said: objectives on pairs can move two answers apart by making both unlikely, the
//! rejected one more so.

use std::path::Path;

use crate::journal;
use crate::objective::pairs::CHOSEN_TOKEN;
use crate::train::RoundMetrics;

/// Nats that the mean log-probability of a preferred answer's token may fall below its highest before it is said.
const FALL: f64 = 0.5;

/// The highest mean so far.
pub(super) struct Collapse {
    highest: f64,
    said: bool,
}

impl Collapse {
    /// Of a run's rounds so far.
    pub(super) fn of(folder: &Path) -> Self {
        let mut collapse = Self {
            highest: f64::NEG_INFINITY,
            said: false,
        };
        // A file that is not there yet, or not to be read, is the business of whoever continues the run.
        let earlier = journal::read::<RoundMetrics>(&folder.join("metrics.jsonl"));
        for metrics in earlier.unwrap_or_default() {
            collapse.look(&metrics);
        }
        collapse.said = false;
        collapse
    }

    /// What is to be said of a round, the first time there is something.
    pub(super) fn look(&mut self, metrics: &RoundMetrics) -> Option<String> {
        let now = metrics.own.get(CHOSEN_TOKEN)?;
        self.highest = self.highest.max(now);
        let fallen = self.highest - now;
        if self.said || fallen < FALL {
            return None;
        }
        self.said = true;
        Some(format!(
            "warning: preferred answers are said less and less: the mean log-probability of their tokens is {now:.2} in round {}, {fallen:.2} below its highest. Lower the learning rate, raise objective.settings.beta, or take an objective that holds them up (rpo, orpo)",
            metrics.round
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_is_said_once_and_counted_from_the_highest() {
        let folder = tempfile::tempdir().unwrap();
        let round = |round: usize, value: f64| {
            let mut metrics = RoundMetrics {
                round,
                ..RoundMetrics::default()
            };
            metrics.own.add(CHOSEN_TOKEN, value);
            metrics
        };
        let line = serde_json::to_string(&round(0, -0.2)).unwrap() + "\n";
        std::fs::write(folder.path().join("metrics.jsonl"), line).unwrap();
        let mut collapse = Collapse::of(folder.path());
        assert_eq!(collapse.look(&round(1, -0.6)), None);
        let said = collapse.look(&round(2, -0.8)).unwrap();
        assert!(said.contains("is -0.80 in round 2, 0.60 below"), "{said}");
        assert_eq!(collapse.look(&round(3, -2.0)), None);
        // Objectives without such answers have nothing to say.
        let mut other = Collapse::of(&folder.path().join("none"));
        assert_eq!(other.look(&RoundMetrics::default()), None);
    }
}
