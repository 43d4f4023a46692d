//! The policy that did best on the validation set, in `checkpoints/best`, and what it did there: kept whole through any kill.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Run, RunError, file, read_json, write_json};
use crate::statistics::Estimate;
use crate::train::Learner;

/// What is kept beside the best policy.
const RECORD: &str = "validation.json";

/// What a policy did on the validation set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Rounds it had learnt.
    pub rounds: usize,
    /// Share of episodes solved.
    pub solved: Estimate,
    /// The cluster of every problem, the episodes of it that count, and those solved.
    pub problems: BTreeMap<String, (String, usize, usize)>,
}

impl Best {
    /// By how much this solves more of the problems that both were played on, the mean over clusters of the mean over each
    /// one's problems; and the difference of every cluster.
    pub fn over(&self, other: &Self) -> (f64, Vec<f64>) {
        let mut clusters: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for (id, (cluster, played, solved)) in &self.problems {
            let Some((_, before, solved_before)) = other.problems.get(id) else {
                continue;
            };
            if *played > 0 && *before > 0 {
                let share = |solved: usize, played: usize| solved as f64 / played as f64;
                let sum = clusters.entry(cluster).or_default();
                sum.0 += share(*solved, *played) - share(*solved_before, *before);
                sum.1 += 1.0;
            }
        }
        let each: Vec<f64> = clusters.values().map(|(sum, count)| sum / count).collect();
        let mean = each.iter().sum::<f64>() / each.len().max(1) as f64;
        (mean, each)
    }
}

impl Run {
    fn best_folders(&self) -> [PathBuf; 3] {
        let parent = self.folder.join("checkpoints");
        ["best", "partial-best", "former-best"].map(|name| parent.join(name))
    }

    /// What the best policy so far did, if there is one.
    pub(crate) fn best(&self) -> Result<Option<Best>, RunError> {
        let [best, _, former] = self.best_folders();
        if !best.exists() && former.exists() {
            // The new one was never in its place.
            std::fs::rename(&former, &best)
                .map_err(|error| RunError::of_io("rename", &best, error))?;
        }
        if !best.exists() {
            return Ok(None);
        }
        read_json(&best.join(RECORD)).map(Some)
    }

    /// Keeps a policy as the best one.
    pub(crate) fn keep_best(&self, learner: &Learner, record: &Best) -> Result<(), RunError> {
        if let Some(fault) = learner.fault() {
            let rounds = record.rounds;
            return Err(RunError::Unsound { rounds, fault });
        }
        let [best, partial, former] = self.best_folders();
        for folder in [&partial, &former] {
            let _ = std::fs::remove_dir_all(folder);
        }
        let write = || {
            self.write_policy(learner, &partial)?;
            write_json(&partial.join(RECORD), record)
        };
        write().inspect_err(|_| drop(std::fs::remove_dir_all(&partial)))?;
        if best.exists() {
            std::fs::rename(&best, &former).map_err(|error| file("rename", &best, error))?;
        }
        std::fs::rename(&partial, &best).map_err(|error| file("rename", &best, error))?;
        let _ = std::fs::remove_dir_all(&former);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(all: &[(&str, &str, usize, usize)]) -> Best {
        let problems = all.iter().map(|&(id, cluster, played, solved)| {
            (id.to_owned(), (cluster.to_owned(), played, solved))
        });
        Best {
            problems: problems.collect(),
            ..Best::default()
        }
    }

    #[test]
    fn a_cluster_counts_once_and_what_one_of_them_lacks_not_at_all() {
        let old = record(&[
            ("a", "c", 2, 0),
            ("b", "c", 2, 0),
            ("d", "e", 2, 2),
            ("x", "y", 2, 0),
        ]);
        let new = record(&[
            ("a", "c", 2, 2),
            ("b", "c", 2, 2),
            ("d", "e", 2, 0),
            ("x", "y", 0, 0),
        ]);
        // Two problems of one cluster are won and one of another is lost: a tie.
        assert_eq!(new.over(&old), (0.0, vec![1.0, -1.0]));
        let better = record(&[("a", "c", 2, 2), ("d", "e", 2, 1), ("new", "z", 2, 2)]);
        assert_eq!(better.over(&old), (0.25, vec![1.0, -0.5]));
        assert_eq!(better.over(&record(&[])).0, 0.0);
    }
}
