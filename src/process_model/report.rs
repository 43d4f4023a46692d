//! Labelled steps that the model has not learnt from → how often it is right about them. What was sampled together is drawn whole
//! in intervals.

use std::collections::HashMap;

use serde::Serialize;

use super::data::{Data, Labelled};
use super::{ProcessModel, Read};
use crate::statistics::{Estimate, bootstrap};

/// Names the draws of intervals.
const SEED: u64 = 7;

/// What is said of a process reward model. A step is held right where that is likelier than not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Answers.
    pub answers: usize,
    /// Labelled steps whose label is not even.
    pub steps: usize,
    /// Share of those that are right.
    pub right: f64,
    /// Share of steps that are held for what they are.
    pub accuracy: Estimate,
    /// The same of right steps alone.
    pub accuracy_of_right: Estimate,
    /// The same of wrong steps alone.
    pub accuracy_of_wrong: Estimate,
    /// Answers with a wrong step.
    pub with_wrong: usize,
    /// Share of those whose first wrong step is the first that is held wrong.
    pub first_found: Estimate,
}

impl Report {
    /// Of answers.
    pub fn of(model: &ProcessModel, data: &Data, tokens_per_pass: usize) -> Self {
        let reads: Vec<&Read> = data.answers.iter().map(|answer| &answer.read).collect();
        let said = model.shares(&reads, tokens_per_pass);
        Self::of_said(&data.answers, &said)
    }

    fn of_said(answers: &[Labelled], said: &[Vec<f64>]) -> Self {
        let mut clusters: HashMap<&str, usize> = HashMap::new();
        let (mut steps, mut firsts) = (Vec::new(), Vec::new());
        for (answer, said) in answers.iter().zip(said) {
            let count = clusters.len();
            let cluster = *clusters.entry(&answer.cluster).or_insert(count);
            let pairs = answer.shares.iter().zip(said);
            steps.extend(
                pairs
                    .filter(|(share, _)| **share != 0.5)
                    .map(|(share, said)| (cluster, *share > 0.5, (*share > 0.5) == (*said > 0.5))),
            );
            if let Some(first) = answer.shares.iter().position(|share| *share < 0.5) {
                let held = said.iter().position(|said| *said <= 0.5);
                firsts.push((cluster, held == Some(first)));
            }
        }
        let share = |all: &[(usize, bool)]| {
            let values: Vec<f64> = all
                .iter()
                .map(|(_, holds)| f64::from(u8::from(*holds)))
                .collect();
            let clusters: Vec<usize> = all.iter().map(|(cluster, _)| *cluster).collect();
            bootstrap::mean(&values, &clusters, SEED)
        };
        let of = |wanted: &dyn Fn(bool) -> bool| -> Vec<(usize, bool)> {
            let chosen = steps.iter().filter(|(_, right, _)| wanted(*right));
            chosen.map(|(cluster, _, held)| (*cluster, *held)).collect()
        };
        Self {
            answers: answers.len(),
            steps: steps.len(),
            right: of(&|right| right).len() as f64 / steps.len().max(1) as f64,
            accuracy: share(&of(&|_| true)),
            accuracy_of_right: share(&of(&|right| right)),
            accuracy_of_wrong: share(&of(&|right| !right)),
            with_wrong: firsts.len(),
            first_found: share(&firsts),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "steps held for what they are  {} of {} steps of {} answers ({:.1}% right)\nof right steps                {}\nof wrong steps                {}\nfirst wrong step found        {} of {} answers with one",
            self.accuracy,
            self.steps,
            self.answers,
            100.0 * self.right,
            self.accuracy_of_right,
            self.accuracy_of_wrong,
            self.first_found,
            self.with_wrong
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_report() {
        let answer = |shares: &[f64], cluster: &str| Labelled {
            shares: shares.to_vec(),
            cluster: cluster.to_owned(),
            ..Labelled::default()
        };
        let answers = [
            answer(&[1.0, 1.0, 0.0], "a"),
            answer(&[1.0, 0.0, 0.0], "b"),
            answer(&[0.5, 0.75], "c"),
        ];
        let said = [vec![0.9, 0.6, 0.1], vec![0.4, 0.3, 0.8], vec![0.1, 0.9]];
        let report = Report::of_said(&answers, &said);
        assert_eq!((report.answers, report.steps, report.with_wrong), (3, 7, 2));
        // Right: 3 of 4 held right; wrong: 2 of 3 held wrong.
        assert!((report.right - 4.0 / 7.0).abs() < 1e-12);
        assert!((report.accuracy.mean - 5.0 / 7.0).abs() < 1e-12);
        assert!((report.accuracy_of_right.mean - 0.75).abs() < 1e-12);
        assert!((report.accuracy_of_wrong.mean - 2.0 / 3.0).abs() < 1e-12);
        // Of the second answer an earlier step is held wrong.
        assert_eq!(report.first_found.mean, 0.5);
        assert!(report.to_string().contains("71.4%"), "{report}");
    }
}
